"""Whole paths: real clients, browsers and processes against servers of ours."""
