"""The seams between the rules and what does the work: store, engine, platforms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.messages import (
    Ask,
    Delta,
    Draft,
    Health,
    Job,
    JobState,
    Message,
    Passage,
    Request,
    Room,
    Story,
    TokenCount,
)


class Engine(Protocol):
    """A worker, wherever it runs. Every method raises `EngineError` for what goes wrong there."""

    def generate(self, request: Request) -> AsyncIterator[Delta]:
        """Stream a continuation; closing the iterator frees the worker's slot.

        Raises:
            EngineLoading, EngineFailed, EngineBusy, EngineUnavailable, RequestRejected, NotFinite
        """
        ...

    async def health(self) -> Health:
        """The worker's state. Raises EngineUnavailable where nothing answers."""
        ...

    async def count(self, text: str) -> TokenCount:
        """How the model reads `text`."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What the store made of a message: the passage (if it had text) and the job (if one was asked for)."""

    story_id: str
    passage: Passage | None
    job: Job | None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One platform message of a job's reply: part `part` of it, at `message_id` once it was posted.

    `draft` is what it must show in the end; `delivered` whether it does.
    """

    job_id: str
    part: int
    room: Room
    message_id: str | None
    draft: Draft
    delivered: bool


class Store(Protocol):
    """Everything that outlives a restart. Each method is one transaction."""

    async def hear(self, message: Message, ask: Ask | None, job_id: str, seed: int) -> Heard:
        """Append the message's passage and make a job, once per event id."""
        ...

    async def heard(self, platform: str, event_id: str) -> Heard | None:
        """What became of an event, None where it was never heard."""
        ...

    async def story(self, room: Room) -> Story | None:
        """The story told in a room, with its passages from first to last."""
        ...

    async def story_by_id(self, story_id: str) -> Story:
        """The story with this id."""
        ...

    async def stories(self, platform: str) -> Sequence[Story]:
        """The stories of a platform, latest first, without their passages."""
        ...

    async def append_model(self, job_id: str, texts: Sequence[str]) -> Passage:
        """Keep a job's continuations (the first becomes the story's last) and mark the job done, at once."""
        ...

    async def job(self, job_id: str) -> Job | None:
        """A job by id."""
        ...

    async def unfinished_jobs(self) -> Sequence[Job]:
        """Jobs that wait or ran when the process ended, oldest first."""
        ...

    async def claim(self, job_id: str) -> Job | None:
        """Mark a waiting job running and count the attempt; None if it is no longer waiting."""
        ...

    async def release(self, job_id: str) -> None:
        """Put a running job back to waiting (the worker died, the process ends)."""
        ...

    async def finish(self, job_id: str, state: JobState, reason: str = "") -> None:
        """Set a final state other than done."""
        ...

    async def outbox(self, job_id: str) -> Sequence[OutboxRow]:
        """A job's reply as last written, by part."""
        ...

    async def save_outbox(self, row: OutboxRow) -> None:
        """Insert or replace the row of (job_id, part)."""
        ...

    async def undelivered(self) -> Sequence[OutboxRow]:
        """Rows whose last draft people may not have seen."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform takes: message size in `measure`d units, and how often one room may be changed."""

    max_units: int
    changes_per_period: int
    period_s: float


class Platform(Protocol):
    """A connected platform, as the outbox uses it."""

    name: str
    limits: Limits

    def measure(self, text: str) -> int:
        """How many of the platform's units `text` takes once escaped."""
        ...

    async def post(self, room: Room, draft: Draft, key: str) -> str:
        """Post a message and return its id. `key` is the same when the same post is tried again.

        Raises:
            RetryLater, Undeliverable
        """
        ...

    async def edit(self, room: Room, message_id: str, draft: Draft) -> None:
        """Make an earlier message show `draft`. Raises RetryLater or Undeliverable."""
        ...
