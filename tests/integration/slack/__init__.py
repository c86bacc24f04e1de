"""The Slack adapter, driven by the real Bolt app against our loopback Slack."""
