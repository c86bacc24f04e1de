"""The frozen values that travel between the rooms of the house."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Room:
    """Where one story is told: a thread, a channel, a web room.

    `id` is the platform's own address, as its adapter writes it (Discord: the thread's or DM channel's id;
    Slack: `TEAM/CHANNEL/THREAD_TS`; web: the room's slug; console: `-`).
    """

    platform: str
    id: str


@dataclass(frozen=True, slots=True)
class Author:
    """A person, or the model itself (`MODEL`). `locale` is `ja` or `en`."""

    platform: str
    id: str
    name: str
    locale: str = "ja"


MODEL = Author("tsuzuki", "model", "続き")


@dataclass(frozen=True, slots=True)
class Message:
    """What an adapter heard. `text` is exactly what the person wrote, without the mention or command.

    `event_id` is unique on its platform: hearing it again changes nothing. `title` names the story that this
    message begins, where the platform asked for one; empty: the story takes its title from its first line.
    """

    event_id: str
    room: Room
    author: Author
    text: str
    title: str = ""


class Length(StrEnum):
    """How much the model adds. The figures are in `LENGTH_CHARACTERS`."""

    SHORT = "short"
    MEDIUM = "medium"
    LONG = "long"


LENGTH_CHARACTERS = {Length.SHORT: 80, Length.MEDIUM: 200, Length.LONG: 500}
"""Characters after which the next sentence end ends the continuation."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. `top_k` 0 and `top_p` 1.0 switch the filter off.

    `repetition_penalty` divides the logits of tokens seen in the last `repetition_window` tokens (0: all).
    """

    temperature: float = 0.75
    top_p: float = 0.90
    top_k: int = 0
    repetition_penalty: float = 1.08
    repetition_window: int = 256


PRESETS = {
    "steady": Sampling(temperature=0.6, top_p=0.80, repetition_penalty=1.1),
    "standard": Sampling(),
    "bold": Sampling(temperature=1.0, top_p=0.95),
    "quickstart": Sampling(temperature=1.0, top_p=0.95, top_k=50, repetition_penalty=1.0),
}
PRESET_NAMES = {"堅実": "steady", "標準": "standard", "冒険": "bold"}
"""What a Japanese reader types for a preset."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person wants of the model. `seed` None: drawn when the job is made, then kept with it."""

    length: Length = Length.MEDIUM
    preset: str = "standard"
    candidates: int = 1
    seed: int | None = None


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
    """One asked-for continuation of one story, for one person. `attempts` counts the starts so far."""

    id: str
    story_id: str
    room: Room
    author: Author
    ask: Ask
    seed: int
    state: JobState = JobState.WAITING
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a story by one author, exactly as written. `parent_id` None: the story's first."""

    id: str
    story_id: str
    parent_id: str | None
    author: Author
    text: str

    @property
    def by_model(self) -> bool:
        """Whether the model wrote it."""
        return self.author.platform == MODEL.platform


@dataclass(frozen=True, slots=True)
class Story:
    """A story with the passages from its first to its current last."""

    id: str
    room: Room
    title: str
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What the worker is asked: the whole context once, and how to go on.

    `story` says for whom: requests of one story share a turn. `logprobs`: how many of the likeliest tokens
    are told beside each one drawn; None: no log probabilities at all.
    """

    prompt: str
    sampling: Sampling
    max_tokens: int
    min_tokens: int = 0
    n: int = 1
    seed: int | None = None
    stop: tuple[str, ...] = ()
    story: str = ""
    logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A written token, its log probability, the likeliest tokens with theirs, and its place in the text."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of generated text of candidate `index`. `finish_reason` is set on its last piece.

    `finish_reason`: `stop` (end of document or a stop string) or `length`. `scores`: of the tokens whose text
    begins here, where the request asked for them.
    """

    index: int
    text: str
    finish_reason: str | None = None
    scores: tuple[Score, ...] = ()


class EngineStatus(StrEnum):
    """What `/health` says."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Health:
    """The worker's state. `progress` runs from 0 to 1 while loading; `reason` is set when failed."""

    status: EngineStatus
    progress: float = 0.0
    reason: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """What the model reads of a text: how many tokens, and the characters it cannot see, each once."""

    tokens: int
    unknown: tuple[str, ...] = ()


class DraftState(StrEnum):
    """What a shown reply is just now."""

    WAITING = "waiting"
    WRITING = "writing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Draft:
    """What people are shown of a reply: `text` is the model's, `note` a line of ours in their language.

    Platforms escape `text`, set `note` apart, and add their own mark while the state is WRITING.
    `choices` holds the other candidates, when more than one was asked for.
    """

    state: DraftState
    text: str = ""
    note: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a person gets for an accepted request. `place` 0: it starts at once.

    `repeated`: the event had been heard before, nothing was done again.
    `unknown`: characters of their text that the model cannot see.
    """

    job_id: str
    story_id: str
    place: int
    repeated: bool = False
    unknown: tuple[str, ...] = field(default=())


class Say(Protocol):
    """Looks up the sentence `key` in a language and fills in `values`."""

    def __call__(self, key: str, locale: str, **values: object) -> str:
        """The sentence, in `locale` where it is there, else in English."""
        ...
