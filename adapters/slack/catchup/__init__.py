"""What was written while nobody listened."""
