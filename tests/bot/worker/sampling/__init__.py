"""Tests of how a token is drawn."""
