"""What has been acknowledged and is not done yet."""

from __future__ import annotations

import asyncio
from types import TracebackType


class InFlight:
    """Counts the blocks that are being run, and waits for them at the end."""

    def __init__(self) -> None:
        self._count = 0
        self._empty = asyncio.Event()
        self._empty.set()

    async def __aenter__(self) -> None:
        self._count += 1
        self._empty.clear()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._count -= 1
        if not self._count:
            self._empty.set()

    @property
    def busy(self) -> bool:
        """Whether anything is being done."""
        return self._count > 0

    async def drained(self, timeout_s: float) -> bool:
        """Wait until nothing runs; False where that took too long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
