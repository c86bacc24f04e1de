"""Tests of Discord's parts by themselves."""
