"""The local worker: a child process on a Unix socket, kept alive as long as the bot lives."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import Process
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from bot.aio.clock import Clock, SystemClock
from bot.aio.retry import Backoff

_BACKOFF = Backoff(1.0, 30.0)
HEALTHY_AFTER_S = 60.0
"""A worker that lived this long begins its next pauses anew."""
GRACE_S = 8.0
"""From SIGTERM to SIGKILL. The worker itself closes its streams within three seconds."""
LAST_LINES_TIMEOUT_S = 1.0
"""What the end of a dead child's log is waited for."""
LAST_LINES = 12
_LONGEST_LINE = 64 * 1024
_PR_SET_PDEATHSIG = 1
_OWN_FIELDS = frozenset({"event", "level", "logger", "timestamp"})
_LEVELS = {
    name: logging.getLevelNamesMapping()[name.upper()]
    for name in ("debug", "info", "warning", "error", "critical")
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a child's log, as `config.logging` writes it in JSON."""

    level: int
    event: str
    logger: str
    fields: Mapping[str, Any]

    @classmethod
    def of(cls, line: str) -> LogLine | None:
        """What a line says; None where it is none of a log."""
        try:
            said = json.loads(line)
            level = _LEVELS[said["level"]]
            fields = {name: value for name, value in said.items() if name not in _OWN_FIELDS}
            return cls(level, str(said["event"]), str(said.get("logger") or __name__), fields)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


class LocalWorker:
    """Starts `command` and starts it again when it ends: after 1 s, 2 s, 4 s … 30 s.

    A restarted worker begins to load at once and its `/health` says so; jobs that were cut off wait for it.
    """

    def __init__(
        self,
        command: Sequence[str],
        socket: Path,
        *,
        clock: Clock | None = None,
        grace_s: float = GRACE_S,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._socket = socket
        self._clock = clock or SystemClock()
        self._grace_s = grace_s
        self._environment = dict(os.environ if environment is None else environment)
        self._log = structlog.get_logger(__name__)
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The end of what the child wrote beside its log: why it ended, most likely."""
        return tuple(self._lines)

    async def run(self) -> None:
        """Keep a child alive until cancelled; then end it."""
        failures = 0
        try:
            while True:
                started = self._clock.now()
                status = await self._run_child()
                healthy = self._clock.now() - started >= HEALTHY_AFTER_S
                failures = 1 if healthy else failures + 1
                pause_s = _BACKOFF.wait_s(failures)
                self._log.warning(
                    "the worker ended and is started again",
                    status=status,
                    pause_s=pause_s,
                    last_lines=list(self._lines),
                )
                await self._clock.sleep(pause_s)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the child: SIGTERM, and SIGKILL where that was not enough."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        _signal(process, signal.SIGTERM)
        try:
            async with asyncio.timeout(self._grace_s):
                await process.wait()
        except TimeoutError:
            _signal(process, signal.SIGKILL)
            await process.wait()
        self._socket.unlink(missing_ok=True)

    async def _run_child(self) -> int:
        """Start the child and wait for its end; returns its exit status (negative: the signal)."""
        self._socket.unlink(missing_ok=True)
        self._lines.clear()
        async with self._log_pipe() as stderr:
            try:
                self._process = process = await self._start(stderr)
            finally:
                os.close(stderr)
            self._log.info("worker started", pid=process.pid)
            try:
                status = await process.wait()
            except asyncio.CancelledError:
                # Within the pipe's life: a child that is asked to end may have something to say.
                await self.stop()
                raise
            # What it started and left behind holds its memory, and the pipe.
            _signal(process, signal.SIGKILL)
        return status

    async def _start(self, stderr: int) -> Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=stderr,
            # A group of its own: Ctrl+C reaches the bot alone, which ends the worker in order.
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),
            # Waiting OpenMP threads must sleep: spinning ones made a step forty times longer.
            env=self._environment | {"OMP_WAIT_POLICY": "PASSIVE"},
        )

    @asynccontextmanager
    async def _log_pipe(self) -> AsyncIterator[int]:
        """The writing end of a pipe whose lines are logged, to be closed once the child has it.

        A pipe of ours, not asyncio's: with its own, a dead child counts as alive while anything that it
        started still holds its standard error.
        """
        reading, writing = os.pipe()
        reader = asyncio.StreamReader(limit=_LONGEST_LINE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
        )
        listener = asyncio.create_task(self._read_lines(reader))
        try:
            yield writing
        finally:
            await asyncio.wait({listener}, timeout=LAST_LINES_TIMEOUT_S)
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
            transport.close()

    async def _read_lines(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                continue  # longer than any line of a log: what is left of it follows
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            self._forward_line(text)

    def _forward_line(self, text: str) -> None:
        """The child's log is part of ours; whatever else it says is told as a line of its own."""
        line = LogLine.of(text)
        if line is None:
            self._lines.append(text)
            self._log.info("worker", line=text)
        else:
            structlog.get_logger(line.logger).log(line.level, line.event, **line.fields)


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """What makes a child end when its parent is killed; only Linux can. Loaded before the fork."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)  # the parent died in between

    return ask_kernel
