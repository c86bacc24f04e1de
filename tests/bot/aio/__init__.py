"""Tests of the small asynchronous mechanisms."""
