"""A request's text depends on its prompt, settings and seed alone: not on company, cache or memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from bot.domain.sampling import Sampling
from bot.worker.backends.base import Backend
from bot.worker.backends.pytorch import TorchBackend
from bot.worker.checkpoints.loader import embedded_model, read_config
from bot.worker.checkpoints.quantized_model import InMemoryInt8Model, Quantizer
from bot.worker.checkpoints.weights import find_weights
from bot.worker.engine.engine_core import EngineCore, Submission
from bot.worker.engine.metrics import Metrics
from bot.worker.engine.scheduler import Scheduler
from bot.worker.engine.sequence import Sequence
from bot.worker.sampling.output_index import OutputIndex
from bot.worker.sampling.sampler import Sampler
from tests.bot.worker.driving import EOS, GREEDY, Ear, sequence, start
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.backend import FakeBackend, scattering
from tests.fakes.checkpoints import tiny_checkpoint

SAMPLED = Sampling(
    temperature=1.0,
    top_p=0.95,
    repetition_penalty=1.1,
    repetition_slope=0.7,
    frequency_penalty=0.1,
    dry_allowed_length=1,
    min_p=0.001,
    xtc_threshold=0.05,
    xtc_probability=0.5,
)
BANNED = ("][1", "[2", "3]", "[45][4")
"""Phrases that many tokens begin, end, or hold whole, by the way the fake decoder spells."""
STEPS = 2_000
VOCABULARY = 16_007
"""As many tokens as the largest of the models here has."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: `shared` tokens of its prompt are in others, too; it comes and goes at a step."""

    shared: int
    own: int
    new: int
    candidates: int
    seed: int
    greedy: bool
    comes: int
    leaves: int | None
    banned: tuple[str, ...] = ()
    scored: bool = False

    def sequences(self, name: str) -> list[Sequence]:
        """Its candidates."""
        common = [10 + n * 7 % 90 for n in range(self.shared)]
        prompt = [EOS, *common, *(5 + self.seed + n for n in range(self.own))]
        return [
            sequence(
                f"{name}-{index}",
                prompt,
                group=name,
                index=index,
                max_tokens=0 if self.scored and self.seed % 2 else self.new,
                scored=self.scored,
                logprobs=2 if self.scored else None,
                seed=self.seed,
                sampling=GREEDY if self.greedy else SAMPLED,
            )
            for index in range(self.candidates)
        ]


@dataclass(frozen=True, slots=True)
class Written:
    """A candidate, and what is told of it."""

    sequence: Sequence
    ear: Ear = field(default_factory=Ear)

    def start(self, one: Asked) -> Submission:
        """What an engine is given."""
        return start(self.sequence, self.ear, banned=one.banned)


def asked(longest: int, new: int) -> st.SearchStrategy[Asked]:
    """Requests that often begin alike."""
    return st.builds(
        Asked,
        shared=st.sampled_from([0, longest // 3, longest // 2]),
        own=st.integers(0, longest // 2),
        new=st.integers(1, new),
        candidates=st.integers(1, 3),
        seed=st.integers(0, 5),
        greedy=st.booleans(),
        comes=st.integers(0, 12),
        leaves=st.none() | st.integers(1, 20),
        banned=st.sampled_from([(), BANNED[:2], BANNED]),
        scored=st.sampled_from([False, False, True]),
    )


def engine_over(
    backend: Backend, rows: int, blocks: int, tile: int
) -> tuple[EngineCore, Scheduler, CollectorRegistry]:
    """An engine that uses `blocks` of the backend's blocks."""
    counts = CollectorRegistry()
    scheduler = Scheduler(
        block=backend.block,
        blocks=blocks,
        rows=rows,
        grain=backend.grain,
        tile=tile,
        prefill_alone=2 * tile,
    )
    index = None if backend.outputs is None else OutputIndex(backend.outputs, VOCABULARY)
    sampler = Sampler(end_token=EOS, outputs=index)
    engine = EngineCore(backend, sampler, scheduler, metrics=Metrics(counts))
    return engine, scheduler, counts


def alone(backend: Backend, one: Asked) -> list[Written]:
    """What each candidate gets by itself, with all the memory and nothing remembered."""
    texts = []
    for asked_for in one.sequences("alone"):
        written = Written(asked_for)
        engine, *_ = engine_over(backend, 1, backend.blocks, 4096)
        engine.submit([written.start(one)])
        while engine.step():
            pass
        texts.append(written)
    return texts


def in_company(backend: Backend, requests: list[Asked], engine: EngineCore) -> list[list[Written]]:
    """Let all come and go at their times, and run to the end."""
    everyone = [[Written(each) for each in one.sequences(str(i))] for i, one in enumerate(requests)]
    for step in range(STEPS):
        for one, written in zip(requests, everyone, strict=True):
            if one.comes == step:
                engine.submit([each.start(one) for each in written])
            if one.leaves is not None and one.comes + one.leaves == step:
                engine.cancel([each.sequence for each in written])
        if not engine.step() and step > max(one.comes for one in requests):
            return everyone
    raise AssertionError("it never ends")


def check(backend: Backend, requests: list[Asked], rows: int, blocks: int, tile: int) -> CollectorRegistry:
    """In company, twice so that the second time much is remembered, everybody gets what they get alone."""
    expected = [alone(backend, one) for one in requests]
    engine, scheduler, counts = engine_over(backend, rows, blocks, tile)
    for _ in range(2):
        found = in_company(backend, requests, engine)
        for one, texts, written in zip(requests, expected, found, strict=True):
            for text, each in zip(texts, written, strict=True):
                assert text.ear.text.startswith(each.ear.text)
                assert one.scored or not any(phrase in each.ear.text for phrase in one.banned)
                assert text.ear.scores[: len(each.ear.scores)] == each.ear.scores
                if one.leaves is None:
                    assert each.sequence.tokens == text.sequence.tokens
                    assert each.ear.text == text.ear.text
    assert scheduler.pool.used == 0
    return counts


@settings(max_examples=90, deadline=None)
@given(
    requests=st.lists(asked(30, 14), min_size=1, max_size=6),
    rows=st.integers(1, 5),
    blocks=st.integers(12, 30),
    tile=st.integers(1, 12),
    grain=st.sampled_from([1, 2, 4]),
)
def test_company_cache_and_memory_change_no_token(
    requests: list[Asked], rows: int, blocks: int, tile: int, grain: int
) -> None:
    """Over a backend that notices every wrong block, stale block, missed copy and wrong way of computing."""
    check(FakeBackend(scattering, blocks=64, grain=grain), requests, rows, blocks, tile)


def test_the_check_sees_preemptions_and_cache_hits() -> None:
    """The trials above go through what they are about."""
    requests = [
        Asked(15, number, 14, 2, number, greedy=False, comes=0, leaves=None, banned=BANNED)
        for number in range(3)
    ]
    backend = FakeBackend(scattering, blocks=64)

    counts = check(backend, requests, 4, 12, 6)

    assert counts.get_sample_value("tsuzuki_preemptions_total")
    assert counts.get_sample_value("tsuzuki_prefix_cache_tokens_total", {"result": "hit"})
    assert sum(written.sequence.rewinds for one in requests for written in alone(backend, one)) > 5


def torch_backend(folder: Path, step: int = 1) -> Backend:
    """The reference, with small blocks. Of the tokens one in `step` may be drawn."""
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    outputs = every(checkpoint.config.vocab_size, step)
    return TorchBackend(checkpoint.config, checkpoint.tensors, blocks=40, block=8, outputs=outputs)


def every(vocabulary: int, step: int) -> tuple[int, ...] | None:
    """One token in `step`, the paragraph break among them."""
    return None if step == 1 else tuple(range(EOS % step, vocabulary, step))


def few_of_torch(folder: Path) -> Backend:
    """The same with a head for some tokens."""
    return torch_backend(folder, step=2)


def few_of_openvino(folder: Path) -> Backend:
    """The other with a head for some tokens."""
    return openvino_backend(folder, step=3)


def openvino_backend(_: Path, step: int = 1) -> Backend:
    """The embedded model in eight bits: the tiny one has too small heads to be worth packing."""
    pytest.importorskip("openvino", reason="OpenVINO has no package for this machine")
    from bot.worker.backends.openvino import OpenVinoBackend

    folder = embedded_model()
    model = InMemoryInt8Model(Quantizer(read_config(folder), find_weights(folder)))
    return OpenVinoBackend(model, blocks=40, threads=1, outputs=every(model.config.vocab_size, step))


REAL = [torch_backend, openvino_backend, few_of_torch, few_of_openvino]


@pytest.mark.parametrize("make", REAL)
def test_real_backends_keep_the_promise(
    make: Callable[[Path], Backend], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same on what really computes: exact for greedy and for seeded sampling."""
    backend = make(tiny_checkpoint(tmp_path_factory.mktemp("tiny")))
    longest = 10 * backend.block // 2

    @settings(max_examples=8, deadline=None)
    @given(
        requests=st.lists(asked(longest, 24), min_size=2, max_size=5),
        rows=st.integers(2, 6),
        blocks=st.integers(12, 30),
    )
    def trial(requests: list[Asked], rows: int, blocks: int) -> None:
        check(backend, requests, rows, blocks, 2 * backend.block)

    trial()


@pytest.mark.parametrize("make", REAL)
def test_real_backends_keep_the_promise_when_memory_ends(
    make: Callable[[Path], Backend], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Many drawn tokens computed again in one step have the bits of drawing them one after another."""
    backend = make(tiny_checkpoint(tmp_path_factory.mktemp("tiny")))
    new = 2 * backend.block + 6
    requests = [
        Asked(
            backend.block, number, new, 1 + number % 2, number, greedy=not number, comes=number, leaves=None
        )
        for number in range(4)
    ]

    counts = check(backend, requests, rows=4, blocks=6, tile=2 * backend.block)

    assert (counts.get_sample_value("tsuzuki_preemptions_total") or 0) > 1
