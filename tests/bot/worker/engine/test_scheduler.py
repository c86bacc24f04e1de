"""The scheduler: turns between stories, prompts in parts beside decoding, memory that always suffices."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.errors import QueueFull
from bot.worker.backends.base import Copy
from bot.worker.engine.scheduler import Batch, Scheduler
from bot.worker.engine.sequence import Sequence
from tests.bot.worker.driving import sequence

NEW = 7
BLOCK = 4


def scheduler(
    rows: int = 4,
    *,
    blocks: int = 64,
    grain: int | None = None,
    tile: int = 8,
    by_itself: int = 8,
    waiting_limit: int = 64,
) -> Scheduler:
    """A scheduler over blocks of four tokens, which reads eight tokens of a prompt a step."""
    return Scheduler(
        block=BLOCK,
        blocks=blocks,
        rows=rows,
        grain=grain,
        tile=tile,
        prefill_alone=by_itself,
        waiting_limit=waiting_limit,
    )


def advance(one: Scheduler, new: int = NEW) -> Batch:
    """One step in which every sampling row gets a token."""
    batch = one.schedule()
    one.mark_computed(batch)
    for sampled in batch.sampling:
        sampled.append(new)
        if sampled.finished:
            one.finish(sampled)
    return batch


def names(batch: Batch) -> list[str]:
    """Who is in a batch."""
    return [one.id for one in batch.sequences]


def cuts(batch: Batch) -> list[tuple[int, int, int, int]]:
    """Where each row begins and ends, how much of it is computed alone, and how many logits it wants."""
    return [(row.start, row.end, row.alone, row.logits) for row in batch.rows]


def test_imports_no_torch() -> None:
    """The policy can be read and tested where torch is not installed."""
    imports = "import sys, bot.worker.engine.scheduler, bot.worker.engine.engine_core"
    code = f"{imports}; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_first_come_first_served() -> None:
    """Places go to those who waited longest; the next comes in when one leaves."""
    one = scheduler(2)
    one.add([sequence("a", max_tokens=1), sequence("b", max_tokens=3), sequence("c"), sequence("d")])

    assert names(advance(one)) == ["a", "b"]
    assert {"b", "c"} == set(names(advance(one)))
    assert (one.waiting, one.running) == (1, 2)


def test_stories_take_turns() -> None:
    """Who asked for much in one story does not keep another story waiting behind all of it."""
    one = scheduler(2)
    one.add([sequence(f"a{number}", story="a", max_tokens=1) for number in range(3)])
    one.add([sequence(f"b{number}", story="b", max_tokens=1) for number in range(2)])

    assert [sorted(names(advance(one))) for _ in range(3)] == [["a0", "b0"], ["a1", "b1"], ["a2"]]


def test_leaving_costs_a_story_no_turn() -> None:
    """When one of several that wait is cancelled, the others keep their place."""
    one = scheduler(1)
    first, second = sequence("a0", story="a", max_tokens=1), sequence("a1", story="a")
    one.add([sequence("now", max_tokens=1), first, second])
    one.add([sequence("b", max_tokens=1)])
    advance(one)

    one.finish(second)

    assert [names(advance(one)) for _ in range(2)] == [["a0"], ["b"]]


def test_a_prompt_is_counted_once() -> None:
    """Hits and misses add up to the bodies' tokens, whoever had to come back."""
    one = scheduler(2, blocks=8, by_itself=100)
    one.add([sequence("old", range(8), max_tokens=20), sequence("young", range(50, 58), max_tokens=20)])
    while not one.idle:
        advance(one)

    assert one.counts.preempted
    assert one.counts.cached + one.counts.read == 2 * 7


def test_a_prompt_comes_in_parts_and_its_last_token_alone() -> None:
    """Parts end with a block, or where the body does; only the last token has logits."""
    one = scheduler(1)
    one.add([sequence(prompt=range(23), max_tokens=2)])

    assert [cuts(advance(one))[0] for _ in range(4)] == [
        (0, 8, 0, 0),
        (8, 16, 0, 0),
        (16, 23, 1, 1),
        (23, 24, 1, 1),
    ]


def test_a_part_of_one_token_is_never_read() -> None:
    """Where one token would be left of the body it is computed alone, beside the last one."""
    one = scheduler(1)
    one.add([sequence(prompt=range(18), max_tokens=1)])

    assert [cuts(advance(one))[0] for _ in range(3)] == [(0, 8, 0, 0), (8, 16, 0, 0), (16, 18, 2, 1)]


def test_decoding_goes_on_beside_a_long_prompt() -> None:
    """Whoever is being written for gets a token in every step, while a newcomer's prompt is read in parts."""
    one = scheduler(2, tile=8, by_itself=40)
    writer = sequence("writer", max_tokens=50)
    one.add([writer])
    advance(one)
    one.add([sequence("newcomer", prompt=range(40))])

    for count in range(2, 11):
        batch = advance(one)
        assert names(batch)[0] == "writer"
        assert count == writer.generated
        assert sum(len(row.tokens) for row in batch.rows) <= 8


def test_parts_shrink_where_each_token_looks_far_back() -> None:
    """Late in a long prompt a token costs twice as much, and the others' next one must not wait for that."""
    one = scheduler(2, blocks=400, tile=16, by_itself=16)
    one.add([sequence(prompt=range(1_000))])

    ends = [advance(one).rows[0].end for _ in range(60)]

    assert {16} == {end - start for start, end in zip([0, *ends], ends, strict=False) if end <= 768}
    assert {8} == {end - start for start, end in zip([768, *ends[48:]], ends[48:], strict=False)}


def test_two_who_look_far_back_share_what_one_may() -> None:
    """Two long prompts at once hold the others up no longer than one does, and both are read to the end."""
    one = scheduler(3, blocks=600, tile=16, grain=1)
    readers = [sequence(name, [number, *range(900)], max_tokens=1) for number, name in enumerate("ab")]
    one.add([sequence("writer", max_tokens=400)])
    advance(one)
    one.add(readers)

    far = []
    while not all(reader.finished for reader in readers):
        batch = advance(one)
        far.append([row for row in batch.rows if row.start >= 768 and len(row.tokens) > 1])

    assert max(sum(len(row.tokens) for row in rows) for rows in far) == 15


def test_more_is_read_while_more_read_than_are_written_for() -> None:
    """Twice as much, and no more: as soon as there are as many writers, their tokens come faster again."""
    one = scheduler(3, blocks=200, tile=16, grain=1)
    one.add([sequence("writer", max_tokens=100)])
    advance(one)
    one.add([sequence(name, [number, *range(100)], max_tokens=100) for number, name in enumerate("ab")])

    read: list[tuple[int, int]] = []
    for _ in range(12):
        rows = [row for row in advance(one).rows if len(row.tokens) > 1]
        read.append((len(rows), sum(len(row.tokens) for row in rows)))

    both = [tokens for _, tokens in read[:4]]
    assert both == [31] * 4
    assert {tokens for _, tokens in read[8:]} <= {0, *range(1, 16)}


@pytest.mark.parametrize(("writers", "tokens"), [(1, 16), (3, 16), (12, 16), (13, 32), (20, 32)])
def test_what_is_read_fills_a_tile(writers: int, tokens: int) -> None:
    """With those who write it comes to whole tiles; the next one begins where less than a block is left."""
    one = scheduler(30, blocks=200, tile=16, grain=1)
    one.add([sequence(str(number), max_tokens=100) for number in range(writers)])
    for _ in range(writers):
        advance(one)
    one.add([sequence("reader", range(100))])

    assert sum(len(row.tokens) for row in advance(one).rows) == tokens


@pytest.mark.parametrize("body", [17, 18, 31, 32])
def test_parts_of_any_length_leave_no_single_token(body: int) -> None:
    """Where parts may end anywhere, the last but one is shorter rather than the last a single token."""
    one = scheduler(1, by_itself=15, grain=1)
    one.add([sequence(prompt=range(body + 1), max_tokens=1)])

    parts = []
    while not one.idle:
        parts += [row.end - row.start - row.alone for row in advance(one).rows]

    assert min(parts) > 1


def test_nobody_waits_so_more_is_read() -> None:
    """While nobody is written for, a step reads as much as is worth it."""
    one = scheduler(1, tile=4, by_itself=40)
    one.add([sequence(prompt=range(60))])

    assert cuts(advance(one)) == [(0, 40, 0, 0)]


def test_short_prompts_do_not_wait_for_a_long_one() -> None:
    """Who reads takes turns: a newcomer's short prompt comes after one part of the long one."""
    one = scheduler(3, tile=8, by_itself=8)
    one.add([sequence("long", prompt=range(200))])
    advance(one)
    one.add([sequence("short", prompt=range(7), max_tokens=1)])

    assert {"short"} <= set(names(advance(one))) | set(names(advance(one)))


def test_a_budget_smaller_than_a_block_stops_nobody() -> None:
    """A whole block is read at least."""
    one = scheduler(1, tile=1, by_itself=1)
    one.add([sequence(prompt=range(9))])

    assert cuts(advance(one)) == [(0, 4, 0, 0)]


def test_cancelling_frees_the_place_before_the_next_step() -> None:
    """Who was cancelled is in no later batch and holds no block; who waited comes in at once."""
    one = scheduler(1)
    gone, waiting = sequence("gone"), sequence("waiting")
    one.add([gone, waiting])
    advance(one)

    one.finish(gone)
    one.finish(gone)

    assert one.pool.used == 0
    assert names(advance(one)) == ["waiting"]


def test_cancelling_within_a_step_leaves_nothing_behind() -> None:
    """Who is cancelled while the batch is computed is not marked as computed."""
    one = scheduler(1)
    gone = sequence(prompt=range(9))
    one.add([gone])
    batch = one.schedule()
    one.finish(gone)

    one.mark_computed(batch)

    assert (gone.computed, one.pool.used) == (0, 0)


def test_cancelling_who_waits() -> None:
    """Who waits can leave, too."""
    one = scheduler(1)
    waiting = sequence("waiting")
    one.add([sequence("a"), waiting])
    advance(one)

    one.finish(waiting)

    assert one.waiting == 0


def test_the_queue_is_bounded() -> None:
    """More than may wait are refused all together, with the limit."""
    one = scheduler(1, waiting_limit=2)
    one.add([sequence("a"), sequence("b")])

    with pytest.raises(QueueFull) as refused:
        one.add([sequence("c"), sequence("d")])

    assert refused.value.values == {"limit": 2}
    assert one.waiting == 2


def test_what_never_fits_is_refused() -> None:
    """A sequence that all the memory could not hold would wait for ever."""
    with pytest.raises(ValueError, match="21 tokens do not fit 5 blocks"):
        scheduler(blocks=5).add([sequence(prompt=range(10), max_tokens=11)])


def test_candidates_read_their_prompt_once() -> None:
    """The others share the first one's blocks, and get a copy of the last one, to which all will write."""
    one = scheduler(3, by_itself=100)
    first, *others = [sequence(str(i), range(11), group="g", index=i) for i in range(3)]
    one.add([first, *others])

    assert names(advance(one)) == ["0"]
    batch = advance(one)

    assert [Copy(first.blocks[2], other.blocks[2]) for other in others] == list(batch.copies)
    assert [other.blocks[:2] for other in others] == [first.blocks[:2]] * 2
    assert len({one.blocks[2] for one in (first, *others)}) == 3
    assert [(row.start, row.alone) for row in batch.rows] == [(11, 1), (10, 1), (10, 1)]


def test_a_candidate_reads_for_itself_when_its_sibling_has_gone() -> None:
    """If the first candidate leaves in the middle of its prompt, the next one reads it for the others."""
    one = scheduler(3)
    first, *others = [sequence(str(i), range(30), group="g", index=i) for i in range(3)]
    one.add([first, *others])
    advance(one)
    one.finish(first)

    for _ in range(8):
        advance(one)

    assert all(other.generated > 0 for other in others)


def test_the_next_turn_of_a_story_reads_only_what_is_new() -> None:
    """A prompt that begins like an earlier one takes its blocks over, though the earlier one has gone."""
    one = scheduler(by_itself=100)
    one.add([sequence("first", range(40), max_tokens=1)])
    advance(one)
    one.add([sequence("next", range(60), max_tokens=1)])

    assert cuts(advance(one)) == [(36, 60, 1, 1)]
    assert (one.counts.cached, one.counts.read) == (36, 39 + 23)


def test_a_change_near_the_end_costs_only_the_end() -> None:
    """What stands before a changed note is still known."""
    one = scheduler(by_itself=100)
    one.add([sequence("first", range(40), max_tokens=1)])
    advance(one)
    one.add([sequence("changed", [*range(30), 99, *range(31, 51)], max_tokens=1)])

    assert cuts(advance(one)) == [(28, 51, 1, 1)]


@pytest.mark.parametrize(("grain", "start"), [(1, 31), (2, 30), (4, 28)])
def test_what_a_block_begins_with_is_taken_over(grain: int, start: int) -> None:
    """Inside a block, too, nothing is read again that need not be: the grain says how far."""
    one = scheduler(by_itself=100, grain=grain)
    first = sequence("first", range(34), max_tokens=9)
    one.add([first])
    advance(one)
    changed = sequence("changed", [*range(31), 99, *range(32, 51)], max_tokens=1)
    one.add([changed])

    batch = advance(one)

    row = next(row for row in batch.rows if len(row.tokens) > 1)
    assert row.start == start
    assert list(batch.copies) == ([] if grain == BLOCK else [Copy(first.blocks[7], changed.blocks[7])])


def test_the_last_block_of_a_prompt_is_taken_over() -> None:
    """The next turn goes on where the prompt ended, though drawn tokens stand behind it in the block."""
    one = scheduler(by_itself=100, grain=1)
    one.add([sequence("first", range(35), max_tokens=9)])
    while not one.idle:
        advance(one)
    one.add([sequence("next", range(60), max_tokens=1)])

    batch = advance(one)

    assert cuts(batch) == [(34, 60, 1, 1)]
    assert len(batch.copies) == 1
    assert one.counts.cached == 34
    assert one.pool.used == 0


def test_a_beginning_keeps_nobody_out() -> None:
    """Who needs every block there is gets them all, the one to be copied too."""
    one = scheduler(blocks=4, by_itself=100, grain=1)
    one.add([sequence("first", [1, 2, 3, 4], max_tokens=1)])
    advance(one)
    whole = sequence("whole", [1, 2, 3, *range(50, 61)], max_tokens=2)
    one.add([whole])

    batch = advance(one)

    assert batch.copies == ()
    assert cuts(batch) == [(0, 14, 2, 1)]
    assert len(set(whole.blocks)) == 4


def test_drawn_tokens_are_not_taken_for_read_ones() -> None:
    """Blocks that hold drawn tokens round otherwise: a prompt with the same tokens reads them."""
    one = scheduler(by_itself=100, grain=1)
    one.add([sequence("first", range(8), max_tokens=20)])
    for _ in range(20):
        advance(one)
    one.add([sequence("next", [*range(8), *[NEW] * 20], max_tokens=1)])

    assert cuts(advance(one))[0][0] == 7


def test_the_youngest_gives_way_and_comes_back() -> None:
    """When memory ends, the oldest goes on; the youngest computes its own again, and draws nothing twice."""
    one = scheduler(2, blocks=8, by_itself=100)
    old = sequence("old", range(8), max_tokens=20)
    young = sequence("young", range(50, 58), max_tokens=20)
    one.add([old, young])
    batches = []
    while not one.idle:
        batches.append(advance(one))

    again = next(row for batch in batches[2:] for row in batch.rows if len(row.tokens) > 1)
    assert one.counts.preempted == 1
    assert again.alone > 1
    assert [old.generated, young.generated] == [20, 20]
    assert [name for batch in batches for name in names(batch)].count("young") < 20 + 5


def test_the_oldest_never_gives_way() -> None:
    """However little memory there is, who was admitted first gets a token in every step."""
    one = scheduler(3, blocks=9, by_itself=100)
    old = sequence("old", range(4), max_tokens=30)
    one.add([old, *(sequence(name, range(4), max_tokens=30) for name in ("next", "young"))])

    steps = 0
    while not old.finished:
        advance(one)
        steps += 1

    assert one.counts.preempted > 0
    assert steps == 30


def test_who_gave_way_comes_back_before_those_who_wait() -> None:
    """A sequence that was stopped is next, though somebody who needs less waited when it was stopped."""
    one = scheduler(2, blocks=8, by_itself=100)
    young = sequence("young", range(50, 58), max_tokens=20)
    one.add([sequence("old", range(8), max_tokens=20), young, sequence("newcomer", max_tokens=1)])
    while not one.counts.preempted:
        advance(one)
    stopped = young.generated

    while young.generated == stopped:
        here = names(advance(one))
        assert "newcomer" not in here or "young" in here


def test_admission_leaves_a_block_to_those_who_run() -> None:
    """Who would only be stopped again at the next step is not let in: the writer's next block is kept."""
    one = scheduler(2, blocks=4, by_itself=100)
    one.add([sequence("writer", range(4), max_tokens=6)])
    advance(one)
    one.add([sequence("newcomer", range(50, 60), max_tokens=1)])

    advance(one)

    assert (one.running, one.waiting, one.counts.preempted) == (1, 1, 0)


def test_one_may_have_all_the_memory() -> None:
    """What fits alone is admitted alone, to the last block."""
    one = scheduler(2, blocks=4, by_itself=100)
    whole = sequence(prompt=range(14), max_tokens=2)
    one.add([whole])

    assert [names(advance(one)) for _ in range(2)] == [["one"]] * 2
    assert whole.finished


def test_distrust_leaves_blocks_to_who_holds_them() -> None:
    """What is forgotten while it is held is nobody else's until it was let go of."""
    one = scheduler(2, blocks=8, by_itself=100)
    ill, well = sequence("ill", range(13), max_tokens=9), sequence("well", range(50, 54), max_tokens=9)
    one.add([ill, well])
    advance(one)

    one.forget_cached(ill)

    assert one.pool.used == len(ill.blocks) + len(well.blocks)
    assert not set(one.pool.allocate(one.pool.available)) & {*ill.blocks, *well.blocks}


@settings(deadline=None, max_examples=150)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 12), st.integers(0, 2)), max_size=12),
    rows=st.integers(1, 4),
    blocks=st.integers(8, 24),
    cancelled=st.sets(st.integers(0, 11)),
    grain=st.sampled_from([1, 4]),
)
def test_everybody_finishes(
    sizes: list[tuple[int, int, int]], rows: int, blocks: int, cancelled: set[int], grain: int
) -> None:
    """However much comes and however little memory there is: no block has two writers, and all get theirs."""
    one = scheduler(rows, blocks=blocks, tile=6, by_itself=6, grain=grain)
    everyone: list[Sequence] = [
        sequence(str(i), range(length), group=f"{group}-{length}", max_tokens=new)
        for i, (length, new, group) in enumerate(sizes)
    ]
    one.add(everyone)
    for number in range(900):
        if one.idle:
            break
        batch = advance(one)
        assert batch
        for row in batch.rows:
            assert len(row.blocks) == -(-row.end // BLOCK)
            own = set(row.blocks[row.start // BLOCK :])
            assert not any(own & set(other.blocks) for other in batch.rows if other is not row)
        if number < len(everyone) and number in cancelled:
            one.finish(everyone[number])

    assert one.idle
    assert one.pool.used == 0
    assert all(each.finished for i, each in enumerate(everyone) if i not in cancelled)
