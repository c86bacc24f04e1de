"""What outlives a restart: stories, passages, jobs, settings and the outbox, in SQLite or PostgreSQL."""

from sqlalchemy.ext.asyncio import AsyncEngine as DatabaseEngine

from bot.store.opening import Store, open_store

__all__ = ["DatabaseEngine", "Store", "open_store"]
