"""The tables, one schema for SQLite and PostgreSQL.

Rows are known outside by `id`; `number` gives the order in which they were made, which a clock cannot.
A story is a tree of passages: `stories.head_id` is its current last one, and `parent_id` leads from there to
the first. Candidates that were not chosen are siblings, so a later choice only moves the head. `next_id` is
the child with which the story went on last (`stories.first_next_id` the same of its beginning): the way that
redo takes. No passage is ever removed, and `revisions` keeps what a changed one read before.

**A story's order is its thread's.** A reply stands where its job began, behind all that was written until
then and before all that came later:

- `jobs.place_id` is the passage that the reply goes on from (None: it begins the story). Until the job is
  claimed it says behind what its waiting sign stands; the claim makes it the head of that moment (`placed`),
  and every later attempt reads the story up to there and no further, so that its seed gives the same words.
  The place of a job with `instead_of` is the parent of that passage, always.
- A story has one job at most that is placed and not over, and moves are refused while it has any, so the way
  from the head back leads over the place until the end: what lies behind it was written meanwhile. Until the
  end it follows the place itself; then it goes behind the reply, and is marked (`passages.meanwhile`). Of a
  job that fails or is withdrawn nothing stays, not even an empty place: what was written meanwhile follows
  what came before already.
- What is marked hangs on whatever stands before it, not on one of several alternatives: it goes along when
  another of them is chosen or written, as long as nothing else was told behind it.
- Where somebody wrote below the waiting sign before the claim, `jobs.moved` is counted up: the reply's
  message is posted anew (`outbox.moved` says for which count a message was posted), and `outbox.former_id`
  is the message that then goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    cast,
    false,
    text,
)

from bot.domain.chat import Author, Room
from bot.domain.jobs import JobState
from bot.story.joining import writable

Row = RowMapping | Mapping[str, Any]

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


def _author() -> list[Column[str]]:
    names = ("author_platform", "author_id", "author_name", "author_locale")
    return [Column(name, String, nullable=False) for name in names]


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
    Column("first_next_id", ForeignKey("passages.id", use_alter=True), nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("closed_at", Moment, nullable=True),
    Column("within", JSON, nullable=False),
    Column("adult", Boolean, nullable=False, server_default=false()),
    Column("parentheses_aside", Boolean, nullable=False, server_default=false()),
    Column("memory", Text, nullable=False, server_default=text("''")),
    Column("note", Text, nullable=False, server_default=text("''")),
    Column("lore", JSON, nullable=False),
    Index("ix_stories_platform_changed_at", "platform", "changed_at"),
)
Index(
    "uq_stories_open",
    stories.c.platform,
    stories.c.room_id,
    unique=True,
    sqlite_where=text("closed_at IS NULL"),
    postgresql_where=text("closed_at IS NULL"),
)
"""A room has one open story, and any number of closed ones."""

passages = Table(
    "passages",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("story_id", ForeignKey("stories.id"), nullable=False, index=True),
    Column("parent_id", ForeignKey("passages.id"), nullable=True, index=True),
    *_author(),
    Column("text", Text, nullable=False),
    Column("event_id", String, nullable=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=True),
    Column("choice", Integer, nullable=False, server_default="0"),
    Column("created_at", Moment, nullable=False),
    Column("edited_at", Moment, nullable=True),
    Column("deleted_at", Moment, nullable=True),
    Column("next_id", ForeignKey("passages.id"), nullable=True),
    Column("meanwhile", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("job_id", "choice"),
    Index("ix_passages_author", "author_platform", "author_id"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("passage_id", ForeignKey("passages.id"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("replaced_at", Moment, nullable=False),
)

acts = Table(
    "acts",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("story_id", ForeignKey("stories.id"), nullable=False, index=True),
    Column("platform", String, nullable=False),
    Column("room_id", String, nullable=False),
    *_author(),
    Column("kind", String, nullable=False),
    # Passages for what moves in a story, stories for what changes which one is open.
    Column("before", String, nullable=True),
    Column("after", String, nullable=True),
    Column("passages_before", Integer, nullable=False),
    Column("passages_after", Integer, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("taken_back_at", Moment, nullable=True),
    Index("ix_acts_room", "platform", "room_id"),
    Index("ix_acts_author", "author_platform", "author_id"),
)

scores = Table(
    "scores",
    metadata,
    Column("passage_id", ForeignKey("passages.id"), primary_key=True),
    Column("tokens", JSON, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("story_id", ForeignKey("stories.id"), nullable=False, index=True),
    Column("platform", String, nullable=False),
    Column("room_id", String, nullable=False),
    *_author(),
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
    Column("instead_of", ForeignKey("passages.id", use_alter=True), nullable=True),
    Column("scores", Boolean, nullable=False, server_default=false()),
    Column("within", JSON, nullable=False),
    Column("place_id", ForeignKey("passages.id", use_alter=True), nullable=True),
    Column("placed", Boolean, nullable=False, server_default=false()),
    Column("moved", Integer, nullable=False, server_default="0"),
    Index("ix_jobs_platform_created_at", "platform", "created_at"),
    Index("ix_jobs_author", "author_platform", "author_id", "created_at"),
)

unfinished = jobs.c.state.in_([state for state in JobState if not state.final])
"""Of jobs: those that wait or run."""

received_events = Table(
    "heard",
    metadata,
    Column("platform", String, primary_key=True),
    Column("event_id", String, primary_key=True),
    Column("story_id", ForeignKey("stories.id"), nullable=False),
    Column("passage_id", ForeignKey("passages.id"), nullable=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=True),
    Column("heard_at", Moment, nullable=False),
    Index("ix_heard_passage_id", "passage_id"),
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
    Column("passage", String, nullable=False, server_default=text("''")),
    Column("live", Boolean, nullable=False, server_default=false()),
    Column("posted_at", Moment, nullable=True),
    Column("moved", Integer, nullable=False, server_default="0"),
    Column("former_id", String, nullable=True),
    Index(None, "delivered", "changed_at"),
    Index("ix_outbox_room", "platform", "room_id"),
    Index("ix_outbox_message", "platform", "message_id"),
)

room_settings = Table(
    "rules",
    metadata,
    Column("platform", String, primary_key=True),
    Column("scope", String, primary_key=True),
    Column("settings", JSON, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("platform", String, primary_key=True),
    Column("place", String, primary_key=True),
    Column("heard_until", Moment, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)


def in_utc(moment: datetime) -> datetime:
    """A moment as a table has it. SQLite gives it without a zone; what is stored is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def lies_in(within: ColumnElement[Any], place: str) -> ColumnElement[bool]:
    """Whether `place` is one of the strings of a JSON column."""
    return cast(within, Text).contains(json.dumps(place), autoescape=True)


def author_columns(author: Author) -> dict[str, Any]:
    """The columns of an author, in passages and jobs."""
    return {
        "author_platform": author.platform,
        "author_id": author.id,
        "author_name": writable(author.name),
        "author_locale": author.locale,
    }


def author_of(row: Row, prefix: str = "author") -> Author:
    """The author of a passage or job; with the prefix `asker`, for whom the model wrote a passage."""
    return Author(*(row[f"{prefix}_{name}"] for name in ("platform", "id", "name", "locale")))


def room_columns(room: Room) -> dict[str, Any]:
    """The columns that name a room, in stories, jobs and the outbox."""
    return {"platform": room.platform, "room_id": room.id}


def place_columns(room: Room) -> dict[str, Any]:
    """What a story's row remembers of its room besides."""
    return {"within": list(room.parent_scopes), "adult": room.adult}


def room_of(row: Row) -> Room:
    """The room of an outbox row, by its name alone."""
    return Room(row["platform"], row["room_id"])


def placed_room_of(row: Row) -> Room:
    """The room of a story or a job, with what it lies in."""
    return replace(room_of(row), parent_scopes=tuple(row["within"]), adult=row["adult"])
