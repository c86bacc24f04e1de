"""What outlives a restart: stories, passages, jobs and the outbox, in SQLite or PostgreSQL."""

from bot.store.sql import SqlStore, open_store

__all__ = ["SqlStore", "open_store"]
