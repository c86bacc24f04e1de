"""The last so many of something."""

from __future__ import annotations

from collections import OrderedDict


class Recent:
    """A set of strings that forgets its oldest beyond `size`."""

    def __init__(self, size: int = 5_000) -> None:
        self._size = size
        self._items: OrderedDict[str, None] = OrderedDict()

    def add(self, item: str) -> bool:
        """Remember `item`; whether it was new."""
        new = item not in self._items
        self._items[item] = None
        self._items.move_to_end(item)
        if len(self._items) > self._size:
            self._items.popitem(last=False)
        return new

    def discard(self, item: str) -> None:
        """Forget `item`, if it is there."""
        self._items.pop(item, None)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __len__(self) -> int:
        return len(self._items)
