"""Servers on 127.0.0.1 that stand for the platforms."""
