"""Rooms as they are told on, and what visitors do in them."""
