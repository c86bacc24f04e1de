"""Tests of the house itself: what is installed, who imports whom, what the documents promise."""
