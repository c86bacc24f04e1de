"""What outlives a restart: stories, passages, jobs, rules and the outbox, in SQLite or PostgreSQL."""

from bot.store.opening import open_store
from bot.store.sql import SqlStore

__all__ = ["SqlStore", "open_store"]
