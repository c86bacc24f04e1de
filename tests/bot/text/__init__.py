"""Written Japanese."""
