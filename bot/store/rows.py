"""Rows into values and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from bot.messages import (
    Ask,
    Author,
    Draft,
    DraftState,
    Job,
    JobState,
    Length,
    Passage,
    Room,
    Story,
)
from bot.seams import OutboxRow
from bot.story import writable

Row = RowMapping | Mapping[str, Any]


def author_columns(author: Author) -> dict[str, Any]:
    """The columns of an author, in passages and jobs."""
    return {
        "author_platform": author.platform,
        "author_id": author.id,
        "author_name": writable(author.name),
        "author_locale": author.locale,
    }


def author_of(row: Row) -> Author:
    """The author of a passage or job."""
    return Author(row["author_platform"], row["author_id"], row["author_name"], row["author_locale"])


def room_columns(room: Room) -> dict[str, Any]:
    """The columns of a room, in stories, jobs and the outbox."""
    return {"platform": room.platform, "room_id": room.id}


def room_of(row: Row) -> Room:
    """The room of a story, job or outbox row."""
    return Room(row["platform"], row["room_id"])


def passage_of(row: Row) -> Passage:
    """A passage."""
    return Passage(row["id"], row["story_id"], row["parent_id"], author_of(row), row["text"])


def story_of(row: Row, passages: tuple[Passage, ...] = ()) -> Story:
    """A story with the given passages."""
    return Story(row["id"], room_of(row), row["title"], passages)


def ask_columns(ask: Ask) -> dict[str, Any]:
    """What was asked, as a job keeps it."""
    return {
        "length": ask.length.value,
        "preset": ask.preset,
        "candidates": ask.candidates,
        "asked_seed": ask.seed,
    }


def job_of(row: Row) -> Job:
    """A job."""
    ask = Ask(Length(row["length"]), row["preset"], row["candidates"], row["asked_seed"])
    return Job(
        id=row["id"],
        story_id=row["story_id"],
        room=room_of(row),
        author=author_of(row),
        ask=ask,
        seed=row["seed"],
        state=JobState(row["state"]),
        attempts=row["attempts"],
    )


def outbox_columns(row: OutboxRow) -> dict[str, Any]:
    """An outbox row without its key."""
    return {
        **room_columns(row.room),
        "message_id": row.message_id,
        "state": row.draft.state.value,
        "text": writable(row.draft.text),
        "note": writable(row.draft.note),
        "choices": [writable(choice) for choice in row.draft.choices],
        "delivered": row.delivered,
    }


def outbox_row_of(row: Row) -> OutboxRow:
    """An outbox row."""
    draft = Draft(DraftState(row["state"]), row["text"], row["note"], tuple(row["choices"]))
    return OutboxRow(row["job_id"], row["part"], room_of(row), row["message_id"], draft, row["delivered"])
