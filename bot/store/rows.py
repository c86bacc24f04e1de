"""Rows into values and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping

from bot.domain.chat import Author, Room
from bot.domain.inference import Score
from bot.domain.jobs import GenerationOptions, Job, JobState, Length
from bot.domain.replies import Candidate, OutboxRow, Reply, ReplyState
from bot.domain.story import Act, ActKind, Lore, Notes, Passage, Story
from bot.story.joining import writable

Row = RowMapping | Mapping[str, Any]


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


def passage_of(row: Row) -> Passage:
    """A passage, from a row that has the author of its job too (`asker_…`)."""
    return Passage(
        id=row["id"],
        story_id=row["story_id"],
        parent_id=row["parent_id"],
        author=author_of(row),
        text=row["text"],
        asker=None if row["asker_id"] is None else author_of(row, "asker"),
        edited=row["edited_at"] is not None,
        deleted=row["deleted_at"] is not None,
    )


def story_of(row: Row) -> Story:
    """A story without its passages."""
    return Story(
        id=row["id"],
        room=placed_room_of(row),
        title=row["title"],
        head=row["head_id"],
        notes=Notes(row["memory"], row["note"], tuple(_lore_of(lore) for lore in row["lore"])),
        closed=row["closed_at"] is not None,
        parentheses_aside=row["parentheses_aside"],
    )


def notes_columns(notes: Notes) -> dict[str, Any]:
    """What a story's row holds of notes."""
    lore = [
        {
            "keywords": [writable(keyword) for keyword in entry.keywords],
            "text": writable(entry.text),
            "priority": entry.priority,
        }
        for entry in notes.lore
    ]
    return {"memory": writable(notes.memory), "note": writable(notes.note), "lore": lore}


def _lore_of(kept: Mapping[str, Any]) -> Lore:
    return Lore(tuple(kept["keywords"]), kept["text"], kept["priority"])


def act_columns(act: Act) -> dict[str, Any]:
    """What is kept of an act when it is made."""
    return {
        **room_columns(act.room),
        **author_columns(act.by),
        "id": act.id,
        "story_id": act.story_id,
        "kind": act.kind.value,
        "before": act.before,
        "after": act.after,
        "passages_before": act.passages_before,
        "passages_after": act.passages_after,
    }


def act_of(row: Row) -> Act:
    """An act; of its room the name alone."""
    return Act(
        row["id"],
        row["story_id"],
        room_of(row),
        author_of(row),
        ActKind(row["kind"]),
        row["before"],
        row["after"],
        row["passages_before"],
        row["passages_after"],
        taken_back=row["taken_back_at"] is not None,
    )


def options_columns(options: GenerationOptions) -> dict[str, Any]:
    """What was asked, as a job keeps it."""
    return {
        "length": str(options.length),
        "preset": options.preset,
        "candidates": options.candidates,
        "asked_seed": options.seed,
        "instead_of": options.instead_of,
        "scores": options.scores,
    }


def job_of(row: Row) -> Job:
    """A job."""
    length = row["length"]
    options = GenerationOptions(
        length=int(length) if length.isdecimal() else Length(length),
        preset=row["preset"],
        candidates=row["candidates"],
        seed=row["asked_seed"],
        instead_of=row["instead_of"],
        scores=row["scores"],
    )
    return Job(
        id=row["id"],
        story_id=row["story_id"],
        room=placed_room_of(row),
        author=author_of(row),
        options=options,
        seed=row["seed"],
        state=JobState(row["state"]),
        attempts=row["attempts"],
        moved=row["moved"],
    )


def outbox_columns(row: OutboxRow) -> dict[str, Any]:
    """An outbox row without its key."""
    draft = row.reply
    return {
        **room_columns(row.room),
        "message_id": row.message_id,
        "state": draft.state.value,
        "text": writable(draft.text),
        "note": writable(draft.note),
        "choices": [{"passage": one.passage, "text": writable(one.text)} for one in draft.other_candidates],
        "passage": draft.passage,
        "live": draft.interactive,
        "delivered": row.delivered,
        "moved": row.moved,
        "former_id": row.former_id,
    }


def outbox_row_of(row: Row) -> OutboxRow:
    """An outbox row."""
    draft = Reply(
        state=ReplyState(row["state"]),
        text=row["text"],
        note=row["note"],
        other_candidates=tuple(Candidate(one["passage"], one["text"]) for one in row["choices"]),
        job=row["job_id"],
        passage=row["passage"],
        interactive=row["live"],
    )
    return OutboxRow(
        row["job_id"],
        row["part"],
        room_of(row),
        row["message_id"],
        draft,
        row["delivered"],
        row["moved"],
        row["former_id"],
    )


def score_columns(scores: Iterable[Score]) -> list[list[Any]]:
    """Scores as JSON, which knows no infinity: an impossible token's log probability is null."""
    return [
        [
            score.token,
            _finite(score.logprob),
            [[token, _finite(logprob)] for token, logprob in score.top],
            score.offset,
        ]
        for score in scores
    ]


def score_of(kept: Sequence[Any]) -> Score:
    """A score."""
    token, logprob, top, offset = kept
    return Score(token, _logprob(logprob), tuple((one, _logprob(value)) for one, value in top), offset)


def _finite(logprob: float) -> float | None:
    return logprob if math.isfinite(logprob) else None


def _logprob(kept: float | None) -> float:
    return -math.inf if kept is None else kept
