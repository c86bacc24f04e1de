"""Tests of the bot and the worker, room by room as the code."""
