"""A set that forgets."""

from __future__ import annotations

from cachetools import LRUCache


class BoundedSet:
    """A set of strings that forgets what was added longest ago, beyond `size`."""

    def __init__(self, size: int = 5_000) -> None:
        self._items: LRUCache[str, None] = LRUCache(size)

    def add(self, item: str) -> bool:
        """Remember `item`; whether it was new."""
        new = item not in self._items
        self._items[item] = None
        return new

    def discard(self, item: str) -> None:
        """Forget `item`, if it is there."""
        self._items.pop(item, None)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __len__(self) -> int:
        return len(self._items)
