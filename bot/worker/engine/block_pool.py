"""Which blocks of keys and values are whose. Knows no torch, and never touches what is in them."""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Key = bytes


def chain_keys(tokens: Sequence[int], size: int) -> tuple[Key, ...]:
    """A key for each full block of `size` tokens: of its tokens and, by its parent's key, all before them."""
    keys: list[Key] = []
    parent = b""
    for end in range(size, len(tokens) + 1, size):
        content = array("q", tokens[end - size : end]).tobytes()
        parent = hashlib.blake2b(parent + content, digest_size=16).digest()
        keys.append(parent)
    return tuple(keys)


@dataclass(frozen=True, slots=True)
class BlockPrefix:
    """The first tokens that a block holds."""

    block: int
    tokens: tuple[int, ...]


class BlockPool:
    """Block ids 0 to `blocks` - 1, counted by who holds them.

    A block with a key, or known to go on from one, keeps its content when nobody holds it, until its place is
    needed: the least recently used one goes first.
    """

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self._free = list(range(blocks))[::-1]
        self._holders = [0] * blocks
        self._keys: dict[int, Key] = {}
        self._cached: dict[Key, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()
        self._next: dict[Key, BlockPrefix] = {}
        self._parents: dict[int, Key] = {}

    @property
    def available(self) -> int:
        """How many can be taken: empty ones, and those that are only remembered."""
        return len(self._free) + len(self._idle)

    @property
    def used(self) -> int:
        """How many somebody holds."""
        return self.blocks - self.available

    def allocate(self, count: int) -> list[int]:
        """New blocks, whose content is nobody's.

        Raises:
            MemoryError: fewer are available; none was taken.
        """
        if count > self.available:
            raise MemoryError(f"{count} blocks are wanted and {self.available} are available")
        return [self._take() for _ in range(count)]

    def match(self, keys: Iterable[Key]) -> list[int]:
        """Hold the blocks of the longest remembered beginning of a chain of keys."""
        found: list[int] = []
        for key in keys:
            block = self._cached.get(key)
            if block is None:
                break
            found.append(block)
        self.hold(found)
        return found

    def hold(self, blocks: Iterable[int]) -> None:
        """Hold blocks that are held already, or remembered, once more."""
        for block in blocks:
            self._holders[block] += 1
            self._idle.pop(block, None)

    def release(self, blocks: Sequence[int]) -> None:
        """Let go of a sequence's blocks, in its order: of a chain, the tail is forgotten before the head."""
        for block in reversed(blocks):
            self._holders[block] -= 1
            if self._holders[block]:
                continue
            if block in self._keys or block in self._parents:
                self._idle[block] = None
            else:
                self._free.append(block)

    def remember(self, block: int, key: Key) -> None:
        """Let a full block be found by its content. Of two with the same content the first is found."""
        if key not in self._cached and block not in self._keys:
            self._cached[key] = block
            self._keys[block] = key

    def remember_prefix(self, block: int, parent: Key, tokens: Sequence[int]) -> None:
        """Let the first tokens of a block be found behind its parent. The latest of a parent's is found."""
        self._drop_parent(block)
        former = self._next.get(parent)
        if former is not None:
            self._drop_parent(former.block)
            self._free_if_unknown(former.block)
        self._next[parent] = BlockPrefix(block, tuple(tokens))
        self._parents[block] = parent

    def find_prefix(self, parent: Key, tokens: Sequence[int]) -> BlockPrefix | None:
        """The block behind a parent that begins like `tokens`, and as many of them as it has."""
        found = self._next.get(parent)
        if found is None:
            return None
        pairs = zip(found.tokens, tokens, strict=False)
        same = next((n for n, (own, other) in enumerate(pairs) if own != other), None)
        length = min(len(found.tokens), len(tokens)) if same is None else same
        return BlockPrefix(found.block, found.tokens[:length]) if length else None

    def forget(self, blocks: Iterable[int]) -> None:
        """Let nobody find these by their content any more."""
        for block in blocks:
            key = self._keys.pop(block, None)
            if key is not None:
                del self._cached[key]
            self._drop_parent(block)
            self._free_if_unknown(block)

    def _drop_parent(self, block: int) -> None:
        parent = self._parents.pop(block, None)
        if parent is not None:
            del self._next[parent]

    def _free_if_unknown(self, block: int) -> None:
        """A block that nobody holds, and nobody can find, is free."""
        if block in self._idle and block not in self._keys and block not in self._parents:
            del self._idle[block]
            self._free.append(block)

    def _take(self) -> int:
        block = self._free.pop() if self._free else self._oldest()
        self._holders[block] = 1
        return block

    def _oldest(self) -> int:
        self.forget([next(iter(self._idle))])
        return self._free.pop()
