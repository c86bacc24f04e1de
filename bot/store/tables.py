"""The tables, one schema for SQLite and PostgreSQL.

Rows are known outside by `id`; `number` gives the order in which they were made, which a clock cannot.
A story is a tree of passages: `stories.head_id` is its current last one, and `parent_id` leads from there to
the first. Candidates that were not chosen are siblings, so a later choice only moves the head.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts by itself in a plain INTEGER primary key only."""

Moment = DateTime(timezone=True)
"""Always UTC."""

stories = Table(
    "stories",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("platform", String, nullable=False),
    Column("room_id", String, nullable=False),
    Column("title", String, nullable=False),
    # use_alter: stories and passages point at each other, and one of them must come first.
    Column("head_id", ForeignKey("passages.id", use_alter=True), nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("platform", "room_id"),
)

passages = Table(
    "passages",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("story_id", ForeignKey("stories.id"), nullable=False, index=True),
    Column("parent_id", ForeignKey("passages.id"), nullable=True, index=True),
    Column("author_platform", String, nullable=False),
    Column("author_id", String, nullable=False),
    Column("author_name", String, nullable=False),
    Column("author_locale", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("event_id", String, nullable=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=True),
    Column("choice", Integer, nullable=False, server_default="0"),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("job_id", "choice"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("story_id", ForeignKey("stories.id"), nullable=False, index=True),
    Column("platform", String, nullable=False),
    Column("room_id", String, nullable=False),
    Column("author_platform", String, nullable=False),
    Column("author_id", String, nullable=False),
    Column("author_name", String, nullable=False),
    Column("author_locale", String, nullable=False),
    Column("length", String, nullable=False),
    Column("preset", String, nullable=False),
    Column("candidates", Integer, nullable=False),
    Column("asked_seed", BigInteger, nullable=True),
    Column("seed", BigInteger, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

heard = Table(
    "heard",
    metadata,
    Column("platform", String, primary_key=True),
    Column("event_id", String, primary_key=True),
    Column("story_id", ForeignKey("stories.id"), nullable=False),
    Column("passage_id", ForeignKey("passages.id"), nullable=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=True),
    Column("heard_at", Moment, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("platform", String, nullable=False),
    Column("room_id", String, nullable=False),
    Column("message_id", String, nullable=True),
    Column("state", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("note", String, nullable=False),
    Column("choices", JSON, nullable=False),
    Column("delivered", Boolean, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index(None, "delivered", "changed_at"),
)
