"""What the app does with what Slack sends: events, commands, actions, views, shortcuts."""
