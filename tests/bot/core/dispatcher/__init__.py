"""A job's life."""
