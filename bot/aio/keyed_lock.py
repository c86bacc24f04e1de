"""What came first is done first, where the order counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary


class KeyedLock:
    """Lets what happens at one place happen one after another, in the order of asking.

    Looking up a name or opening a thread must not let the second of two quick messages overtake the first.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def holding(self, *keys: str) -> AsyncIterator[None]:
        """Wait for all that came to these places before. Not to be asked for again by who has them."""
        async with AsyncExitStack() as held:
            for place in dict.fromkeys(keys):
                await held.enter_async_context(self._locks.setdefault(place, asyncio.Lock()))
            yield
