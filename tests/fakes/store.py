"""A store in memory: what the dispatcher and the outbox need of `Store`, without a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.domain.chat import MODEL, Author, Message, Room
from bot.domain.errors import NoOpenJob
from bot.domain.inference import Score
from bot.domain.jobs import GenerationOptions, Job, JobState, Length
from bot.domain.ports import OutboxRow, ReceivedMessage
from bot.domain.story import Passage, Story, candidate_id

AYA = Author("fake", "u1", "綾", "ja")
ASK = GenerationOptions(Length.MEDIUM, "standard", 1)
"""What somebody wants who leaves it all to the rules."""


class MemoryStore:
    """`bot.domain.ports.Store`. Outlives the parts of a test as a database outlives a process."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.reasons: dict[str, str] = {}
        self.told: dict[str, Story] = {}
        self.candidates: dict[str, tuple[str, ...]] = {}
        self.rows: dict[tuple[str, int], OutboxRow] = {}
        self.ruled: dict[str, object] = {}
        self.scores: dict[str, tuple[Score, ...]] = {}
        self.asked: dict[str, int] = {}
        self.places: dict[str, int] = {}

    def add(
        self,
        job_id: str,
        text: str = "それは晩のことであった。",
        ask: GenerationOptions | None = None,
        room: str = "r",
        author: Author = AYA,
    ) -> Job:
        """A waiting job in a room whose story gains `text` by its author."""
        where = Room("fake", room)
        story = self.told.setdefault(f"story {room}", Story(f"story {room}", where, ""))
        self._append(story.id, author, text)
        job = Job(job_id, story.id, where, author, ask or ASK, seed=7)
        self.jobs[job_id] = job
        self.asked[job_id] = len(self.told[story.id].passages)
        return job

    def text(self, room: str = "r") -> list[str]:
        """The passages of a room's story."""
        return [passage.text for passage in self.told[f"story {room}"].passages]

    async def receive_message(
        self,
        message: Message,
        ask: GenerationOptions | None,
        job_id: str,
        seed: int,
        *,
        parentheses_aside: bool = False,
    ) -> ReceivedMessage:
        """Not needed here."""
        raise NotImplementedError

    async def received(self, platform: str, event_id: str) -> ReceivedMessage | None:
        """Nothing was heard twice."""
        return None

    async def story(self, room: Room) -> Story | None:
        """The story told in a room."""
        return self.told.get(f"story {room.id}")

    async def story_by_id(self, story_id: str) -> Story:
        """The story with this id."""
        return self.told[story_id]

    async def story_before(self, job_id: str) -> Story:
        """The story as far as a job's place."""
        story = self.told[self.jobs[job_id].story_id]
        return replace(story, passages=story.passages[: self.places[job_id]])

    async def stories(self, platform: str) -> Sequence[Story]:
        """All stories."""
        return list(self.told.values())

    async def append_model(self, job_id: str, texts: Sequence[str]) -> Sequence[Passage]:
        """Keep the candidates; the job is done."""
        job = self.jobs[job_id]
        if job.state.final:
            raise NoOpenJob(f"the job is over: {job.state}")
        self.jobs[job_id] = replace(job, state=JobState.DONE)
        self.candidates[job_id] = tuple(texts)
        names = [candidate_id(job_id, number) for number in range(len(texts))]
        first = self._put_in(job, texts[0], names[0])
        return [replace(first, id=name, text=text) for name, text in zip(names, texts, strict=True)]

    async def passage(self, passage_id: str) -> Passage | None:
        """A passage that a story is told with."""
        everything = (passage for story in self.told.values() for passage in story.passages)
        return next((passage for passage in everything if passage.id == passage_id), None)

    async def rules(self, platform: str, scopes: Sequence[str]) -> Sequence[Mapping[str, object]]:
        """What `ruled` says, at the innermost scope."""
        return [{} for _ in scopes[1:]] + [self.ruled]

    async def save_scores(self, passage_id: str, scores: Sequence[Score]) -> None:
        """Keep them."""
        self.scores[passage_id] = tuple(scores)

    async def interactive_replies(self, room: Room) -> Sequence[OutboxRow]:
        """Rows that carry buttons, of jobs that are over."""
        rows = [
            row for row in self.rows.values() if row.reply.interactive and row.message_id and row.room == room
        ]
        return [row for row in rows if self.jobs[row.job_id].state.final]

    async def job(self, job_id: str) -> Job | None:
        """A job by id."""
        return self.jobs.get(job_id)

    async def job_of_message(self, platform: str, message_id: str) -> Job | None:
        """The job whose reply a message is."""
        rows = [row for row in self.rows.values() if row.message_id == message_id]
        found = next((row.job_id for row in rows if row.room.platform == platform), "")
        return self.jobs.get(found)

    async def unfinished_jobs(self) -> Sequence[Job]:
        """Jobs that are not over."""
        return [job for job in self.jobs.values() if not job.state.final]

    async def claim(self, job_id: str) -> Job | None:
        """Make a waiting job running."""
        job = self.jobs.get(job_id)
        if job is None or job.state is not JobState.WAITING:
            return None
        moved = job.moved
        if job_id not in self.places:
            self.places[job_id] = self._place(job)
            moved += self._ends_at(job) > self.asked[job_id] and job.options.instead_of is None
        self.jobs[job_id] = replace(job, state=JobState.RUNNING, attempts=job.attempts + 1, moved=moved)
        return self.jobs[job_id]

    async def release(self, job_id: str, *, begun: bool = True) -> None:
        """Make a running job waiting."""
        job = self.jobs[job_id]
        if job.state is JobState.RUNNING:
            self.jobs[job_id] = replace(job, state=JobState.WAITING, attempts=job.attempts - (not begun))
            if not self.jobs[job_id].attempts:
                self.asked[job_id] = self.places.pop(job_id)

    async def finish(self, job_id: str, state: JobState, reason: str = "") -> None:
        """Set a final state."""
        if not self.jobs[job_id].state.final:
            self.jobs[job_id] = replace(self.jobs[job_id], state=state)
            self.reasons[job_id] = reason

    async def outbox(self, job_id: str) -> Sequence[OutboxRow]:
        """A job's rows."""
        return [row for (owner, _), row in sorted(self.rows.items()) if owner == job_id]

    async def save_outbox(self, row: OutboxRow) -> None:
        """Insert or replace."""
        self.rows[row.job_id, row.part] = row

    async def undelivered(self) -> Sequence[OutboxRow]:
        """Rows not known to be seen, or whose former message may be."""
        return [row for row in self.rows.values() if not row.delivered or row.former_id is not None]

    def _ends_at(self, job: Job) -> int:
        return len(self.told[job.story_id].passages)

    def _place(self, job: Job) -> int:
        """How many passages stand before a job's reply."""
        ids = [passage.id for passage in self.told[job.story_id].passages]
        return self._ends_at(job) if job.options.instead_of is None else ids.index(job.options.instead_of)

    def _put_in(self, job: Job, text: str, name: str) -> Passage:
        """What was written meanwhile stands behind it."""
        story, place = self.told[job.story_id], self.places.get(job.id, self._ends_at(job))
        before = story.passages[:place]
        after = story.passages[place + (job.options.instead_of is not None) :]
        passage = Passage(name, story.id, before[-1].id if before else None, MODEL, text)
        head, hangs_on = (story.head, name) if after else (name, None)
        passages = (*before, passage, *after)
        self.told[story.id] = replace(story, passages=passages, head=head, hangs_on=hangs_on)
        return passage

    def _append(self, story_id: str, author: Author, text: str, name: str = "") -> Passage:
        story = self.told[story_id]
        passage = Passage(name or f"p{len(story.passages)}", story_id, story.head, author, text)
        self.told[story_id] = replace(story, passages=(*story.passages, passage), head=passage.id)
        return passage
