"""Tests of the way to Discord's API."""
