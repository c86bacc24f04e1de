"""Tests of how checkpoints are found, read and kept."""
