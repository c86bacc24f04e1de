"""Runs: they learn, resume, and write a checkpoint that loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sentencepiece
import torch
from transformers import AutoTokenizer, XGLMForCausalLM

from bot.domain.errors import CheckpointError, CorpusError
from bot.train import network
from bot.train.command import CURVE_FILE, RELEASE, ModelShape, train
from bot.train.corpus import Corpus, CorpusSource
from bot.train.data import Batches, Stream, encode, held_out_windows
from bot.train.loop import BEST, LOG_FILE, Plan, Progress, Run, Stage
from bot.train.measure import measure
from tests.bot.train.conftest import PIECES
from tests.bot.train.works import write_corpus

STAGES = (Stage(0.5, 16, sampled=True), Stage(1.0, 32, sampled=False))


def plan(steps: int, measure_every: int = 2) -> Plan:
    """A short run of two stages."""
    return Plan(steps * 128, batch_tokens=128, measure_every=measure_every, rare=64, stages=STAGES)


def run(
    folder: Path,
    corpus: Corpus,
    processor: sentencepiece.SentencePieceProcessor,
    wanted: Plan,
    *,
    bfloat16: bool = False,
) -> Run:
    """A small run."""
    torch.manual_seed(0)
    model = XGLMForCausalLM(network.config(processor.get_piece_size() + 7, 16, 1, 2, 32))
    batches = Batches([Stream(encode(corpus.training, processor), 1.0)], 32, seed=0)
    held_out = held_out_windows(corpus.held_out, processor, 32, 4)
    return Run(model, folder, wanted, batches, held_out, report, compiled=False, bfloat16=bfloat16)


def report(progress: Progress) -> None:
    """Nobody watches."""


def test_held_out_loss_falls(
    folder: Path, corpus: Corpus, processor: sentencepiece.SentencePieceProcessor
) -> None:
    """A run learns: the best held-out loss is well under the untrained one."""
    learning = run(folder, corpus, processor, plan(60))
    before = learning.measure()

    assert learning.train() < before - 0.5


def test_bfloat16_learns_as_well(
    tmp_path: Path, corpus: Corpus, processor: sentencepiece.SentencePieceProcessor
) -> None:
    """The faster products change the loss by little, and the weights stay float32."""
    exact = run(tmp_path / "a", corpus, processor, plan(40))
    fast = run(tmp_path / "b", corpus, processor, plan(40), bfloat16=True)

    assert fast.train() == pytest.approx(exact.train(), abs=0.1)
    assert {parameter.dtype for parameter in fast.model.parameters()} == {torch.float32}


def test_an_interrupted_run_ends_as_an_unbroken_one(
    tmp_path: Path, corpus: Corpus, processor: sentencepiece.SentencePieceProcessor
) -> None:
    """State, order of text and learning rate are taken up exactly."""
    unbroken = run(tmp_path / "a", corpus, processor, plan(8))
    unbroken.train()
    interrupted = run(tmp_path / "b", corpus, processor, plan(8))

    class StoppedError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.step == 5:
            raise StoppedError

    interrupted._report = stop
    with pytest.raises(StoppedError):
        interrupted.train()
    resumed = run(tmp_path / "b", corpus, processor, plan(8))

    assert resumed.resume() == 4
    resumed.train()
    for name, parameter in resumed.model.state_dict().items():
        torch.testing.assert_close(parameter, unbroken.model.state_dict()[name], msg=name)


def test_the_best_checkpoint_loads(
    folder: Path, corpus: Corpus, processor: sentencepiece.SentencePieceProcessor
) -> None:
    """`best` holds the weights of the lowest held-out loss in the published layout."""
    finished = run(folder, corpus, processor, plan(6))
    best = finished.train()
    loaded = XGLMForCausalLM.from_pretrained(folder / BEST)
    finished.model.load_state_dict(loaded.state_dict())

    assert finished.measure() == pytest.approx(best, abs=1e-4)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A corpus file."""
    return write_corpus(tmp_path / "works.jsonl")


def test_the_command_writes_model_tokenizer_log_and_curve(tmp_path: Path, small: Path) -> None:
    """From corpus files to a folder that transformers loads; a second call goes on with more tokens."""
    said: list[str] = []
    shape = ModelShape(pieces=PIECES, d_model=16, layers=1, heads=2, context=1_024)

    for tokens in (4_096, 8_192):
        loss = train(
            [str(small)], tmp_path / "out", tokens=tokens, shape=shape, compiled=False, report=said.append
        )

    rows = [json.loads(row) for row in (tmp_path / "out" / LOG_FILE).read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert len(said) == 2
    assert 1 < loss < 10
    assert (tmp_path / "out" / CURVE_FILE).stat().st_size > 1_000
    model = XGLMForCausalLM.from_pretrained(tmp_path / "out" / RELEASE)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out" / RELEASE)
    assert (model.dtype, model.config.vocab_size) == (torch.bfloat16, len(tokenizer))


def test_a_run_may_go_on_from_a_checkpoint(tmp_path: Path, small: Path) -> None:
    """A new run starts with the weights, the size and the tokens of a released model."""
    shape = ModelShape(pieces=PIECES, d_model=16, layers=1, heads=2, context=1_024)
    quiet: list[str] = []
    train([str(small)], tmp_path / "a", tokens=4_096, shape=shape, compiled=False, report=quiet.append)
    released = tmp_path / "a" / RELEASE

    loss = train(
        [str(small)], tmp_path / "b", tokens=4_096, start=released, compiled=False, report=quiet.append
    )

    again = tmp_path / "b" / RELEASE
    assert loss < measure(released, Corpus.read(CorpusSource(small)).held_out)
    assert (again / "tokenizer.json").read_bytes() == (released / "tokenizer.json").read_bytes()
    assert XGLMForCausalLM.from_pretrained(again).config.d_model == 16


def test_going_on_from_nothing_is_an_error(tmp_path: Path, small: Path) -> None:
    """A folder that holds no checkpoint is named."""
    with pytest.raises(CheckpointError, match="nowhere"):
        train([str(small)], tmp_path / "out", start=tmp_path / "nowhere", compiled=False)


def test_a_corpus_with_nothing_to_hold_out_is_refused(tmp_path: Path) -> None:
    """Without held-out works there is no figure to choose a checkpoint by."""
    path = write_corpus(tmp_path / "few.jsonl", works=3)

    with pytest.raises(CorpusError, match="hold out"):
        train([str(path)], tmp_path / "out", shape=ModelShape(pieces=PIECES), compiled=False)
