"""The pool gives no block twice, and remembers what nobody holds for as long as there is room."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.worker.engine.block_pool import BlockPool, BlockPrefix, chain_keys

BLOCKS = 6


def remembered(pool: BlockPool, tokens: list[int]) -> list[int]:
    """Blocks of two tokens each, filled and let go of."""
    keys = chain_keys(tokens, 2)
    blocks = pool.allocate(len(keys))
    for block, key in zip(blocks, keys, strict=True):
        pool.remember(block, key)
    pool.release(blocks)
    return blocks


@given(
    st.lists(st.integers(0, 2**40), max_size=20),
    st.lists(st.integers(0, 2**40), max_size=20),
    st.integers(1, 4),
)
def test_keys_name_all_that_came_before(one: list[int], other: list[int], size: int) -> None:
    """Two texts share as many keys as they share full blocks from the start."""
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    pairs = list(zip(chain_keys(one, size), chain_keys(other, size), strict=False))

    assert len(chain_keys(one, size)) == len(one) // size
    assert [a == b for a, b in pairs] == [number < shared // size for number in range(len(pairs))]


def test_what_was_let_go_of_is_found_again() -> None:
    """The longest known beginning is held again, and only that."""
    pool = BlockPool(BLOCKS)
    blocks = remembered(pool, [1, 2, 3, 4, 5, 6])

    assert pool.available == BLOCKS
    assert pool.match(chain_keys([1, 2, 3, 4, 9, 9], 2)) == blocks[:2]
    assert pool.available == BLOCKS - 2
    assert pool.match(chain_keys([9, 9, 3, 4], 2)) == []


def test_the_least_recently_used_is_forgotten_first_and_tails_before_heads() -> None:
    """When room is needed, the older text loses its end before its beginning."""
    pool = BlockPool(4)
    old, new = [1, 2, 3, 4], [5, 6, 7, 8]
    remembered(pool, old)
    remembered(pool, new)
    pool.release(pool.match(chain_keys(old, 2)))

    pool.allocate(1)
    assert len(pool.match(chain_keys(new, 2))) == 1
    assert len(pool.match(chain_keys(old, 2))) == 2


def test_too_many_are_refused_whole() -> None:
    """Who wants more than there is gets nothing."""
    pool = BlockPool(2)

    with pytest.raises(MemoryError, match="3 blocks are wanted and 2 are available"):
        pool.allocate(3)
    assert pool.available == 2


def test_a_beginning_goes_when_its_block_is_needed() -> None:
    """Nobody holds it, so it is the first to be taken; then nobody finds it."""
    pool = BlockPool(1)
    [block] = pool.allocate(1)
    pool.remember_prefix(block, b"parent", [5, 6])
    pool.release([block])
    assert pool.find_prefix(b"parent", [5, 9]) == BlockPrefix(block, (5,))
    assert pool.find_prefix(b"parent", [6]) is None

    pool.allocate(1)

    assert pool.find_prefix(b"parent", [5, 9]) is None


class Pool(RuleBasedStateMachine):
    """Sequences take, share, remember and let go of blocks in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = BlockPool(BLOCKS)
        self.held: list[list[int]] = []
        self.fresh = 0

    @rule(count=st.integers(1, 3))
    def take(self, count: int) -> None:
        """New blocks are nobody's."""
        if count <= self.pool.available:
            taken = self.pool.allocate(count)
            assert not set(taken) & {block for blocks in self.held for block in blocks}
            self.held.append(taken)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def share(self, data: st.DataObject) -> None:
        """Somebody else holds the same."""
        blocks = data.draw(st.sampled_from(self.held))
        self.pool.hold(blocks)
        self.held.append(list(blocks))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def remember(self, data: st.DataObject) -> None:
        """A full block gets a key."""
        blocks = data.draw(st.sampled_from(self.held))
        self.fresh += 1
        self.pool.remember(blocks[0], str(self.fresh).encode())

    @precondition(lambda self: self.held)
    @rule(data=st.data(), parent=st.integers(1, 3))
    def remember_beginning(self, data: st.DataObject, parent: int) -> None:
        """The latest block behind a parent is found by how it begins."""
        block = data.draw(st.sampled_from(data.draw(st.sampled_from(self.held))))
        key = str(parent).encode()
        self.pool.remember_prefix(block, key, [block, 7, 8])
        found = self.pool.find_prefix(key, [block, 7, 9, 9])
        assert found is not None
        assert (found.block, found.tokens) == (block, (block, 7))

    @rule(parent=st.integers(1, 3))
    def find_beginning(self, parent: int) -> None:
        """What is found can be held."""
        for block in range(BLOCKS):
            found = self.pool.find_prefix(str(parent).encode(), [block])
            if found is not None:
                self.pool.hold([found.block])
                self.held.append([found.block])

    @rule(blocks=st.sets(st.integers(0, BLOCKS - 1)))
    def forget(self, blocks: set[int]) -> None:
        """Whoever holds these goes on holding them."""
        self.pool.forget(blocks)

    @rule(number=st.integers(1, 30))
    def match(self, number: int) -> None:
        """A remembered block is held again."""
        found = self.pool.match([str(number).encode()])
        if found:
            self.held.append(found)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """Somebody goes."""
        self.pool.release(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))

    @invariant()
    def adds_up(self) -> None:
        """Blocks are held by somebody, or available."""
        assert self.pool.used == len({block for blocks in self.held for block in blocks})


TestPool = Pool.TestCase
TestPool.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
