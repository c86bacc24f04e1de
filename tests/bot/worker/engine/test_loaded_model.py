"""A completion tells all that was written, whatever ended it."""

from __future__ import annotations

import pytest

from bot.domain.errors import NotFinite
from bot.domain.inference import Delta, GenerationRequest
from bot.domain.sampling import Sampling
from bot.worker.engine.metrics import Metrics
from tests.fakes.backend import FakeBackend
from tests.servers.hosted_worker import fake_loaded_model


async def test_text_that_was_drawn_before_an_error_is_not_lost() -> None:
    """What stands in the queue before the error is read first, then the error is raised."""
    served = fake_loaded_model(FakeBackend(), Metrics())
    completion = await served.complete(GenerationRequest("雨", Sampling(temperature=0), 5))
    written = [Delta(0, "夜"), Delta(0, "の")]
    for event in (*written, NotFinite()):
        completion.on_event(event)
    completion.on_event(NotFinite())

    found = await completion.read()
    while len(found) < len(written):
        found += await completion.read()

    assert written == found
    with pytest.raises(NotFinite):
        await completion.read()
