"""A story's text."""
