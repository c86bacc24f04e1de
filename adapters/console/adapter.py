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
from bot.domain.replies import Reply

ROOM = Room("console", "-")
_UNLIMITED = 10**9
_CLEAR_LINE = "\r\x1b[2K"


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
        translate: Translate,
        locale: str = "ja",
        labels: TextIO | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        self._out = out
        self._err = err
        self._translate = translate
        self._locale = locale
        self._labels = labels or out
        self.transcript = transcript
        self._story_pieces: tuple[str, Sequence[str]] = ("", ())
        self._followed = ""
        self._message_id = ""
        self._ended_jobs: set[str] = set()
        self._ended = asyncio.Event()
        self._write_error: OSError | None = None
        self._failed = asyncio.Event()
        self._beginning = ""
        self._unwritten = ""
        self._written = ""
        self._story_in_line = False
        self._status = ""

    def set_beginning(self, text: str) -> None:
        """What the person wrote: to the character, it comes before the first of the model's text.

        Not at once, for at a terminal the line that shows progress would take its place.
        """
        self._beginning = self._unwritten = text

    def show_story(self, story: str, pieces: Sequence[str]) -> None:
        """Let the transcript hold a story, if one is kept.

        Raises:
            OSError: nothing can be written any more.
        """
        self._story_pieces = (story, pieces)
        if self.transcript is not None:
            self._rewrite_transcript(self.transcript, pieces)

    def follow(self, job_id: str) -> None:
        """From now on this job's reply goes on in the transcript, behind what was written last."""
        self._followed = job_id

    def _rewrite_transcript(self, transcript: Transcript, pieces: Sequence[str]) -> None:
        self._show_status("")
        transcript.rewrite(self._story_pieces[0], pieces)
        self._story_in_line = self._out.isatty() and transcript.ends_in_a_line

    @property
    def write_error(self) -> OSError | None:
        """Why nothing can be written any more: the reader has gone, or the disk is full."""
        return self._write_error

    async def wait_write_error(self) -> None:
        """Wait until nothing can be written any more."""
        await self._failed.wait()

    async def wait_ended(self, job_id: str) -> None:
        """Wait until a job's reply has been written out to its end, or cannot be."""
        while job_id not in self._ended_jobs and self._write_error is None:
            self._ended.clear()
            await self._ended.wait()

    def measure(self, text: str) -> int:
        """Characters: a terminal takes them all."""
        return len(text)

    async def post(self, room: Room, reply: Reply, key: str) -> str:  # noqa: ARG002
        """Write what is new in the reply."""
        self._receive(reply, key)
        return key

    async def edit(self, room: Room, message_id: str, reply: Reply) -> None:  # noqa: ARG002
        """Write what is new in the reply."""
        # What was written before may be shown anew elsewhere, with other buttons; a terminal has none.
        if message_id == self._message_id or reply.state.is_open:
            self._receive(reply, message_id)

    async def remove(self, room: Room, message_id: str) -> None:
        """Nothing: what is written stays, and a sign that one waits is no part of it."""

    async def seconds_until_due(self, room: Room, message_id: str, reply: Reply) -> float:  # noqa: ARG002
        """0: a terminal takes every change."""
        return 0.0

    def _receive(self, reply: Reply, message_id: str) -> None:
        if reply.job in self._ended_jobs or self._write_error is not None:
            return
        if message_id != self._message_id:
            self._message_id, self._written = message_id, ""
        try:
            self._show(reply)
        except OSError as error:
            # Not for the outbox, which would try again: whoever reads ends the job.
            self._write_error = error
            self._failed.set()
            self._ended.set()
        if not reply.state.is_open and reply.job:
            self._beginning = ""
            self._ended_jobs.add(reply.job)
            self._ended.set()

    def _show(self, reply: Reply) -> None:
        self._show_status(reply.note if reply.state.is_open else "")
        if self.transcript is None:
            self._continue_text(reply.text)
        elif reply.text and reply.job == self._followed:
            self._rewrite_transcript(self.transcript, [*self._story_pieces[1], reply.text])
        if reply.state.is_open:
            return
        for number, candidate in enumerate(reply.other_candidates, start=2):
            if self.transcript is None:
                self._write_label(number)
                self._write(self._beginning + candidate.text)
            else:
                self._write_notice(f"{self._label_text(number)}\n{candidate.text}\n")
        if self.transcript is None and not self._written.endswith("\n"):
            self._write("\n")
        if reply.note:
            self._write_notice(reply.note + "\n")

    def _write_notice(self, text: str) -> None:
        """Say something beside the story. Where nobody hears it, the story goes on all the same."""
        with contextlib.suppress(OSError):
            self._err.write(text)
            self._err.flush()

    def _write_label(self, number: int) -> None:
        label = self._label_text(number)
        if self._labels is self._out:
            self._write(f"\n\n{label}\n")
        else:
            self._write("\n")
            with contextlib.suppress(OSError):
                print(label, file=self._labels, flush=True)

    def _label_text(self, number: int) -> str:
        return self._translate("console.candidate", self._locale, number=number)

    def _continue_text(self, text: str) -> None:
        """Write the rest of a text that goes on; a story that a dead worker left begins anew."""
        if self._written.startswith(text):
            return
        if not text.startswith(self._written):
            self._write_notice(self._translate("console.again", self._locale) + "\n")
            self._write("\n\n" + self._beginning)
            self._written = ""
        self._write(text[len(self._written) :])
        self._written = text

    def _write(self, text: str) -> None:
        self._show_status("")
        text, self._unwritten = self._unwritten + text, ""
        self._out.write(text)
        self._out.flush()
        self._story_in_line = self._out.isatty() and not text.endswith("\n")

    def _show_status(self, status: str) -> None:
        """Show one line about what goes on; on a terminal the next one takes its place."""
        if status == self._status:
            return
        self._status = status
        if self._err.isatty():
            # Both may be the same screen: a line that holds a piece of the story is left, not cleared.
            self._write_notice(("\n" if self._story_in_line else _CLEAR_LINE) + status)
            self._story_in_line = False
        elif status:
            self._write_notice(status + "\n")
