"""The scheduler: first come first served, prompts in pieces between decoding, slots freed at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import QueueFull
from bot.worker.scheduler import Batch, Copy, Scheduler
from bot.worker.sequence import Sequence
from tests.worker.driving import sequence

NEW = 7


def advance(scheduler: Scheduler, new: int = NEW) -> Batch:
    """One step in which every sampling row gets a token."""
    batch = scheduler.schedule()
    scheduler.computed(batch)
    for one in batch.sampling:
        one.append(new)
        if one.finished:
            scheduler.finish(one)
    return batch


def names(batch: Batch) -> list[str]:
    """Who is in a batch."""
    return [one.id for one in batch.sequences]


def test_imports_no_torch() -> None:
    """The policy can be read and tested where torch is not installed."""
    code = "import sys, bot.worker.scheduler, bot.worker.engine; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_first_come_first_served() -> None:
    """Slots go to those who waited longest; the next comes in when one leaves."""
    scheduler = Scheduler(2)
    scheduler.add([sequence("a", max_tokens=1), sequence("b", max_tokens=3), sequence("c"), sequence("d")])

    assert names(advance(scheduler)) == ["a", "b"]
    assert {"b", "c"} == set(names(advance(scheduler)))
    assert scheduler.waiting == 1
    assert scheduler.running == 2


def test_a_prompt_comes_in_pieces_at_fixed_places() -> None:
    """Pieces begin at multiples of their size, and only the last one samples."""
    scheduler = Scheduler(1, chunk=4)
    scheduler.add([sequence(prompt=range(10), max_tokens=2)])

    rows = [advance(scheduler).rows[0] for _ in range(4)]

    assert [(row.start, len(row.tokens), row.samples) for row in rows] == [
        (0, 4, False),
        (4, 4, False),
        (8, 2, True),
        (10, 1, True),
    ]
    assert rows[3].tokens == (NEW,)


def test_decoding_goes_on_beside_a_long_prompt() -> None:
    """Whoever is being written for gets a token in every step, while a newcomer's prompt is read."""
    scheduler = Scheduler(2, chunk=4, token_budget=5)
    writer = sequence("writer", max_tokens=50)
    scheduler.add([writer])
    advance(scheduler)
    scheduler.add([sequence("newcomer", prompt=range(40))])

    for count in range(2, 11):
        batch = advance(scheduler)
        assert names(batch)[0] == "writer"
        assert count == writer.generated
        assert sum(len(row.tokens) for row in batch.rows) <= 5


def test_prompts_share_a_step_within_the_budget() -> None:
    """Short prompts are read together; what is over the budget waits, in order."""
    scheduler = Scheduler(3, chunk=8, token_budget=10)
    scheduler.add([sequence(name, prompt=range(5)) for name in "abc"])

    assert names(advance(scheduler)) == ["a", "b"]
    assert sorted(names(advance(scheduler))) == ["a", "b", "c"]


def test_a_piece_over_the_budget_still_runs_alone() -> None:
    """A budget smaller than a piece stops nobody for good."""
    scheduler = Scheduler(1, chunk=8, token_budget=2)
    scheduler.add([sequence(prompt=range(8))])

    assert len(advance(scheduler).rows[0].tokens) == 8


def test_cancelling_frees_the_slot_before_the_next_step() -> None:
    """Who was cancelled is in no later batch; who waited takes the slot in the very next one."""
    scheduler = Scheduler(1)
    gone, waiting = sequence("gone"), sequence("waiting")
    scheduler.add([gone, waiting])
    advance(scheduler)

    scheduler.finish(gone)
    scheduler.finish(gone)

    assert names(advance(scheduler)) == ["waiting"]
    assert gone.slot is None


def test_cancelling_who_waits() -> None:
    """Who waits can leave, too."""
    scheduler = Scheduler(1)
    waiting = sequence("waiting")
    scheduler.add([sequence("a"), waiting])
    advance(scheduler)

    scheduler.finish(waiting)

    assert scheduler.waiting == 0


def test_the_queue_is_bounded() -> None:
    """More than may wait are refused all together, with the limit."""
    scheduler = Scheduler(1, waiting_limit=2)
    scheduler.add([sequence("a"), sequence("b")])

    with pytest.raises(QueueFull) as refused:
        scheduler.add([sequence("c"), sequence("d")])

    assert refused.value.values == {"limit": 2}
    assert scheduler.waiting == 2


def test_candidates_read_their_prompt_once() -> None:
    """The second and third candidate take the first one's prompt over, all but its last token."""
    scheduler = Scheduler(3, chunk=4)
    prompt = range(10)
    scheduler.add([sequence(str(i), prompt, group="g", index=i) for i in range(3)])

    assert [names(advance(scheduler)) for _ in range(2)] == [["0"], ["0"]]
    assert names(advance(scheduler)) == ["0"]
    batch = advance(scheduler)

    assert (Copy(0, 1, 9), Copy(0, 2, 9)) == batch.copies
    assert [(row.slot, row.start) for row in batch.rows] == [(0, 10), (1, 9), (2, 9)]


def test_a_candidate_reads_for_itself_when_its_sibling_has_gone() -> None:
    """If the first candidate leaves in the middle of its prompt, the next one reads it for the others."""
    scheduler = Scheduler(3, chunk=4)
    first, *others = [sequence(str(i), range(10), group="g", index=i) for i in range(3)]
    scheduler.add([first, *others])
    advance(scheduler)
    scheduler.finish(first)

    for _ in range(6):
        advance(scheduler)

    assert all(one.generated > 0 for one in others)


@settings(deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 6), st.integers(0, 2)), max_size=12),
    slots=st.integers(1, 4),
    cancelled=st.sets(st.integers(0, 11)),
)
def test_everybody_finishes(sizes: list[tuple[int, int, int]], slots: int, cancelled: set[int]) -> None:
    """Whatever comes, no slot is given twice, every token is computed once in order, and all get theirs."""
    scheduler = Scheduler(slots, chunk=4, token_budget=6)
    everyone: list[Sequence] = [
        sequence(str(i), range(length), group=f"{group}-{length}", max_tokens=new)
        for i, (length, new, group) in enumerate(sizes)
    ]
    scheduler.add(everyone)
    for number in range(400):
        if scheduler.idle:
            break
        held = [one.slot for one in everyone if one.slot is not None]
        assert len(held) == len(set(held)) <= slots
        before = {one.id: one.computed for one in everyone}
        batch = advance(scheduler)
        copied = {copy.target: copy.length for copy in batch.copies}
        for row, one in zip(batch.rows, batch.sequences, strict=True):
            assert row.start == copied.get(row.slot, before[one.id])
        if number < len(everyone) and number in cancelled:
            scheduler.finish(everyone[number])

    assert scheduler.idle
    assert all(one.finished for i, one in enumerate(everyone) if i not in cancelled)
