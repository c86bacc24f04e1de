"""Slack's Web API: one client, one budget, one border for errors."""
