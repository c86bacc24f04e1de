"""`tsuzuki train`, from corpus files to a folder that transformers loads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, XGLMForCausalLM

from bot.domain.errors import CheckpointError, CorpusError, ScheduleError
from bot.train.command import CURVE_FILE, RELEASE, ModelShape, TrainingOptions, count_stop_signals, train
from bot.train.corpus import Corpus, CorpusSource
from bot.train.device import Compute
from bot.train.loop import LOG_FILE, STATE_FILE
from bot.train.measure import measure_checkpoint
from tests.bot.train.conftest import PIECES
from tests.bot.train.works import write_corpus

CPU = Compute(torch.device("cpu"), compiled=False, bfloat16=False)
SHAPE = ModelShape(pieces=PIECES, d_model=16, layers=1, heads=2, context=1_024)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A corpus file."""
    return write_corpus(tmp_path / "works.jsonl")


def test_the_command_writes_model_tokenizer_log_and_curve(tmp_path: Path, small: Path) -> None:
    """From corpus files to a folder that transformers loads; a second call goes on with more tokens."""
    said: list[str] = []
    out = tmp_path / "out"

    for tokens in (4_096, 8_192):
        trained = train(
            [str(small)], out, TrainingOptions(tokens, shape=SHAPE), compute=CPU, report=said.append
        )

    rows = [json.loads(row) for row in (out / LOG_FILE).read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert [line for line in said if "held out" in line]
    assert trained.tokens == 8_192
    assert trained.released is not None
    assert 1 < trained.released.per_character < 10
    assert (out / CURVE_FILE).stat().st_size > 1_000
    model = XGLMForCausalLM.from_pretrained(out / RELEASE)
    tokenizer = AutoTokenizer.from_pretrained(out / RELEASE)
    assert (model.dtype, model.config.vocab_size) == (torch.bfloat16, len(tokenizer))


def test_a_run_may_go_on_from_a_checkpoint(tmp_path: Path, small: Path) -> None:
    """A new run starts with the weights, the size and the tokens of a released model, in long windows."""
    said: list[str] = []
    train([str(small)], tmp_path / "a", TrainingOptions(4_096, shape=SHAPE), compute=CPU, report=said.append)
    released = tmp_path / "a" / RELEASE

    trained = train(
        [str(small)], tmp_path / "b", TrainingOptions(4_096, start=released), compute=CPU, report=said.append
    )

    again = tmp_path / "b" / RELEASE
    before = measure_checkpoint(released, Corpus.read(CorpusSource(small)).held_out)
    assert trained.released is not None
    assert trained.released.per_character < before.per_character
    assert (again / "tokenizer.json").read_bytes() == (released / "tokenizer.json").read_bytes()
    assert XGLMForCausalLM.from_pretrained(again).config.d_model == 16
    assert [line for line in said if "512+1024:sampled" in line]


def test_a_stop_releases_nothing(tmp_path: Path, small: Path) -> None:
    """What was stopped says how far it came, and is not mistaken for a finished run."""
    options = TrainingOptions(40_960, shape=SHAPE)

    trained = train(
        [str(small)], tmp_path / "out", options, compute=CPU, report=lambda _: None, stopped=lambda: True
    )

    assert (trained.tokens, trained.released) == (0, None)
    assert not (tmp_path / "out" / RELEASE).exists()


def test_the_first_signal_asks_and_the_second_one_ends() -> None:
    """A signal waits until a step is over; whoever sends it twice means it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with count_stop_signals() as stopped:
            assert not stopped()
            signal.raise_signal(signal.SIGINT)
            assert stopped() == signal.SIGINT
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_and_keeps_its_state(tmp_path: Path, small: Path, number: int) -> None:
    """The process ends after its step, says that the same command goes on, and its state resumes."""
    out = tmp_path / "out"
    command = (
        f"train {small} --out {out} --pieces {PIECES} --d-model 16 --layers 1 --heads 2 --context 64 "
        "--tokens 4000000000 --stage 1:32+64 --batch-tokens 64 --device cpu"
    )
    started = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-m", "bot.cli", *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CXX": "none", "PATH": ""},
    )
    assert started.stdout is not None
    for _ in range(2):  # at which step it begins, and what it measured
        started.stdout.readline()
    started.send_signal(number)
    _, errors = started.communicate(timeout=120)

    assert started.returncode == 128 + number
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    assert torch.load(out / STATE_FILE, weights_only=True)["step"] >= 1


def test_going_on_from_nothing_is_an_error(tmp_path: Path, small: Path) -> None:
    """A folder that holds no checkpoint is named."""
    with pytest.raises(CheckpointError, match="nowhere"):
        train([str(small)], tmp_path / "out", TrainingOptions(start=tmp_path / "nowhere"), compute=CPU)


def test_stages_that_make_no_sense_are_refused_before_anything_is_written(
    tmp_path: Path, small: Path
) -> None:
    """A slip of the pen costs no tokenizer."""
    with pytest.raises(ScheduleError, match="sum up"):
        train([str(small)], tmp_path / "out", TrainingOptions(stages=["0.5:512"]), compute=CPU)
    assert not (tmp_path / "out").exists()


def test_a_corpus_with_nothing_to_hold_out_is_refused(tmp_path: Path) -> None:
    """Without held-out works there is no figure to choose a checkpoint by."""
    path = write_corpus(tmp_path / "few.jsonl", works=3)

    with pytest.raises(CorpusError, match="hold out"):
        train([str(path)], tmp_path / "out", TrainingOptions(shape=SHAPE), compute=CPU)
