"""Checkpoints: found, fetched, read, converted to eight bits, kept."""
