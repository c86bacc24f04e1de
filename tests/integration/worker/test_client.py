"""The client and the real worker, over a Unix socket: they speak the same language."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.settings_resolver import DEFAULTS, merge_settings
from bot.core.settings_values import OwnSampling, check_changes
from bot.domain.errors import EngineFailed, EngineLoading, RequestRejected
from bot.domain.inference import EngineStatus, GenerationRequest
from bot.domain.room_settings import sampling_of
from bot.domain.sampling import MAX_BANNED, PRESETS
from bot.worker.checkpoints.progress import Progress
from bot.worker.engine.loaded_model import LoadedModel
from bot.worker.engine.metrics import Metrics
from bot.worker.factory import assemble
from bot.worker_client.client import HttpEngine
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.backend import FakeBackend
from tests.fakes.checkpoints import tiny_checkpoint
from tests.servers.hosted_worker import fake_loaded_model, hosted

ASKED = GenerationRequest("雨が降りはじめると、", PRESETS["standard"], max_tokens=8, n=2, seed=7)
WAIT_S = 60


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a worker with a tiny checkpoint listens."""
    folder = tmp_path_factory.mktemp("worker")
    checkpoint, socket = tiny_checkpoint(folder / "tiny"), folder / "w.sock"

    def load(progress: Progress) -> LoadedModel:
        loaded = load_checkpoint(checkpoint, dtype="float32", device="cpu", progress=progress)
        return assemble(loaded, slots=2, threads=1, metrics=Metrics())

    with hosted(load, uds=socket):
        yield f"unix:{socket}"


async def test_candidates_stream_to_their_ends(url: str) -> None:
    """Both have a last piece with its reason, and the same seed tells the same again."""
    async with HttpEngine(url) as engine:
        once = [delta async for delta in engine.generate(ASKED)]
        again = [delta async for delta in engine.generate(ASKED)]

    texts = ["".join(delta.text for delta in once if delta.index == index) for index in (0, 1)]
    assert all(texts)
    assert sorted(delta.index for delta in once if delta.finish_reason) == [0, 1]
    assert texts == ["".join(delta.text for delta in again if delta.index == index) for index in (0, 1)]


@pytest.mark.parametrize("bound", ["ge", "le"])
async def test_as_much_as_a_room_may_set(url: str, bound: str) -> None:
    """The worker takes every phrase, and every preset, that the rules let people keep."""
    ends = {
        name: getattr(at, bound)
        for name, field in OwnSampling.model_fields.items()
        for at in field.metadata
        if hasattr(at, bound)
    }
    changes = {"banned": [f"{number:050}" for number in range(MAX_BANNED)], "presets": {"端": ends}}
    rules = merge_settings([check_changes(changes, DEFAULTS)])
    asked = replace(ASKED, sampling=sampling_of("端", rules), banned=rules.banned, n=1)

    async with HttpEngine(url) as engine:
        deltas = [delta async for delta in engine.generate(asked)]

    assert len(rules.banned) == MAX_BANNED
    assert deltas[-1].finish_reason


async def test_health_and_reading(url: str) -> None:
    """It is ready, and says what the model reads of a text and what it cannot see."""
    async with HttpEngine(url) as engine:
        health, count = await engine.health(), await engine.count_tokens("晩の雨")

    assert (health.status, health.model) == (EngineStatus.READY, "tiny")
    assert count.unknown == ("晩",)
    assert count.tokens > 1


async def test_a_refused_request_says_why(url: str) -> None:
    """The worker's own words reach the dispatcher."""
    async with HttpEngine(url) as engine:
        with pytest.raises(RequestRejected) as caught:
            await anext(engine.generate(replace(ASKED, n=99)))

    assert "n" in str(caught.value.values["reason"])


async def test_a_closed_iterator_frees_the_slot(tmp_path: Path) -> None:
    """With one slot, the next stream begins as soon as an endless one was left."""
    backend = FakeBackend(context=10**6)
    endless = GenerationRequest("", PRESETS["standard"], max_tokens=90_000)
    with hosted(lambda _: fake_loaded_model(backend, Metrics(), rows=1), uds=tmp_path / "s"):
        async with HttpEngine(f"unix:{tmp_path}/s") as engine:
            async with aclosing(engine.generate(endless)) as deltas:  # type: ignore[type-var]
                await anext(deltas)
            after = [delta async for delta in engine.generate(replace(endless, max_tokens=3))]

    assert after[-1].finish_reason == "length"


async def test_loading_and_failing(tmp_path: Path) -> None:
    """Both are states for who looks, and errors for who asks."""
    go_on = threading.Event()

    def load(progress: Progress) -> LoadedModel:
        progress(0.4)
        go_on.wait(WAIT_S)
        raise ValueError("no weights")

    with hosted(load, uds=tmp_path / "s", wait=False):
        async with HttpEngine(f"unix:{tmp_path}/s") as engine:
            while (health := await engine.health()).progress < 0.4:
                pass
            with pytest.raises(EngineLoading) as loading:
                await anext(engine.generate(ASKED))
            go_on.set()
            while (failed := await engine.health()).status is EngineStatus.LOADING:
                pass
            with pytest.raises(EngineFailed) as told:
                await engine.count_tokens("雨")

    assert health.status is EngineStatus.LOADING
    assert loading.value.values == {"percent": 40}
    assert (failed.reason, told.value.values) == ("no weights", {"reason": "no weights"})
