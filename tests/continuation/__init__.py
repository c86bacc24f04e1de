"""What of a streaming text is kept."""
