"""Tests of the pure rules for stories."""
