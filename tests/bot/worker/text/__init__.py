"""Tests of text and tokens."""
