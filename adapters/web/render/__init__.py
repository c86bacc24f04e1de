"""What the pages draw, as values."""
