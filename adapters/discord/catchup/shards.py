"""Which shards of the connection hear, and who waits while it is found out what one missed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable


class ShardStates:
    """Follows the shards by their events.

    One that identified anew has missed something: what it hears from then on waits until the places where
    something was missed are known, or it would come before that. It counts as hearing once that is caught up
    with, and while it is connected.
    """

    def __init__(self) -> None:
        self._connected: set[int] = set()
        self._unready: set[int] = set()
        self._behind: Counter[int] = Counter()
        self._unsettled: dict[int, asyncio.Event] = {}

    def began_anew(self, shard_id: int, *, missed: bool) -> None:
        """It identified. `missed`: the bot was there before, so others may have to wait."""
        self._connected.add(shard_id)
        self._unready.add(shard_id)
        if missed:
            self._unsettled.setdefault(shard_id, asyncio.Event())

    def resumed(self, shard_id: int) -> None:
        """It was told all that it missed since its connection broke."""
        self._connected.add(shard_id)

    def lost(self, shard_id: int) -> None:
        """The connection is gone."""
        self._connected.discard(shard_id)

    def begin(self, shard_id: int) -> None:
        """It knows its servers, and something is being caught up with."""
        self._unready.discard(shard_id)
        self._behind[shard_id] += 1

    def settled(self, shard_id: int) -> None:
        """What was missed has its turn; what is heard from now on comes behind it."""
        if (waiting := self._unsettled.pop(shard_id, None)) is not None:
            waiting.set()

    def end(self, shard_id: int) -> None:
        """It is caught up with."""
        self.settled(shard_id)
        self._behind[shard_id] -= 1

    async def until_settled(self, shard_id: int) -> None:
        """Wait while it is found out what this shard missed."""
        if (waiting := self._unsettled.get(shard_id)) is not None:
            await waiting.wait()

    def all_listening(self, shard_ids: Iterable[int]) -> bool:
        """Whether each of these shards hears without having missed anything, and there are some."""
        wanted = set(shard_ids)
        hearing = self._connected - self._unready
        return bool(wanted) and wanted <= hearing and not any(map(self._behind.get, wanted))
