"""Tests of the checks of the GPU path."""
