"""The worker's protocol, declared for both sides."""
