"""Errors on their way from the worker to the bot."""

from __future__ import annotations

import pytest

from bot.domain.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLoading,
    EngineUnavailable,
    NotFinite,
    QueueFull,
    RequestRejected,
)
from bot.wire.errors import ApiError, api_error, failed, invalid_request, loading, refusal
from bot.wire.event_stream import encode_json


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (loading(0.42), EngineLoading(percent=42)),
        (failed("no such model"), EngineFailed(reason="no such model")),
        (api_error(QueueFull(limit=64)), EngineBusy()),
        (api_error(NotFinite()), NotFinite()),
        (api_error(EngineUnavailable()), EngineUnavailable()),
        (api_error(EngineFailed(reason="a step failed")), EngineUnavailable()),
        (invalid_request("n: 1 to 8"), RequestRejected(reason="n: 1 to 8")),
    ],
)
def test_the_bot_reads_what_the_worker_means(sent: ApiError, read: EngineError) -> None:
    """Each error object stands for one error, with its values."""
    found = refusal(sent.status, encode_json(sent.body))
    assert (type(read), read.values) == (type(found), found.values)
