"""Tests of what is measured beside the worker."""
