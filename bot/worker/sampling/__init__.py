"""Which token comes next: penalties, truncation, random draw."""
