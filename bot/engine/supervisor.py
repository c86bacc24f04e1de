"""Keeps a worker alive on this machine: starts it as a child, restarts it when it dies, ends it with us."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from pathlib import Path

from bot.clock import Clock, SystemClock
from bot.engine.client import HttpEngine
from bot.errors import ConfigurationError, EngineError
from bot.messages import EngineStatus
from bot.seams import Engine

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
SETTLED_S = 60.0
"""A worker that was ready for this long before it died had no trouble starting: the back-off begins anew."""
CHECK_EVERY_S = 2.0
GRACE_S = 10.0
"""Between SIGTERM and SIGKILL."""
KEPT_LINES = 20
LONGEST_SOCKET_PATH = 103
"""macOS holds 104 bytes of a socket's path with its final NUL, Linux 108."""

_LIFELINE = Path(__file__).with_name("lifeline.py")


class LocalWorker:
    """A worker process that listens on a Unix socket.

    `reason` holds its last lines of output once it has died, for whoever asks why nothing answers.
    """

    def __init__(
        self,
        command: list[str],
        socket: Path,
        clock: Clock | None = None,
        log: logging.Logger | None = None,
        engine: Engine | None = None,
    ) -> None:
        if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
            raise ConfigurationError(f"the socket's path is too long for a Unix socket: {socket}")
        self._command = command
        self._socket = socket
        self._clock = clock or SystemClock()
        self._log = log or logging.getLogger(__name__)
        self._engine = engine
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self.reason = ""

    @property
    def pid(self) -> int | None:
        """The worker's process, while it lives."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Run in the background until `stop`."""
        if self._task is None:
            self._task = asyncio.create_task(self.run(), name="local worker")

    async def stop(self) -> None:
        """End what `start` began; returns when the worker is gone."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def run(self) -> None:
        """Keep a worker running until cancelled; then it is gone before this returns."""
        pause_s = FIRST_PAUSE_S
        while True:
            ready_s = await self._live()
            if ready_s >= SETTLED_S:
                pause_s = FIRST_PAUSE_S
            self._log.warning("the worker ended and starts again in %g s: %s", pause_s, self.reason)
            await self._clock.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _live(self) -> float:
        """One worker's life; returns for how many seconds it was ready."""
        self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)  # what a worker that was killed left behind
        self._lines.clear()
        try:
            process = await self._spawn()
        except OSError as error:
            self.reason = str(error)
            return 0.0
        self._process = process
        reader = asyncio.create_task(self._read(process))
        watcher = asyncio.create_task(self._ready_since())
        try:
            code = await process.wait()
            await asyncio.wait({reader}, timeout=1.0)
        finally:
            await _cancelled(watcher)
            await self._end(process)
            await _cancelled(reader)
            self._process = None
        self.reason = "\n".join(self._lines) or f"exit status {code}"
        since = watcher.result() if watcher.done() and not watcher.cancelled() else None
        return 0.0 if since is None else self._clock.now() - since

    async def _spawn(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(_LIFELINE),
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Without it a step waits, spinning, for a busy core: up to 40 times slower.
            env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
            # A group of its own, so that Ctrl-C reaches us alone and we end the worker in order.
            start_new_session=True,
        )
        self._log.info("the worker starts: process %d", process.pid)
        return process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        stream = process.stdout
        while stream is not None and (line := await _line(stream)):
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            self._log.info("worker: %s", text)

    async def _ready_since(self) -> float:
        """Wait until the worker is ready; returns when that was."""
        async with contextlib.AsyncExitStack() as stack:
            engine = self._engine
            if engine is None:
                engine = await stack.enter_async_context(HttpEngine(f"unix:{self._socket}"))
            while True:
                with contextlib.suppress(EngineError):
                    if (await engine.health()).status is EngineStatus.READY:
                        return self._clock.now()
                await self._clock.sleep(CHECK_EVERY_S)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """SIGTERM, then SIGKILL after the grace; the watcher beside the worker goes with it."""
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            waiting = asyncio.create_task(process.wait())
            grace = asyncio.create_task(self._clock.sleep(GRACE_S))
            await asyncio.wait({waiting, grace}, return_when=asyncio.FIRST_COMPLETED)
            grace.cancel()
            if process.returncode is None:
                self._log.warning("the worker does not stop and is killed")
            _signal(process, signal.SIGKILL)
            await waiting
        else:
            _signal(process, signal.SIGKILL)
        if process.stdin is not None:
            process.stdin.close()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or a piece of one that is too long."""
    try:
        return await stream.readuntil()
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.read(error.consumed or 1)


async def _cancelled(task: asyncio.Task[object]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    # The whole group, watcher and grandchildren included. Its leader may be gone while others still are.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
