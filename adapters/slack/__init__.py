"""Slack: mentions, direct messages and `/continue` in, continuations in the thread out."""

from adapters.slack.adapter import SlackAdapter

__all__ = ["SlackAdapter"]
