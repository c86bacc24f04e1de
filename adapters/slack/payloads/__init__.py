"""From Slack's payloads to values of ours, and views back."""
