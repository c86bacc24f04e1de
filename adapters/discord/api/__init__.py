"""The way to Discord's REST API: requests, rate limits, errors."""
