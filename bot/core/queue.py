"""The jobs that wait for the model: bounded, fair between people, never two of one story at once.

No I/O and no clock: it lives on one event loop, and what it forgets at a restart the store remembers.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bot.domain.chat import Author
from bot.domain.errors import QueueFull, TooManyWaiting
from bot.domain.jobs import Job

Person = tuple[str, str]


@dataclass(slots=True)
class _Entry:
    """A job between `put` and `done`."""

    job: Job
    running: bool = False
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class JobQueue:
    """Who is next.

    People take turns: one start for each who waits, in the order in which they began to wait, however many
    jobs one of them has put. So a person's next job starts after at most one job of everybody else who waits,
    jobs that were put back aside. A job whose story is being written to is passed over and keeps its turn.
    """

    def __init__(self, limit: int = 100, per_author: int = 5) -> None:
        if limit < 1 or per_author < 1:
            raise ValueError(f"limit ({limit}) and per_author ({per_author}) must be positive")
        self._limit = limit
        self._per_author = per_author
        self._entries: dict[str, _Entry] = {}
        self._front: deque[str] = deque()
        self._lines: dict[Person, deque[str]] = {}
        self._busy: dict[str, str] = {}
        self._seats: Counter[Person] = Counter()
        self._getters: set[asyncio.Future[None]] = set()
        self._callbacks: list[Callable[[], None]] = []

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._entries) - len(self._busy)

    # Putting

    def put(self, job: Job) -> int:
        """Let `job` wait and return its place. A job that is here already stays where it is.

        Raises:
            QueueFull, TooManyWaiting
        """
        if job.id not in self._entries:
            self._require_room(job.author)
        return self._admit(job)

    @contextmanager
    def reserve(self, author: Author) -> Iterator[Callable[[Job], int]]:
        """Keep room for one job of `author` while its text is being stored; yields a `put` that cannot fail.

        Raises:
            QueueFull, TooManyWaiting: at once, before anything is stored.
        """
        self._require_room(author)
        person = _person(author)
        self._seats[person] += 1
        try:
            yield self._admit
        finally:
            self._seats[person] -= 1
            if not self._seats[person]:
                del self._seats[person]

    def restore(self, jobs: Iterable[Job]) -> None:
        """Let jobs wait that were accepted before a restart: in their order, whatever the bounds.

        Those that were begun wait in front of all that never were, as after `put_back`.
        """
        for job in jobs:
            if job.attempts and job.id not in self._entries:
                self._entries[job.id] = _Entry(job)
                self._front.append(job.id)
            else:
                self._admit(job)
        self._changed()

    def put_back(self, job: Job) -> None:
        """Free the job's story and let it wait in front of all that never started."""
        entry = self._entries.setdefault(job.id, _Entry(job, running=True))
        if not entry.running:
            return
        self._release(job)
        entry.job, entry.running = job, False
        self._front.append(job.id)
        self._changed()

    # Taking

    async def get(self) -> Job:
        """The next job, as soon as there is one; its story is busy until `done` or `put_back`."""
        while (job := self.take()) is None:
            getter = asyncio.get_running_loop().create_future()
            self._getters.add(getter)
            try:
                await getter
            finally:
                self._getters.discard(getter)
        return job

    def take(self) -> Job | None:
        """The next job if one can start now."""
        job_id = next((i for i in self._in_order() if self._entries[i].job.story_id not in self._busy), None)
        if job_id is None:
            return None
        entry = self._entries[job_id]
        self._remove_waiting(entry.job, served=True)
        entry.running = True
        self._busy[entry.job.story_id] = job_id
        self._changed()
        return entry.job

    def done(self, job_id: str) -> None:
        """Forget a job that was taken and free its story. An unknown job is no error."""
        entry = self._entries.get(job_id)
        if entry is None or not entry.running:
            return
        del self._entries[job_id]
        self._release(entry.job)
        self._changed()

    # Asking

    def place(self, job_id: str) -> int | None:
        """How many jobs come before a waiting job, the one that runs in its story among them.

        None for a job that runs or is not here.
        """
        entry = self._entries.get(job_id)
        if entry is None or entry.running:
            return None
        ahead = next(index for index, waiting in enumerate(self._in_turns()) if waiting == job_id)
        return ahead + (entry.job.story_id in self._busy)

    def jobs_of(self, story_id: str) -> list[Job]:
        """The story's jobs: the running one, then those that wait, next first."""
        running = self._busy.get(story_id)
        ids = ([running] if running else []) + list(self._in_turns())
        jobs = (self._entries[job_id].job for job_id in ids)
        return [job for job in jobs if job.story_id == story_id]

    def waiting(self) -> list[Job]:
        """The jobs that wait, next first."""
        return [self._entries[job_id].job for job_id in self._in_turns()]

    # Stopping

    def cancel(self, job_id: str) -> bool:
        """Remove a waiting job, or set the stop event of a running one; False for an unknown job."""
        entry = self._entries.get(job_id)
        if entry is None:
            return False
        entry.stop.set()
        if not entry.running:
            del self._entries[job_id]
            self._remove_waiting(entry.job, served=False)
            self._changed()
        return True

    def stop_event(self, job_id: str) -> asyncio.Event:
        """Set once the job is cancelled; it stays set when the job is put back.

        Raises:
            KeyError: the job is not here.
        """
        return self._entries[job_id].stop

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time after places changed, on the loop, with the queue in order."""
        self._callbacks.append(callback)

    # Inside

    def _require_room(self, author: Author) -> None:
        person = _person(author)
        own = sum(1 for e in self._entries.values() if not e.running and _person(e.job.author) == person)
        if own + self._seats[person] >= self._per_author:
            raise TooManyWaiting(limit=self._per_author)
        if len(self) + self._seats.total() >= self._limit:
            raise QueueFull(limit=self._limit)

    def _admit(self, job: Job) -> int:
        if job.id not in self._entries:
            self._entries[job.id] = _Entry(job)
            self._lines.setdefault(_person(job.author), deque()).append(job.id)
            self._changed()
        return self.place(job.id) or 0

    def _in_order(self) -> Iterator[str]:
        """Waiting jobs as they are offered a start: one person's line after the other's."""
        yield from self._front
        for line in self._lines.values():
            yield from line

    def _in_turns(self) -> Iterator[str]:
        """Waiting jobs in the order in which they would start if every story were free."""
        yield from self._front
        longest = max((len(line) for line in self._lines.values()), default=0)
        for turn in range(longest):
            for line in self._lines.values():
                if turn < len(line):
                    yield line[turn]

    def _remove_waiting(self, job: Job, *, served: bool) -> None:
        """Take `job` out of its line; a person who was served goes behind everybody who waits."""
        if job.id in self._front:
            self._front.remove(job.id)
            return
        person = _person(job.author)
        line = self._lines[person]
        line.remove(job.id)
        if served or not line:
            del self._lines[person]
        if served and line:
            self._lines[person] = line

    def _release(self, job: Job) -> None:
        if self._busy.get(job.story_id) == job.id:
            del self._busy[job.story_id]

    def _changed(self) -> None:
        # All are woken, not one: a woken getter may be cancelled before it runs, and they are few.
        for getter in self._getters:
            if not getter.done():
                getter.set_result(None)
        for callback in self._callbacks:
            callback()


def _person(author: Author) -> Person:
    return author.platform, author.id
