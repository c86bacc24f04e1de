"""The step loop: tokens become text, slots are freed at once, faults stay with whom they concern."""

from __future__ import annotations

import queue

import pytest
from prometheus_client import CollectorRegistry

from bot.domain.errors import EngineError, EngineFailed, EngineUnavailable, NotFinite, QueueFull
from bot.domain.inference import Delta
from bot.worker.engine.engine_core import EngineCore
from bot.worker.engine.metrics import Metrics
from bot.worker.engine.scheduler import Batch, Scheduler
from bot.worker.sampling.sampler import Sampler
from tests.bot.worker.driving import EOS, Ear, sequence, start
from tests.fakes.backend import FakeBackend, counting

WAIT_S = 20


def engine_over(
    backend: FakeBackend, *, rows: int = 2, waiting_limit: int = 64, told_every_s: float = 0.0
) -> EngineCore:
    """An engine that the test steps itself; its clock stands still."""
    scheduler = Scheduler(
        block=backend.block,
        blocks=backend.blocks,
        rows=rows,
        grain=backend.grain,
        waiting_limit=waiting_limit,
    )
    return EngineCore(
        backend, Sampler(end_token=EOS), scheduler, clock=lambda: 1.0, delta_interval_s=told_every_s
    )


def finish(engine: EngineCore) -> None:
    """Step until there is nothing to do."""
    while engine.step():
        pass


def test_tells_text_and_the_reason() -> None:
    """Every token's text is told as it comes, the last with `length`."""
    engine, ear = engine_over(FakeBackend()), Ear()
    engine.submit([start(sequence(max_tokens=3), ear)])

    finish(engine)

    assert [Delta(0, "[11]"), Delta(0, "[12]"), Delta(0, "[13]", "length")] == ear.events
    assert engine.running == 0


def test_the_document_ends_at_the_second_break() -> None:
    """One `</s>` goes on, two end with `stop`."""
    script = iter([20, EOS, 21, EOS, EOS, 22])
    engine, ear = engine_over(FakeBackend(counting(lambda _: next(script)))), Ear()
    engine.submit([start(sequence(max_tokens=50), ear)])

    finish(engine)

    assert ear.text == "[20][21]"
    assert ear.reason == "stop"


def test_a_stop_string_ends_and_is_not_shown() -> None:
    """The slot is free in the step in which the stop string is complete."""
    backend = FakeBackend()
    engine, ear = engine_over(backend), Ear()
    engine.submit([start(sequence(max_tokens=50), ear, stops=("2][13",))])

    finish(engine)

    assert ear.text == "[11][1"
    assert ear.reason == "stop"
    assert len(backend.steps) == 3


def test_held_text_is_shown_when_no_stop_came() -> None:
    """What looked like the beginning of a stop string is not lost at the end."""
    engine, ear = engine_over(FakeBackend()), Ear()
    engine.submit([start(sequence(max_tokens=2), ear, stops=("[12]…",))])

    finish(engine)

    assert ear.text == "[11][12]"


def test_cancel_frees_the_slot_within_one_step() -> None:
    """The next step computes nothing of who was cancelled, and gives the slot to who waits."""
    backend = FakeBackend()
    engine, gone, waiting = engine_over(backend, rows=1), sequence("gone", max_tokens=50), sequence("waiting")
    ear, other = Ear(), Ear()
    engine.submit([start(gone, ear)])
    engine.submit([start(waiting, other)])
    engine.step()

    assert engine.cancel([gone])
    heard = len(ear.events)
    engine.step()

    assert other.text == "[11]"
    assert heard == len(ear.events)
    assert not engine.cancel([gone])


def test_not_finite_concerns_one_request() -> None:
    """Who gets NaN is told so and leaves; the others go on as if alone."""
    backend = FakeBackend(counting(lambda kept: None if 30 in kept else kept[-1] + 1))
    engine, ill, well = engine_over(backend), Ear(), Ear()
    engine.submit([start(sequence("ill", [EOS, 30]), ill), start(sequence("well", max_tokens=3), well)])

    finish(engine)

    assert [NotFinite] == [type(event) for event in ill.events]
    assert well.text == "[11][12][13]"


def test_a_failing_step_fails_its_requests_only() -> None:
    """An exception ends those in the batch; the loop lives and serves the next."""
    backend = FakeBackend(fails=1)
    engine, ear, later = engine_over(backend), Ear(), Ear()
    engine.submit([start(sequence(), ear)])

    finish(engine)
    engine.submit([start(sequence("later", max_tokens=1), later)])
    finish(engine)

    assert [EngineFailed] == [type(event) for event in ear.events]
    assert later.text == "[11]"
    assert engine.running == 0


def test_too_many_are_refused() -> None:
    """The queue is bounded; who is refused leaves nothing behind."""
    engine = engine_over(FakeBackend(), rows=1, waiting_limit=1)
    engine.submit([start(sequence("a"), Ear()), start(sequence("b"), Ear())])

    with pytest.raises(QueueFull):
        engine.submit([start(sequence("c"), Ear())])


def test_candidates_share_their_prompt() -> None:
    """Of three candidates one computes the prompt, the others copy it, and all draw the same greedily."""
    backend = FakeBackend()
    engine, ears = engine_over(backend, rows=3), [Ear(), Ear(), Ear()]
    prompt = [EOS, *range(4, 14)]
    engine.submit([start(sequence(str(i), prompt, group="g", index=i), ear) for i, ear in enumerate(ears)])

    finish(engine)

    read = [row for step in backend.steps for row in step if len(row.tokens) > 1]
    assert [(row.start, row.end) for row in read] == [(0, 11)]
    assert [copy.source for copy in backend.copies] == [2, 2]
    assert {ears[0].text} == {ear.text for ear in ears}


def test_a_thread_runs_it() -> None:
    """Started, it steps by itself; stopped, it tells who was at work that it stops."""
    told: queue.Queue[Delta | EngineError] = queue.Queue()
    engine = engine_over(FakeBackend())
    engine.start()
    engine.submit([start(sequence(max_tokens=2), told.put)])  # type: ignore[arg-type]
    assert [told.get(timeout=WAIT_S), told.get(timeout=WAIT_S)][-1].finish_reason == "length"  # type: ignore[union-attr]

    engine.submit([start(sequence("long", max_tokens=60), told.put)])  # type: ignore[arg-type]
    told.get(timeout=WAIT_S)
    engine.stop()

    last = told.get(timeout=WAIT_S)
    while isinstance(last, Delta):
        last = told.get(timeout=WAIT_S)
    assert isinstance(last, EngineUnavailable)
    with pytest.raises(EngineUnavailable):
        engine.submit([start(sequence("late"), Ear())])


def test_counts() -> None:
    """Tokens, steps, rows and the time to the first token are in the registry."""
    registry = CollectorRegistry()
    ticks = iter(range(100))
    backend = FakeBackend()
    engine = EngineCore(
        backend,
        Sampler(end_token=EOS),
        Scheduler(block=backend.block, blocks=backend.blocks, rows=1),
        metrics=Metrics(registry),
        clock=lambda: float(next(ticks)),
    )
    engine.submit([start(sequence("a", max_tokens=1), Ear()), start(sequence("b", range(4, 20)), Ear())])
    assert engine.idle_s is None

    engine.step()

    assert registry.get_sample_value("tsuzuki_generated_tokens_total") == 1
    assert registry.get_sample_value("tsuzuki_first_token_seconds_count") == 1
    assert registry.get_sample_value("tsuzuki_step_seconds_count") == 1
    assert registry.get_sample_value("tsuzuki_rows") == 1
    assert registry.get_sample_value("tsuzuki_waiting") == 1
    assert registry.get_sample_value("tsuzuki_queue_seconds_count") == 1
    assert registry.get_sample_value("tsuzuki_kv_blocks", {"state": "total"}) == backend.blocks
    assert engine.idle_s == 1

    engine.step()
    assert registry.get_sample_value("tsuzuki_kv_blocks", {"state": "used"}) == 4

    engine.submit([start(sequence("c", range(4, 21)), Ear())])
    finish(engine)
    assert registry.get_sample_value("tsuzuki_queue_seconds_count") == 3

    assert registry.get_sample_value("tsuzuki_prefix_cache_tokens_total", {"result": "hit"}) == 12
    assert registry.get_sample_value("tsuzuki_prefix_cache_tokens_total", {"result": "miss"}) == 15 + 4

    engine.submit([start(sequence("d"), Ear()), start(gone := sequence("e"), Ear())])
    engine.step()
    assert registry.get_sample_value("tsuzuki_waiting") == 1
    engine.cancel([gone])
    assert registry.get_sample_value("tsuzuki_waiting") == 0


def test_scores_come_with_the_text_that_they_belong_to() -> None:
    """Who asked for log probabilities is told those of each token, with the piece that shows it."""
    engine, ear = engine_over(FakeBackend()), Ear()
    engine.submit([start(sequence(max_tokens=2, logprobs=1), ear)])

    finish(engine)

    told = [[score.token for score in event.scores] for event in ear.events if isinstance(event, Delta)]
    assert told == [[11], [12]]


def test_what_is_held_is_told_before_somebody_else_is_read() -> None:
    """A step that reads takes long; otherwise pieces of one moment come together."""
    engine, ear, other = engine_over(FakeBackend(), told_every_s=1.0), Ear(), Ear()
    engine.submit([start(sequence("first", max_tokens=6), ear)])
    for _ in range(3):
        engine.step()
    assert [Delta(0, "[11]")] == ear.events

    engine.submit([start(sequence("second", max_tokens=2), other)])
    engine.step()
    assert [Delta(0, "[11]"), Delta(0, "[12][13]")] == ear.events

    finish(engine)
    assert [Delta(0, "[14][15][16]", "length")] == ear.events[2:]


def test_a_listener_that_fails_at_what_was_held_concerns_nobody_else() -> None:
    """Its request is given up there."""
    heard: list[object] = []

    def deaf(event: object) -> None:
        heard.append(event)
        if len(heard) > 1:
            raise RuntimeError("gone")

    engine, ear = engine_over(FakeBackend(), told_every_s=1.0), Ear()
    engine.submit([start(sequence("deaf", max_tokens=9), deaf)])  # type: ignore[arg-type]
    for _ in range(3):
        engine.step()
    engine.submit([start(sequence("well", max_tokens=2), ear)])

    finish(engine)

    assert ear.text == "[11][12]"
    assert engine.running == 0
    assert isinstance(heard[-1], EngineFailed)


def test_a_listener_that_fails_concerns_nobody_else() -> None:
    """Its request is given up, and its neighbour in the batch is written to the end."""

    def deaf(_: object) -> None:
        raise RuntimeError("gone")

    engine, ear = engine_over(FakeBackend()), Ear()
    engine.submit([start(sequence("deaf"), deaf), start(sequence("well", max_tokens=3), ear)])  # type: ignore[arg-type]

    finish(engine)

    assert ear.text == "[11][12][13]"
    assert engine.running == 0


def test_a_broken_loop_tells_everybody_and_takes_nobody_in() -> None:
    """Where stepping itself fails, all are told, and whoever watches is told that it is over."""

    class BrokenError(Exception):
        pass

    class Broken(Scheduler):
        def schedule(self) -> Batch:
            raise BrokenError

    told: queue.Queue[object] = queue.Queue()
    engine = EngineCore(
        FakeBackend(),
        Sampler(end_token=EOS),
        Broken(block=4, blocks=32, rows=1),
        on_failure=lambda: told.put("broken"),
    )
    engine.submit([start(sequence("a"), told.put), start(sequence("b"), told.put)])  # type: ignore[arg-type]

    engine.start()

    assert [EngineFailed, EngineFailed, str] == [type(told.get(timeout=WAIT_S)) for _ in range(3)]
    with pytest.raises(EngineUnavailable):
        engine.submit([start(sequence("late"), Ear())])


def test_a_step_with_a_fatal_error_is_the_engines_end() -> None:
    """A GPU that was lost fails at every later step as well: everybody is told, and a new process begins."""

    class DeviceLostError(Exception):
        pass

    def lost(_: object) -> object:
        raise DeviceLostError

    told: queue.Queue[object] = queue.Queue()
    engine = EngineCore(
        FakeBackend(lost),  # type: ignore[arg-type]
        Sampler(end_token=EOS),
        Scheduler(block=4, blocks=32, rows=1),
        on_failure=lambda: told.put("broken"),
        is_fatal=lambda error: isinstance(error, DeviceLostError),
    )
    engine.submit([start(sequence("a"), told.put), start(sequence("b"), told.put)])  # type: ignore[arg-type]

    engine.start()

    assert [EngineFailed, EngineFailed, str] == [type(told.get(timeout=WAIT_S)) for _ in range(3)]


def test_what_came_to_nothing_finite_is_not_remembered() -> None:
    """A fault that passes does not come back to everybody who begins the same story."""
    ill = iter([True, False])
    backend = FakeBackend(counting(lambda kept: None if next(ill) else kept[-1] + 1))
    engine, first, again = engine_over(backend), Ear(), Ear()
    engine.submit([start(sequence("first", range(10, 30)), first)])
    finish(engine)
    engine.submit([start(sequence("again", range(10, 30), max_tokens=1), again)])
    finish(engine)

    assert [NotFinite] == [type(event) for event in first.events]
    assert again.text == "[30]"
    assert [step[0].start for step in backend.steps] == [0, 0]
