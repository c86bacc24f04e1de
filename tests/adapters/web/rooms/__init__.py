"""Tests of rooms as they are told on."""
