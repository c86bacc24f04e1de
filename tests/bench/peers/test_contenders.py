"""Those who take part, as they are: a worker's process and transformers, on a tiny checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.checkpoint import random_checkpoint
from bench.peers.contenders import WorkerContender, transformers
from bench.peers.lines import PeerFailed
from bench.process import Settings, started
from bench.shapes import SHAPES, TINY
from bot.worker.checkpoints.loader import embedded_model

PROMPTS = [[2, 300, 301, 302], [2, 400, 401]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint."""
    pieces = embedded_model() / "tokenizer.json"
    return random_checkpoint(SHAPES[TINY], tmp_path_factory.mktemp("peers"), pieces)


def test_the_worker_writes_as_many_tokens_as_asked(folder: Path, tmp_path: Path) -> None:
    """For each prompt, and the last comes after the first."""
    with started(Settings(folder, tmp_path / "cache", backend="torch"), tmp_path) as running:
        running.wait_until_ready()
        timing = WorkerContender(running.url).write(PROMPTS, 30)
    assert timing.tokens == (30, 30)
    assert all(0 < first < last for first, last in zip(timing.first_s, timing.last_s, strict=True))


def test_transformers_writes_one_prompt_after_another(folder: Path, tmp_path: Path) -> None:
    """The second begins when the first has ended."""
    with transformers(folder, "float32", 1, tmp_path) as contender:
        timing = contender.write(PROMPTS, 8)
    assert timing.tokens == (8, 8)
    assert timing.last_s[0] < timing.first_s[1] < timing.last_s[1]


def test_a_process_that_ends_says_why(tmp_path: Path) -> None:
    """Its last words are in the error."""
    (empty := tmp_path / "nowhere").mkdir()
    with pytest.raises(PeerFailed, match="nowhere"), transformers(empty, "float32", 1, tmp_path):
        pass
