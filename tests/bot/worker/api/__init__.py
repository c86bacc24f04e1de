"""Tests of the worker's HTTP API."""
