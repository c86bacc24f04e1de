"""The checks of the GPU path, tried on the processor with a tiny model: they run, and they can fail."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.checkpoint import random_checkpoint
from bench.figures import Figure, from_json
from bench.gpu import __main__ as command
from bench.gpu import numerics, sampling, serving, steps, training
from bench.shapes import SHAPES, TINY
from bot.worker.checkpoints.loader import embedded_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint."""
    return random_checkpoint(
        SHAPES[TINY], tmp_path_factory.mktemp("gpu"), embedded_model() / "tokenizer.json"
    )


def by_key(answer: dict[str, list[dict[str, object]]]) -> dict[str, Figure]:
    """What a check answered."""
    return {one.key: one for one in map(from_json, answer["figures"])}


def spec(folder: Path, **more: object) -> dict[str, object]:
    """What a check is told."""
    return {"device": "cpu", "shape": TINY, "folder": str(folder), "scratch": str(folder.parent), **more}


def test_the_same_numbers_are_no_distance(folder: Path) -> None:
    """float32 on the processor is what it is compared with; bfloat16 is a little away."""
    found = by_key(numerics.measure(spec(folder)))
    assert found["numerics.float32.kl"].middle == 0
    assert found["numerics.float32.same"].middle == 1
    assert 0 < found["numerics.bfloat16.kl"].middle < 0.01


def test_other_numbers_are_a_distance() -> None:
    """A backend that computes something else is found out."""
    expected = torch.randn(20, 100, generator=torch.Generator().manual_seed(1))
    away, same = numerics.compared(expected.roll(1, dims=1), expected)
    assert away > 0.1
    assert same < 0.2


def test_a_crowd_is_drawn_alike(folder: Path) -> None:
    """Every kind of setting, and a step that draws nothing."""
    found = by_key(sampling.measure(spec(folder)))
    assert all(one.met for one in found.values())
    assert found["sampling.same"].middle == sampling.ROWS


def test_steps_are_compared_and_timed(folder: Path) -> None:
    """Those that are filled up compute what the others do, and the same each time."""
    found = by_key(steps.measure(spec(folder, rows=[1, 3], length=70)))
    assert {key for key, one in found.items() if command.unhurried(one).met is False} == set()
    assert found["steps.away_3"].met
    assert found["steps.replay_3"].middle == 0
    assert found["steps.time_3"].middle > 0


def test_a_worker_is_asked_over_http(folder: Path) -> None:
    """A prompt nearly as long as the context, one seed twice, and writers together."""
    found = by_key(serving.measure(spec(folder, crowds=[1, 2], tokens=12)))
    assert {key for key, one in found.items() if one.met is False} == set()
    assert found["serving.rate_2"].middle > 0


def test_training_is_checked(folder: Path) -> None:
    """One batch is learnt by heart."""
    found = by_key(training.measure(spec(folder, rows=2, length=32, steps=8, compiled=False)))
    assert {key for key, one in found.items() if one.met is False} == set()
    assert found["training.falls"].middle > training.FALLS


def test_a_wrong_gradient_is_found() -> None:
    """Another sign, another size."""
    right = torch.ones(10)
    assert training.away(right, right) == 0
    assert training.away(-right, right) > training.AWAY
    assert training.away(1.02 * right, right) > training.AWAY


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """And is no failure."""
    assert command.main([]) == 0
    assert "finds no GPU here" in capsys.readouterr().out


def test_a_check_that_fails_leaves_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason is in the table, and the status says that not all is well."""
    asked: list[str] = []

    def measured(name: str, _: object) -> list[Figure]:
        asked.append(name)
        if name == "numerics":
            raise RuntimeError("no such kernel")
        return []

    monkeypatch.setattr(command, "measured", measured)
    options = command.read_options(["--device", "cpu", "--shape", TINY, "--only", "numerics,sampling"])
    results = command.checked(options, folder.parent)
    assert asked == ["numerics", "sampling"]
    assert results.failures == {"numerics": "RuntimeError: no such kernel"}
