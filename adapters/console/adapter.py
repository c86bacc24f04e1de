"""The terminal: a story goes on where it stands, and whatever else is to be said stands beside it.

What is written cannot be edited any more, so only text that will be kept is written, as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TextIO

from adapters.console.transcript import Transcript
from bot.domain.chat import Room
from bot.domain.ports import Limits, Translate
from bot.domain.replies import Reply, ReplyState

ROOM = Room("console", "-")
_UNLIMITED = 10**9
_CLEAR_LINE = "\r\x1b[2K"
_OPEN = frozenset({ReplyState.WAITING, ReplyState.WRITING})


class ConsoleAdapter:
    """A `Platform` for one reader: `out` gets the story and nothing else, `err` the rest.

    `labels`: where the numbers of candidates go; `out`, unless it is named. `transcript`: by it `out` gets
    the whole story, people's passages too; the candidates that are not taken are no part of that.
    """

    name = ROOM.platform
    limits = Limits(max_units=_UNLIMITED, changes_per_period=20, period_s=1.0)

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        say: Translate,
        locale: str = "ja",
        labels: TextIO | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        self._out = out
        self._err = err
        self._say = say
        self._locale = locale
        self._labels = labels or out
        self.transcript = transcript
        self._told: tuple[str, Sequence[str]] = ("", ())
        self._followed = ""
        self._reply = ""
        self._over: set[str] = set()
        self._ended = asyncio.Event()
        self._lost: OSError | None = None
        self._gone = asyncio.Event()
        self._begun = ""
        self._unwritten = ""
        self._written = ""
        self._story_in_line = False
        self._status = ""

    def begin(self, text: str) -> None:
        """What the person wrote: to the character, it comes before the first of the model's text.

        Not at once, for at a terminal the line that shows progress would take its place.
        """
        self._begun = self._unwritten = text

    def tell(self, story: str, pieces: Sequence[str]) -> None:
        """Let the transcript hold a story, if one is kept.

        Raises:
            OSError: nothing can be written any more.
        """
        self._told = (story, pieces)
        if self.transcript is not None:
            self._retell(self.transcript, pieces)

    def follow(self, job_id: str) -> None:
        """From now on this job's reply goes on in the transcript, behind what was told last."""
        self._followed = job_id

    def _retell(self, transcript: Transcript, pieces: Sequence[str]) -> None:
        self._tell("")
        transcript.tell(self._told[0], pieces)
        self._story_in_line = self._out.isatty() and transcript.ends_in_a_line

    @property
    def lost(self) -> OSError | None:
        """Why nothing can be written any more: the reader has gone, or the disk is full."""
        return self._lost

    async def gone(self) -> None:
        """Wait until nothing can be written any more."""
        await self._gone.wait()

    async def ended(self, job_id: str) -> None:
        """Wait until a job's reply has been written out to its end, or cannot be."""
        while job_id not in self._over and self._lost is None:
            self._ended.clear()
            await self._ended.wait()

    def measure(self, text: str) -> int:
        """Characters: a terminal takes them all."""
        return len(text)

    async def post(self, room: Room, draft: Reply, key: str) -> str:  # noqa: ARG002
        """Write what is new in the draft."""
        self._take(draft, key)
        return key

    async def edit(self, room: Room, message_id: str, draft: Reply) -> None:  # noqa: ARG002
        """Write what is new in the draft."""
        # What was told before may be shown anew elsewhere, with other buttons; a terminal has none.
        if message_id == self._reply or draft.state in _OPEN:
            self._take(draft, message_id)

    async def remove(self, room: Room, message_id: str) -> None:
        """Nothing: what is written stays, and a sign that one waits is no part of it."""

    async def seconds_until_due(self, room: Room, message_id: str, draft: Reply) -> float:  # noqa: ARG002
        """0: a terminal takes every change."""
        return 0.0

    def _take(self, draft: Reply, reply: str) -> None:
        if draft.job in self._over or self._lost is not None:
            return
        if reply != self._reply:
            self._reply, self._written = reply, ""
        try:
            self._show(draft)
        except OSError as error:
            # Not for the outbox, which would try again: whoever reads ends the job.
            self._lost = error
            self._gone.set()
            self._ended.set()
        if draft.state not in _OPEN and draft.job:
            self._begun = ""
            self._over.add(draft.job)
            self._ended.set()

    def _show(self, draft: Reply) -> None:
        self._tell(draft.note if draft.state in _OPEN else "")
        if self.transcript is None:
            self._go_on(draft.text)
        elif draft.text and draft.job == self._followed:
            self._retell(self.transcript, [*self._told[1], draft.text])
        if draft.state in _OPEN:
            return
        for number, choice in enumerate(draft.other_candidates, start=2):
            if self.transcript is None:
                self._label(number)
                self._write(self._begun + choice.text)
            else:
                self._aside(f"{self._named(number)}\n{choice.text}\n")
        if self.transcript is None and not self._written.endswith("\n"):
            self._write("\n")
        if draft.note:
            self._aside(draft.note + "\n")

    def _aside(self, text: str) -> None:
        """Say something beside the story. Where nobody hears it, the story goes on all the same."""
        with contextlib.suppress(OSError):
            self._err.write(text)
            self._err.flush()

    def _label(self, number: int) -> None:
        label = self._named(number)
        if self._labels is self._out:
            self._write(f"\n\n{label}\n")
        else:
            self._write("\n")
            with contextlib.suppress(OSError):
                print(label, file=self._labels, flush=True)

    def _named(self, number: int) -> str:
        return self._say("console.candidate", self._locale, number=number)

    def _go_on(self, text: str) -> None:
        """Write the rest of a text that goes on; a story that a dead worker left is told anew."""
        if self._written.startswith(text):
            return
        if not text.startswith(self._written):
            self._aside(self._say("console.again", self._locale) + "\n")
            self._write("\n\n" + self._begun)
            self._written = ""
        self._write(text[len(self._written) :])
        self._written = text

    def _write(self, text: str) -> None:
        self._tell("")
        text, self._unwritten = self._unwritten + text, ""
        self._out.write(text)
        self._out.flush()
        self._story_in_line = self._out.isatty() and not text.endswith("\n")

    def _tell(self, status: str) -> None:
        """Show one line about what goes on; on a terminal the next one takes its place."""
        if status == self._status:
            return
        self._status = status
        if self._err.isatty():
            # Both may be the same screen: a line that holds a piece of the story is left, not cleared.
            self._aside(("\n" if self._story_in_line else _CLEAR_LINE) + status)
            self._story_in_line = False
        elif status:
            self._aside(status + "\n")
