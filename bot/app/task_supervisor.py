"""Tasks that work side by side, and what ends them: one of them, or somebody's signal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from bot.domain.errors import ConfigurationError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Member:
    task: asyncio.Task[None]
    needed: bool


class TaskSupervisor:
    """Runs named tasks until told to stop.

    Without a needed one nothing works, so its end is the end of all. The others (platforms) may go: a bad
    token on one is told once, and the rest stays; only when none of them is left there is nothing to do.
    """

    def __init__(self) -> None:
        self._members: dict[str, _Member] = {}

    def start(self, name: str, work: Coroutine[Any, Any, None], *, needed: bool) -> None:
        """Let `work` run under a name of its own."""
        if name in self._members:
            work.close()
            raise ValueError(f"{name} runs already")
        self._members[name] = _Member(asyncio.create_task(work, name=name), needed)

    async def watch(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set or no platform is left.

        Raises:
            Whatever ended a needed task.
        """
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set() and self._platforms():
                await asyncio.wait(
                    {stopped, *(member.task for member in self._members.values())},
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not stop.is_set():
                    self._collect()
        finally:
            stopped.cancel()

    async def cancel(self, name: str, grace_s: float) -> None:
        """Cancel one task and give it `grace_s` to clean up; an unknown or ended one is no error."""
        member = self._members.pop(name, None)
        if member is None:
            return
        member.task.cancel()
        done, _ = await asyncio.wait({member.task}, timeout=grace_s)
        if not done:
            log.warning("did not stop in time", part=name)
        elif not member.task.cancelled() and (error := member.task.exception()):
            log.warning("did not stop cleanly", part=name, reason=repr(error))

    def _platforms(self) -> list[str]:
        return [name for name, member in self._members.items() if not member.needed]

    def _collect(self) -> None:
        for name, member in list(self._members.items()):
            if not member.task.done():
                continue
            del self._members[name]
            error = None if member.task.cancelled() else member.task.exception()
            if member.needed:
                raise error or RuntimeError(f"{name} ended")
            _log_end(name, error)


def _log_end(name: str, error: BaseException | None) -> None:
    if isinstance(error, ConfigurationError):
        log.error(str(error), platform=name)
    elif error is not None:
        log.error("platform failed, the others go on", platform=name, exc_info=error)
    else:
        log.warning("platform closed", platform=name)


def _nothing() -> bool:
    return False


@contextmanager
def stop_on_signals(stop: asyncio.Event, instead: Callable[[], bool] = _nothing) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`; from then on they do what they always do, so a second one kills.

    `instead`: is asked at a SIGINT first; where it stops something smaller and says so, `stop` is not set.
    """
    loop = asyncio.get_running_loop()

    def on_signal(each: signal.Signals) -> None:
        if each is signal.SIGINT and instead():
            return
        stop.set()
        _forget(loop)

    for each in STOP_SIGNALS:
        loop.add_signal_handler(each, on_signal, each)
    try:
        yield
    finally:
        _forget(loop)


def _forget(loop: asyncio.AbstractEventLoop) -> None:
    for each in STOP_SIGNALS:
        loop.remove_signal_handler(each)
