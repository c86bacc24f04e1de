"""Tests of the step loop and what it decides with."""
