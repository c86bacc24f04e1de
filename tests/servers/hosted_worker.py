"""A real server on loopback, around whatever model a test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bot.worker.api.app import create_app
from bot.worker.api.readiness import EngineLoader
from bot.worker.checkpoints.output_vocabulary import OutputVocabulary
from bot.worker.engine.engine_core import EngineCore
from bot.worker.engine.loaded_model import LoadedModel
from bot.worker.engine.metrics import Metrics
from bot.worker.engine.scheduler import Scheduler
from bot.worker.main import Server, address, open_socket, open_unix_socket
from bot.worker.sampling.sampler import Sampler
from bot.worker.text.encoding import StoryText
from tests.bot.worker.driving import EOS
from tests.fakes.backend import VOCABULARY, FakeBackend
from tests.fakes.checkpoints import tiny_tokenizer

TIMEOUT_S = 60


def fake_loaded_model(
    backend: FakeBackend, metrics: Metrics, *, rows: int = 2, waiting_limit: int = 64
) -> LoadedModel:
    """A model that knows only what the fake backend says, with a real tokenizer."""
    scheduler = Scheduler(
        block=backend.block,
        blocks=backend.blocks,
        rows=rows,
        grain=backend.grain,
        waiting_limit=waiting_limit,
    )
    engine = EngineCore(backend, Sampler(end_token=EOS), scheduler, metrics=metrics)
    text = StoryText(tiny_tokenizer(), backend.context)
    return LoadedModel("fake", text, engine, EOS, OutputVocabulary(VOCABULARY), metrics)


@contextmanager
def hosted(
    loader: EngineLoader,
    *,
    metrics: Metrics | None = None,
    uds: Path | None = None,
    wait: bool = True,
    alive_every_s: float = 10.0,
    cors_origins: tuple[str, ...] = (),
) -> Iterator[httpx.Client]:
    """A client of a server in a thread of its own; `wait` for the model to be loaded (or not to be)."""
    listening = open_unix_socket(uds) if uds else open_socket("127.0.0.1", 0)
    app = create_app(loader, metrics=metrics, alive_every_s=alive_every_s, cors_origins=cors_origins)
    server = Server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    if wait:
        app.state.readiness.loaded.wait(TIMEOUT_S)
    transport = httpx.HTTPTransport(uds=str(uds)) if uds else None
    base_url = "http://worker" if uds else address(listening)
    try:
        with httpx.Client(base_url=base_url, transport=transport, timeout=TIMEOUT_S) as client:
            yield client
    finally:
        server.should_exit = True
        app.state.readiness.stop()
        thread.join(TIMEOUT_S)
