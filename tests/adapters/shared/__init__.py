"""Tests of what all adapters share."""
