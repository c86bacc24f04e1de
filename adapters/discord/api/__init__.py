"""The way to Discord's REST API: rate limits, errors, history."""
