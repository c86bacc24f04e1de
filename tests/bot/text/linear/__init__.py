"""What reads a stranger's text takes time in proportion to it."""
