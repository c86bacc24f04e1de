"""The worker as its clients see it, and its promises about texts."""
