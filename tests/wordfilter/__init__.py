"""Words that a room does not want."""
