"""Jobs, and the replies that they write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.chat import Author, Room
from bot.domain.jobs import Job, JobState
from bot.domain.replies import OutboxRow
from bot.domain.story import Passage


class Jobs(Protocol):
    """What the model was asked to write. A job waits, runs, and is done, failed or cancelled for good."""

    async def get(self, job_id: str) -> Job | None:
        """A job by id."""
        ...

    async def by_message(self, platform: str, message_id: str) -> Job | None:
        """The job whose reply a message is."""
        ...

    async def unfinished(self) -> Sequence[Job]:
        """Jobs that wait or ran when the process ended: those that were begun first, then the oldest."""
        ...

    async def count_since(
        self, platform: str, since: datetime, *, author: Author | None = None, scope: str | None = None
    ) -> int:
        """How many jobs were made since then, of an author, or where settings of a scope hold."""
        ...

    async def claim(self, job_id: str) -> Job | None:
        """Mark a waiting job running and count the attempt; None if it is no longer waiting.

        The first time its reply gets its place: behind the story's end as it is now. Raises StoryBusy where
        another reply of the story was begun and is not over.
        """
        ...

    async def release(self, job_id: str, *, begun: bool = True) -> None:
        """Put a running job back to waiting (the worker died, the process ends).

        `begun` False: the worker would not take it, and the attempt does not count. A reply that never began
        gives its place back.
        """
        ...

    async def finish(self, job_id: str, state: JobState, reason: str = "") -> None:
        """Set a final state other than done."""
        ...

    async def complete(self, job_id: str, texts: Sequence[str]) -> Sequence[Passage]:
        """Keep a job's candidates, in their order, and mark the job done, at once.

        Their ids are `candidate_id(job_id, number)`. They stand where the job began, or, with an option
        `instead_of`, beside that passage. The story goes on with the first, and behind it with what people
        wrote meanwhile; unless another reply stands behind `instead_of` by now: then all are alternatives.
        """
        ...


class OutboxRows(Protocol):
    """The replies as people are shown them, message by message."""

    async def of_job(self, job_id: str) -> Sequence[OutboxRow]:
        """A job's reply as last written, by part."""
        ...

    async def save(self, row: OutboxRow) -> None:
        """Insert or replace the row of (job_id, part)."""
        ...

    async def undelivered(self) -> Sequence[OutboxRow]:
        """Rows whose last text people may not have seen, or whose former message may still be there."""
        ...

    async def interactive_in(self, room: Room) -> Sequence[OutboxRow]:
        """Rows of a room's jobs that are over whose messages still carry buttons."""
        ...
