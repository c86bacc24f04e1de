"""Alembic's migrations: `env.py` is its entry, `versions` the steps.

A change of the tables is made in `bot.store.tables` and in a new file in `versions`, and
`bot.store.migrate.REVISION` is set to it; a test compares the outcome of both.
"""
