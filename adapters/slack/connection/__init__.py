"""How Slack reaches the app: Socket Mode, HTTP, installations, credentials."""
