"""What people are shown of a reply."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.chat import Author, Room


class ReplyState(StrEnum):
    """What a shown reply is just now."""

    WAITING = "waiting"
    WRITING = "writing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether more is to come."""
        return self in {ReplyState.WAITING, ReplyState.WRITING}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Another candidate: the passage it is kept as (empty while it is being written), and its text."""

    passage: str
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What people are shown of a reply: `text` is the model's, `note` a line of ours in their language.

    Platforms escape `text`, set `note` apart, and add their own mark while the state is WRITING.
    `other_candidates` holds the other candidates, when more than one was asked for.

    `job` is whose reply it is, `asker` who asked for it, `locale` their language, and `passage` what it
    became, once DONE or CANCELLED with a text. `interactive`: this message carries the buttons: to stop while
    it is WAITING or WRITING; afterwards to go on, retry, undo, choose. Every message of a reply but the last,
    and every reply that the story has left behind, is not interactive.
    """

    state: ReplyState
    text: str = ""
    note: str = ""
    other_candidates: tuple[Candidate, ...] = ()
    job: str = field(default="", compare=False)
    passage: str = ""
    interactive: bool = True
    locale: str = field(default="ja", compare=False)
    asker: Author | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One platform message of a job's reply: part `part` of it, at `message_id` once it was posted.

    `reply` is what it must show in the end; `delivered` whether it does. `moved`: the job's `moved` when the
    message was posted. `former_id`: the message in its stead above, which is still to be removed.
    """

    job_id: str
    part: int
    room: Room
    message_id: str | None
    reply: Reply
    delivered: bool
    moved: int = 0
    former_id: str | None = None
