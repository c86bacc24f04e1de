"""The worker: torch, text and the engine."""
