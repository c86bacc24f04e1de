"""The worker's HTTP API: requests, responses, streams."""
