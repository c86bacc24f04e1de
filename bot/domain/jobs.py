"""What somebody asks of the model, and the job that it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.chat import Author, Room


class Length(StrEnum):
    """How much the model adds. The figures are in `LENGTH_CHARACTERS`."""

    SHORT = "short"
    MEDIUM = "medium"
    LONG = "long"


LENGTH_CHARACTERS = {Length.SHORT: 80, Length.MEDIUM: 200, Length.LONG: 500}
"""Characters after which the next sentence end ends the continuation."""

MIN_CHARACTERS, MAX_CHARACTERS = 20, 1000
"""Characters that may be asked for. More would leave a model of 1,024 positions no room for the story."""

MAX_CANDIDATES = 5
"""How many candidates may be asked for at once."""


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """What a person wants of the model; what is left open is as the room's rules have it.

    `length`: a `Length`, or characters; 0 open. `preset`: "" open. `candidates`: 0 open (one). `seed` None:
    drawn when the job is made, then kept with it. `instead_of`: the passage that another one shall stand
    beside, from the same parent; it stays as an alternative. `scores`: keep each token's probability.
    A job's ask leaves nothing open but the seed.
    """

    length: Length | int = 0
    preset: str = ""
    candidates: int = 0
    seed: int | None = None
    instead_of: str | None = None
    scores: bool = False


class JobState(StrEnum):
    """A job's life. `DONE`, `FAILED` and `CANCELLED` are final."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Job:
    """One asked-for continuation of one story, for one person. `attempts` counts the starts so far.

    `moved`: how often its message had to be posted anew, because somebody wrote below it before it began.
    """

    id: str
    story_id: str
    room: Room
    author: Author
    options: GenerationOptions
    seed: int
    state: JobState = JobState.WAITING
    attempts: int = 0
    moved: int = 0


@dataclass(frozen=True, slots=True)
class JobReceipt:
    """What a person gets for an accepted request. `place` 0: it starts at once.

    `repeated`: the event had been heard before, nothing was done again.
    `unknown`: characters of their text that the model cannot see; `read_as`: what it reads around the first.
    `unwritable`: those that it reads and may not write; `languages_needed`: what it would have to be allowed.
    """

    job_id: str
    story_id: str
    place: int
    repeated: bool = False
    unknown: tuple[str, ...] = field(default=())
    read_as: str = ""
    unwritable: tuple[str, ...] = field(default=())
    languages_needed: tuple[str, ...] = field(default=())

    @property
    def needs_warning(self) -> bool:
        """Whether the model does not see, or may not write, some of the text."""
        return bool(self.unknown or self.unwritable)
