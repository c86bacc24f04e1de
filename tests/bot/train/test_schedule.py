"""Stages, plans and the learning rate."""

from __future__ import annotations

import math

import pytest

from bot.domain.errors import ScheduleError
from bot.train.schedule import Plan, Stage, parse_stages, stages_from_checkpoint, stages_from_scratch


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("0.7:512+1024:sampled", Stage(0.7, (512, 1_024), sampled=True)),
        ("0.3:512+1024+1024:full", Stage(0.3, (512, 1_024, 1_024))),
        ("1:256", Stage(1.0, (256,))),
    ],
)
def test_a_stage_is_read(text: str, stage: Stage) -> None:
    """Share, lengths and head; without a head it is the full one."""
    assert Stage.parse(text) == stage
    assert Stage.parse(str(stage)) == stage


@pytest.mark.parametrize(
    "text", ["", "0.7", "0.7:", "x:512", "0.7:512+", "0:512", "1.1:512", "1:0", "1:8:half"]
)
def test_what_is_no_stage_is_refused_by_name(text: str) -> None:
    """The message quotes what was given."""
    with pytest.raises(ScheduleError, match="^" + text.replace("+", r"\+")):
        Stage.parse(text)


def test_windows_longer_than_the_context_are_refused() -> None:
    """No model has positions for them."""
    with pytest.raises(ScheduleError, match="sees 512 tokens"):
        parse_stages(["1:1024"], 512)


def test_the_stages_are_the_whole_run() -> None:
    """Shares that do not sum up to one are an oversight."""
    with pytest.raises(ScheduleError, match=r"0\.9"):
        Plan(1_000, parse_stages(["0.7:16", "0.2:32"], 64), batch_tokens=64)


def test_a_window_fits_into_a_batch() -> None:
    """A step reads one window at least."""
    with pytest.raises(ScheduleError, match="window of 128"):
        Plan(1_000, parse_stages(["1:128"], 256), batch_tokens=64)


def test_stages_follow_one_another_by_their_shares() -> None:
    """The first step of a stage is the one after its predecessors' share of all steps."""
    first, second, third = stages = parse_stages(["0.7:8:sampled", "0.2:8+16", "0.1:16"], 16)
    plan = Plan(100 * 16, stages, batch_tokens=16)
    followed = [plan.stage_at(step) for step in range(100)]

    assert followed == [first] * 70 + [second] * 20 + [third] * 10
    assert plan.stage_at(100) == third


def test_a_run_from_a_checkpoint_sees_its_whole_context_all_along() -> None:
    """Short windows would let it forget its later positions; from scratch they come first."""
    assert all(1_024 in stage.lengths for stage in stages_from_checkpoint(1_024))
    assert min(min(stage.lengths) for stage in stages_from_checkpoint(1_024)) == 512
    assert [stage.lengths for stage in stages_from_scratch(1_024)] == [(256,), (512,), (512,), (1_024,)]


@pytest.mark.parametrize("stages", [stages_from_scratch, stages_from_checkpoint])
def test_default_stages_fit_every_context(stages: object) -> None:
    """They are parts of the context, whatever it is."""
    assert callable(stages)
    for context in (16, 100, 512, 1_024, 4_096):
        plan = Plan(1_000_000, stages(context))
        assert max(max(stage.lengths) for stage in plan.stages) == context


def test_the_average_reaches_back_as_far_as_it_is_told() -> None:
    """An e-th of its weight lies before that many tokens."""
    plan = Plan(1_000, (Stage(1.0, (16,)),), batch_tokens=16, average_tokens=1_600)

    assert plan.average_decay**100 == pytest.approx(math.exp(-1))


@pytest.mark.parametrize(("constant", "middle"), [(0.5, 750), (0.8, 900)])
def test_learning_rate_rises_stays_and_falls(constant: float, middle: int) -> None:
    """Warm-up, a constant part as long as is wanted, then a straight line down."""
    plan = Plan(1_000 * 16, (Stage(1.0, (16,)),), batch_tokens=16, constant=constant)
    factors = [plan.learning_rate_factor(step) for step in range(1_000)]

    assert factors[0] < factors[30] < factors[59] == pytest.approx(1.0)
    assert set(factors[60 : round(constant * 1_000)]) == {1.0}
    assert factors[middle] == pytest.approx(0.51)
    assert factors[999] == pytest.approx(0.02, abs=0.006)
