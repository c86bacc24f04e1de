"""One job's reply as it is being shown: what is wanted, what people have, and what is still to be done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.domain.jobs import Job, JobState
from bot.domain.ports import Translate
from bot.domain.replies import OutboxRow, Reply, ReplyState
from bot.text.message_split import EMPTY_MESSAGE

FINAL_STATES = {
    JobState.DONE: ReplyState.DONE,
    JobState.FAILED: ReplyState.FAILED,
    JobState.CANCELLED: ReplyState.CANCELLED,
}


@dataclass(slots=True)
class ReplyDelivery:
    """What one job shows.

    `latest` is wanted, `shown` is what people have by part, `promised` what the store says they will have.
    `fixed_parts` are the parts as an earlier process cut them. A `background` one waits until no other is to
    be sent.
    `moved` is the job's count of when each part was posted: one that people wrote below since is posted anew.
    `former` are the messages in whose place others were, and which are still to be removed.
    `due` is when what is not finished may be changed again; the end of it is due at once.
    """

    job: Job
    latest: Reply
    fixed_parts: list[Reply] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    shown: dict[int, Reply] = field(default_factory=dict)
    promised: dict[int, Reply] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    former: dict[int, str] = field(default_factory=dict)
    known_parts: int = 0
    loaded: bool = False
    dirty: bool = True
    undeliverable: bool = False
    background: bool = False
    due: float = 0.0
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_final(self) -> bool:
        """Whether `latest` is the last."""
        return not self.latest.state.is_open

    def replace_with(self, reply: Reply) -> None:
        """Show `reply` from now on."""
        self.latest, self.fixed_parts, self.background = reply, [], False
        self.dirty = not self.undeliverable

    def is_above(self, part: int) -> bool:
        """Whether a part's message stands above what people wrote before the reply began."""
        return part in self.ids and not self.background and self.moved.get(part, 0) < self.job.moved

    def message_to_edit(self, part: int) -> str | None:
        """The message that is to show a part; None where one is to be posted."""
        return None if self.is_above(part) else self.ids.get(part)


def idempotency_key(job: Job, part: int) -> str:
    """The same for the same post, however often it is tried; another one below what somebody wrote."""
    return f"{job.id}:{part}:{job.moved}" if job.moved else f"{job.id}:{part}"


def looks_same(shown: Reply | None, reply: Reply) -> bool:
    """Whether people see no difference: without buttons nobody sees which passage a message shows."""
    return shown is not None and not reply.interactive and replace(shown, passage=reply.passage) == reply


def as_final(reply: Reply, state: JobState) -> Reply:
    """A reply that nobody will go on with."""
    if not reply.state.is_open:
        return reply
    return Reply(FINAL_STATES[state], reply.text or EMPTY_MESSAGE, job=reply.job, interactive=False)


def place_note(job: Job, place: int | None, translate: Translate) -> str:
    """What people read while a job waits."""
    if place:
        return translate("play.place", job.author.locale, place=place)
    return translate("play.starting", job.author.locale)


def interrupted_text(rows: Sequence[OutboxRow]) -> str:
    """What people can read of a reply that an earlier process could not bring to its end."""
    end = next((n for n, row in enumerate(rows, 1) if row.reply.state is ReplyState.WAITING), 0)
    return "".join(row.reply.text for row in rows[:end])
