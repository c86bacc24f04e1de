"""Repositories in memory: what the dispatcher and the outbox need of them, without a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.chat import MODEL, Author, Room
from bot.domain.errors import NoOpenJob
from bot.domain.inference import Score
from bot.domain.jobs import GenerationOptions, Job, JobState, Length
from bot.domain.replies import OutboxRow
from bot.domain.story import Passage, Story, candidate_id

AYA = Author("fake", "u1", "綾", "ja")
ASK = GenerationOptions(Length.MEDIUM, "standard", 1)
"""What somebody wants who leaves it all to the rules."""


@dataclass
class MemoryStories:
    """`bot.domain.repositories.Stories`."""

    kept: dict[str, Story] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    """For a job that began: its story, and how many passages stand before its reply."""

    async def open_in(self, room: Room) -> Story | None:
        """The story told in a room."""
        return self.kept.get(f"story {room.id}")

    async def get(self, story_id: str) -> Story:
        """The story with this id."""
        return self.kept[story_id]

    async def before_reply(self, job_id: str) -> Story:
        """The story as far as a job's place."""
        story_id, place = self.places[job_id]
        story = self.kept[story_id]
        return replace(story, passages=story.passages[:place])

    def append(self, story_id: str, author: Author, text: str) -> None:
        """Let somebody write."""
        story = self.kept[story_id]
        passage = Passage(f"p{len(story.passages)}", story_id, story.head, author, text)
        self.kept[story_id] = replace(story, passages=(*story.passages, passage), head=passage.id)

    def end_of(self, job: Job) -> int:
        """How many passages a job's story has."""
        return len(self.kept[job.story_id].passages)

    def place(self, job: Job) -> None:
        """Give a job's reply its place."""
        ids = [passage.id for passage in self.kept[job.story_id].passages]
        instead_of = job.options.instead_of
        self.places[job.id] = (job.story_id, len(ids) if instead_of is None else ids.index(instead_of))

    def put_in(self, job: Job, text: str, name: str) -> Passage:
        """Put a reply at its place; what was written meanwhile stands behind it."""
        story, (_, place) = self.kept[job.story_id], self.places.get(job.id, ("", self.end_of(job)))
        before = story.passages[:place]
        after = story.passages[place + (job.options.instead_of is not None) :]
        passage = Passage(name, story.id, before[-1].id if before else None, MODEL, text)
        head, hangs_on = (story.head, name) if after else (name, None)
        passages = (*before, passage, *after)
        self.kept[story.id] = replace(story, passages=passages, head=head, hangs_on=hangs_on)
        return passage


@dataclass
class MemoryPassages:
    """`bot.domain.repositories.Passages`."""

    kept_scores: dict[str, tuple[Score, ...]] = field(default_factory=dict)

    async def save_scores(self, passage_id: str, scores: Sequence[Score]) -> None:
        """Keep them."""
        self.kept_scores[passage_id] = tuple(scores)


@dataclass
class MemoryOutbox:
    """`bot.domain.repositories.OutboxRows`."""

    jobs: dict[str, Job]
    rows: dict[tuple[str, int], OutboxRow] = field(default_factory=dict)

    async def of_job(self, job_id: str) -> Sequence[OutboxRow]:
        """A job's rows."""
        return [row for (owner, _), row in sorted(self.rows.items()) if owner == job_id]

    async def save(self, row: OutboxRow) -> None:
        """Insert or replace."""
        self.rows[row.job_id, row.part] = row

    async def undelivered(self) -> Sequence[OutboxRow]:
        """Rows not known to be seen, or whose former message may be."""
        return [row for row in self.rows.values() if not row.delivered or row.former_id is not None]

    async def interactive_in(self, room: Room) -> Sequence[OutboxRow]:
        """Rows that carry buttons, of jobs that are over."""
        rows = [
            row for row in self.rows.values() if row.reply.interactive and row.message_id and row.room == room
        ]
        return [row for row in rows if self.jobs[row.job_id].state.final]


@dataclass
class MemoryJobs:
    """`bot.domain.repositories.Jobs`."""

    kept: dict[str, Job]
    stories: MemoryStories
    reasons: dict[str, str] = field(default_factory=dict)
    candidates: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    """How long a job's story was when the job was made."""

    async def get(self, job_id: str) -> Job | None:
        """A job by id."""
        return self.kept.get(job_id)

    async def unfinished(self) -> Sequence[Job]:
        """Jobs that are not over."""
        return [job for job in self.kept.values() if not job.state.final]

    async def claim(self, job_id: str) -> Job | None:
        """Make a waiting job running."""
        job = self.kept.get(job_id)
        if job is None or job.state is not JobState.WAITING:
            return None
        moved = job.moved
        if job_id not in self.stories.places:
            self.stories.place(job)
            moved += self.stories.end_of(job) > self.asked[job_id] and job.options.instead_of is None
        self.kept[job_id] = replace(job, state=JobState.RUNNING, attempts=job.attempts + 1, moved=moved)
        return self.kept[job_id]

    async def release(self, job_id: str, *, begun: bool = True) -> None:
        """Make a running job waiting."""
        job = self.kept[job_id]
        if job.state is JobState.RUNNING:
            self.kept[job_id] = replace(job, state=JobState.WAITING, attempts=job.attempts - (not begun))
            if not self.kept[job_id].attempts:
                _, self.asked[job_id] = self.stories.places.pop(job_id)

    async def finish(self, job_id: str, state: JobState, reason: str = "") -> None:
        """Set a final state."""
        if not self.kept[job_id].state.final:
            self.kept[job_id] = replace(self.kept[job_id], state=state)
            self.reasons[job_id] = reason

    async def complete(self, job_id: str, texts: Sequence[str]) -> Sequence[Passage]:
        """Keep the candidates; the job is done."""
        job = self.kept[job_id]
        if job.state.final:
            raise NoOpenJob(f"the job is over: {job.state}")
        self.kept[job_id] = replace(job, state=JobState.DONE)
        self.candidates[job_id] = tuple(texts)
        names = [candidate_id(job_id, number) for number in range(len(texts))]
        first = self.stories.put_in(job, texts[0], names[0])
        return [replace(first, id=name, text=text) for name, text in zip(names, texts, strict=True)]


@dataclass
class MemorySettings:
    """`bot.domain.repositories.ScopedSettings`; `innermost` is what is set at the innermost scope."""

    innermost: dict[str, object] = field(default_factory=dict)

    async def get(self, platform: str, scopes: Sequence[str]) -> Sequence[Mapping[str, object]]:
        """What is set at each scope."""
        return [{} for _ in scopes[1:]] + [self.innermost]


class MemoryStore:
    """`bot.domain.repositories.Repositories`. Outlives the parts of a test as a database does a process."""

    def __init__(self) -> None:
        kept: dict[str, Job] = {}
        self.stories = MemoryStories()
        self.passages = MemoryPassages()
        self.jobs = MemoryJobs(kept, self.stories)
        self.outbox = MemoryOutbox(kept)
        self.settings = MemorySettings()

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
        story = self.stories.kept.setdefault(f"story {room}", Story(f"story {room}", where, ""))
        self.stories.append(story.id, author, text)
        job = Job(job_id, story.id, where, author, ask or ASK, seed=7)
        self.jobs.kept[job_id] = job
        self.jobs.asked[job_id] = self.stories.end_of(job)
        return job

    def text(self, room: str = "r") -> list[str]:
        """The passages of a room's story."""
        return [passage.text for passage in self.stories.kept[f"story {room}"].passages]
