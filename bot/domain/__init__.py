"""Frozen values by subject, the error tree, and the ports: what the core asks of those around it."""
