"""Stories: passages in a tree, what is noted about them, what was done to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.chat import MODEL, Author, Room


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a story by one author, exactly as written. `parent_id` None: one of the story's first.

    `asker`: for whom the model wrote it. `edited`: it read otherwise before. `deleted`: its author took it
    away; it has no text any more, and keeps its place for what came after.
    """

    id: str
    story_id: str
    parent_id: str | None
    author: Author
    text: str
    asker: Author | None = None
    edited: bool = False
    deleted: bool = False

    @property
    def by_model(self) -> bool:
        """Whether the model wrote it."""
        return self.author.platform == MODEL.platform


def candidate_id(job_id: str, number: int) -> str:
    """The id of the passage that a job's candidate becomes, counted from 0."""
    return f"{job_id}.{number}"


def candidate_number(passage_id: str) -> int | None:
    """By which number people know a candidate, counted from 1; None of a passage that is none."""
    job, _, number = passage_id.rpartition(".")
    return int(number) + 1 if job and number.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Lore:
    """Something to know whenever one of `keywords` stands in the last passages. Higher `priority` first."""

    keywords: tuple[str, ...]
    text: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Notes:
    """What the model is told besides the story: `memory` first, `note` near the end, `lore` as needed."""

    memory: str = ""
    note: str = ""
    lore: tuple[Lore, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyInProgress:
    """A reply that was begun and is not over.

    `after`: the passage that it stands behind; None: it begins the story. What is to replace another passage
    stands right behind that one until it is over.
    """

    job: str
    after: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """A story with the passages from its first to its current last, deleted ones left out.

    `head`: the last passage's id, also where that one was deleted. `can_redo`: `redo` has somewhere to go.
    `hangs_on`: the passage whose place they keep, where the story ends with passages that were written while
    that one was. `alternatives`: how many alternatives the last passage has, or the one that it hangs on.
    `parentheses_aside`: a line in single parentheses is said beside it, as the room's rules had it when the
    story began. `reply_in_progress`: the reply that stands in it already, though there is no passage of
    it yet; not told of a part of a story, nor in a list. `changed_at`: when it last changed, in a list only.
    """

    id: str
    room: Room
    title: str
    passages: tuple[Passage, ...] = ()
    head: str | None = None
    notes: Notes = Notes()
    closed: bool = False
    can_redo: bool = False
    hangs_on: str | None = None
    alternatives: int = 0
    parentheses_aside: bool = False
    reply_in_progress: ReplyInProgress | None = None
    changed_at: datetime | None = None


class ActKind(StrEnum):
    """What can be done to a story that everybody sees at once."""

    UNDO = "undo"
    REDO = "redo"
    CHOOSE = "choose"
    BRANCH = "branch"
    DELETE = "delete"
    BEGIN = "begin"
    CLOSE = "close"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did to a story, and the way back.

    `before`, `after`: passages (where the story ended; for DELETE the passage itself, and None), or, for
    BEGIN, CLOSE and REOPEN, the stories that were open in the room. How many passages the story had before
    and after is what people are told of it.
    """

    id: str
    story_id: str
    room: Room
    by: Author
    kind: ActKind
    before: str | None = None
    after: str | None = None
    passages_before: int = 0
    passages_after: int = 0
    taken_back: bool = False
