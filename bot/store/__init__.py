"""What outlives a restart: stories, passages, jobs, settings and the outbox, in SQLite or PostgreSQL."""

from bot.store.opening import Store, open_store

__all__ = ["Store", "open_store"]
