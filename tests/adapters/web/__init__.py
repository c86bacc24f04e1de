"""Tests of the web room's parts by themselves."""
