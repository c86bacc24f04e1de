"""Tests of Slack's parts by themselves."""
