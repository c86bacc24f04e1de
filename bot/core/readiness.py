"""Whether the engine can write just now, asked once for everybody who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.aio.clock import Clock
from bot.domain.errors import EngineError, EngineFailed, EngineUnavailable
from bot.domain.inference import EngineStatus, Health
from bot.domain.ports import Engine

POLL_S = 1.0
GIVE_UP_AFTER_S = 120.0
"""How long nothing may answer before people are told to try later: longer than a worker takes to start."""

Woken = Callable[[], None]
GiveUp = Callable[[EngineError], Awaitable[None]]


class EngineReadiness:
    """Whether the engine is ready. It starts as not ready, and whoever finds the engine gone says so.

    `changed` is called when it becomes ready and after each look that found it not ready, with `percent` of
    the loading; `give_up` when those who wait, wait in vain.
    """

    def __init__(self, engine: Engine, clock: Clock, changed: Woken, give_up: GiveUp) -> None:
        self._engine = engine
        self._clock = clock
        self._changed = changed
        self._give_up = give_up
        self._ready = asyncio.Event()
        self._unready = asyncio.Event()
        self._unready.set()
        self.percent = 0

    @property
    def is_ready(self) -> bool:
        """Whether the engine was ready when last looked at."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Return once it is ready."""
        await self._ready.wait()

    def mark_unready(self) -> None:
        """The engine is not ready after all."""
        if not self.is_ready:
            return
        self.percent = 0
        self._ready.clear()
        self._unready.set()

    async def run(self) -> None:
        """Look each second while it is not ready, until cancelled."""
        silent_since: float | None = None
        while True:
            if self.is_ready:
                await self._unready.wait()
                # Whoever marked it was just refused: asking again at once would use up a job's attempts.
                await self._clock.sleep(POLL_S)
            now = self._clock.now()
            try:
                health = await self._engine.health()
            except EngineError:
                silent_since = now if silent_since is None else silent_since
                self.percent = 0
                self._changed()
                if now - silent_since >= GIVE_UP_AFTER_S:
                    await self._give_up(EngineUnavailable())
            else:
                silent_since = None
                await self._look(health)
            if not self.is_ready:
                await self._clock.sleep(POLL_S)

    async def _look(self, health: Health) -> None:
        match health.status:
            case EngineStatus.READY:
                self._unready.clear()
                self._ready.set()
                self._changed()
            case EngineStatus.LOADING:
                self.percent = round(100 * health.progress)
                self._changed()
            case EngineStatus.FAILED:
                await self._give_up(EngineFailed(reason=health.reason))
