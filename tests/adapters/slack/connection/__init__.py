"""Tests of how Slack reaches the app."""
