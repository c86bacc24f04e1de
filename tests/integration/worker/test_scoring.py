"""How a model is scored: what it gives the tokens of a prompt, whoever read that prompt before."""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from pathlib import Path

import pytest
import torch
from transformers import XGLMForCausalLM

from bot.domain.errors import NotFinite
from bot.worker.backends.base import Backend
from bot.worker.backends.pytorch import TorchBackend
from bot.worker.checkpoints.loader import embedded_model, read_config
from bot.worker.checkpoints.quantized_model import InMemoryInt8Model, Quantizer
from bot.worker.checkpoints.weights import find_weights
from bot.worker.engine.engine_core import EngineCore
from bot.worker.engine.scheduler import MAX_SCORED_TOKENS, ROWS_PER_SCORER, Scheduler
from bot.worker.engine.sequence import Sequence
from bot.worker.sampling.sampler import Sampler, _scored_on_device
from tests.bot.worker.driving import EOS, Ear, sequence, start
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.backend import FakeBackend, counting
from tests.fakes.checkpoints import tiny_checkpoint

LENGTH = 150


def ids(seed: int, length: int = LENGTH, vocabulary: int = 150) -> list[int]:
    """A made-up prompt."""
    drawn = torch.randint(4, vocabulary, (length - 1,), generator=torch.Generator().manual_seed(seed))
    return [EOS, *drawn.tolist()]


def engine_over(backend: Backend, rows: int = 4) -> EngineCore:
    """An engine over a backend."""
    scheduler = Scheduler(block=backend.block, blocks=backend.blocks, rows=rows, grain=backend.grain)
    return EngineCore(backend, Sampler(end_token=EOS), scheduler)


def run(engine: EngineCore, *sequences: Sequence) -> list[Ear]:
    """Let these run to their ends."""
    ears = [Ear() for _ in sequences]
    engine.submit([start(one, ear) for one, ear in zip(sequences, ears, strict=True)])
    while engine.step():
        pass
    return ears


def given_by(model: XGLMForCausalLM, prompt: Tokens[int]) -> tuple[list[float], list[int]]:
    """By a plain forward: log probabilities of all tokens but the first, and the likeliest in each place."""
    with torch.inference_mode():
        logits = model(torch.tensor([prompt])).logits[0, :-1].float()
    logs = logits.log_softmax(-1)
    return logs.gather(1, torch.tensor(prompt[1:])[:, None])[:, 0].tolist(), logits.argmax(-1).tolist()


@pytest.mark.parametrize("new", [0, 1, 3])
def test_a_prompt_is_scored_as_by_a_plain_forward(tmp_path: Path, new: int) -> None:
    """Every token, the cached ones too; then as many are written as were asked for."""
    folder = tiny_checkpoint(tmp_path / "tiny")
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    engine = engine_over(TorchBackend(checkpoint.config, checkpoint.tensors, blocks=40, block=16))
    prompt = ids(1)
    run(engine, sequence("writer", prompt))

    first, again = (
        run(engine, sequence(name, prompt, scored=True, logprobs=1, max_tokens=new))[0]
        for name in ("first", "again")
    )

    expected, likeliest = given_by(XGLMForCausalLM.from_pretrained(folder).eval(), prompt)
    assert prompt[1:] == [score.token for score in first.scores][: LENGTH - 1]
    assert [s.logprob for s in first.scores][: LENGTH - 1] == pytest.approx(expected, abs=1e-4)
    assert likeliest == [score.top[0][0] for score in first.scores][: LENGTH - 1]
    assert (len(first.scores), first.reason) == (LENGTH - 1 + new, "length")
    assert first.scores == again.scores


def test_openvino_scores_as_its_weights_do_in_transformers() -> None:
    """In eight bits: by a hundredth of a nat on average, no token by a half."""
    pytest.importorskip("openvino", reason="OpenVINO has no package for this machine")
    from bot.worker.backends.openvino import OpenVinoBackend
    from tests.bot.worker.backends.test_openvino import reference

    folder = embedded_model()
    model = InMemoryInt8Model(Quantizer(read_config(folder), find_weights(folder)))
    backend = OpenVinoBackend(model, blocks=40, threads=1)
    prompt = ids(2, vocabulary=16_000)
    engine = engine_over(backend)
    run(engine, sequence("writer", prompt))

    ear = run(engine, sequence("scored", prompt, scored=True, logprobs=1, max_tokens=0))[0]

    expected, _ = given_by(reference(model), prompt)
    off = torch.tensor([score.logprob for score in ear.scores]) - torch.tensor(expected)
    assert len(off) == LENGTH - 1
    assert float(off.abs().mean()) < 0.1
    assert abs(float(off.mean())) < 0.02
    assert float(off.abs().max()) < 0.5


def test_logits_are_made_a_few_at_a_time_and_nobody_waits_for_them() -> None:
    """Who is written for has a token in each step, beside a few of a long prompt's."""
    backend = FakeBackend(context=1000, block=16, blocks=200)
    engine = engine_over(backend, rows=2)
    writer, ear = sequence("writer", max_tokens=40), Ear()
    engine.submit([start(writer, ear)])
    engine.step()
    scored = sequence("scored", ids(3, 900), scored=True, logprobs=0, max_tokens=0)
    engine.submit([start(scored, Ear())])
    steps = len(backend.steps)

    while engine.step():
        pass

    beside = [rows for rows in backend.steps[steps:] if len(rows) > 1]
    assert len(beside) > 900 / MAX_SCORED_TOKENS
    assert all(len(rows[0].tokens) == 1 for rows in beside)
    assert all(
        sum(row.logits + row.scored for row in rows) <= MAX_SCORED_TOKENS + 1 for rows in backend.steps
    )
    assert all(len(rows[1].tokens) * 2 <= MAX_SCORED_TOKENS for rows in beside)
    assert len(ear.text) > 40


def test_many_scored_prompts_leave_places_for_writers() -> None:
    """Of a crowd of them only some hold a place at a time; somebody who comes to write begins at once."""
    backend = FakeBackend(context=500, block=16, blocks=400)
    engine = engine_over(backend, rows=2 * ROWS_PER_SCORER)
    crowd = [sequence(f"s{i}", ids(i, 400), scored=True, logprobs=0, max_tokens=0) for i in range(20)]
    engine.submit([start(one, Ear()) for one in crowd])
    engine.step()
    ear = Ear()
    engine.submit([start(sequence("writer", max_tokens=3), ear)])

    taken = engine.running
    for _ in range(5):
        engine.step()

    assert taken == 2
    assert ear.reason == "length"
    while engine.step():
        pass
    assert all(one.finish_reason == "length" for one in crowd)


def test_short_prompts_share_a_step() -> None:
    """A step is filled with as many as there is room for."""
    backend = FakeBackend(block=4, context=64, blocks=100)
    crowd = [sequence(f"s{i}", ids(i, 12), scored=True, logprobs=0, max_tokens=1) for i in range(8)]

    ears = run(engine_over(backend, rows=16), *crowd)

    assert max(len(rows) for rows in backend.steps) >= 4
    assert all(len(ear.scores) == 12 for ear in ears)


def test_what_is_scored_is_not_remembered() -> None:
    """Thousands of prompts that nobody goes on with must not drive stories out of the cache."""
    backend = FakeBackend(block=4, blocks=40)
    engine = engine_over(backend)
    run(engine, sequence("story", ids(1, 30), max_tokens=2))

    for number in range(30):
        run(engine, sequence(f"s{number}", ids(number + 5, 20), scored=True, logprobs=0, max_tokens=0))
    steps = len(backend.steps)
    run(engine, sequence("story again", ids(1, 30), max_tokens=2))

    assert sum(len(row.tokens) for row in backend.steps[steps]) < 4


def test_a_prompt_that_comes_to_nothing_finite_fails_alone() -> None:
    """As where a token is drawn."""
    backend = FakeBackend(counting(lambda kept: None if kept[-1] == 99 else 20))
    engine = engine_over(backend)

    bad, good = run(
        engine,
        sequence("bad", (EOS, 10, 99, 11, 12), scored=True, logprobs=0, max_tokens=0),
        sequence("good", (EOS, 10, 11, 12), scored=True, logprobs=0, max_tokens=0),
    )

    assert isinstance(bad.events[-1], NotFinite)
    assert good.reason == "length"


def test_a_device_scores_as_the_processor_does() -> None:
    """There only a few numbers a row are fetched; computed here, for there need not be a GPU."""
    logits = torch.randn(7, 3000, generator=torch.Generator().manual_seed(1)) * 4
    tokens = [5, 7, 9, 11, 13, 15, 17]

    there = _scored_on_device(logits.clone(), tokens, 3)
    here = Sampler(end_token=EOS).score(logits.clone(), tokens, 3)

    assert there is not None
    assert here is not None
    assert [one.token for one in there] == [one.token for one in here]
    assert [one.logprob for one in there] == pytest.approx([one.logprob for one in here], abs=1e-4)
    assert [[i for i, _ in one.top] for one in there] == [[i for i, _ in one.top] for one in here]
    assert _scored_on_device(logits.index_fill(1, torch.tensor([4]), torch.nan), tokens, 3) is None


@pytest.mark.parametrize("new", [0, 2])
def test_a_prompt_of_one_token_ends(new: int) -> None:
    """There is nothing to score of it; those beside it go on."""
    engine = engine_over(FakeBackend())

    ear, other = run(
        engine,
        sequence("one", [EOS], scored=True, logprobs=0, max_tokens=new),
        sequence("other", [EOS, 20], max_tokens=4),
    )

    assert (ear.reason, len(ear.scores)) == ("length", new)
    assert other.reason == "length"
