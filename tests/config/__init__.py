"""Tests of settings, phrases and the log."""
