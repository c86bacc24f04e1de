"""Tests of what Discord sends, in our words."""
