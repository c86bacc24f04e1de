"""What each room shows, and what visitors do in it."""
