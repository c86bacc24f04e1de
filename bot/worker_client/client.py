"""Speaks to a worker, wherever it runs. Every error of the way there is translated here and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import httpx

from bot.domain.errors import EngineUnavailable
from bot.domain.inference import ContextWindow, Delta, GenerationRequest, Health, TokenCount
from bot.wire.completion_request import completion_body
from bot.wire.completion_response import read_deltas
from bot.wire.errors import refusal
from bot.wire.event_stream import read_events
from bot.wire.model_info import read_health, read_token_count, read_window

CONNECT_TIMEOUT_S = 2.0
SILENCE_TIMEOUT_S = 60.0
"""A worker says something every ten seconds while a stream is open, if only a comment."""
ANSWER_TIMEOUT_S = 10.0
_UNIX = "unix:"


class HttpEngine:
    """`bot.domain.ports.Engine` over a worker's OpenAI-compatible API (docs/worker-api.md).

    `url` is `http://host:port` or `unix:/path/to/worker.sock`.
    """

    def __init__(self, url: str, *, silence_timeout_s: float = SILENCE_TIMEOUT_S) -> None:
        unix = url.removeprefix(_UNIX) if url.startswith(_UNIX) else None
        self._client = httpx.AsyncClient(
            base_url="http://worker" if unix else url,
            # The dispatcher's slots bound the streams; the pool must not.
            transport=httpx.AsyncHTTPTransport(uds=unix, limits=httpx.Limits(max_connections=None)),
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            trust_env=False,
        )
        self._silence_timeout_s = silence_timeout_s

    async def __aenter__(self) -> HttpEngine:
        """Nothing is connected before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Stream a continuation; closing the iterator closes the connection, which frees the worker's slot.

        Raises:
            EngineLoading, EngineFailed, EngineBusy, EngineUnavailable, RequestRejected, NotFinite
        """
        timeout = httpx.Timeout(self._silence_timeout_s, connect=CONNECT_TIMEOUT_S)
        body = completion_body(request)
        async with (
            _translate_errors(),
            self._client.stream("POST", "/v1/completions", json=body, timeout=timeout) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise refusal(response.status_code, await response.aread())
            async for data in read_events(response.aiter_bytes()):
                for delta in read_deltas(data):
                    yield delta

    async def health(self) -> Health:
        """The worker's state. Raises EngineUnavailable where nothing answers."""
        async with _translate_errors():
            return read_health((await self._client.get("/health")).content)

    async def count_tokens(self, text: str) -> TokenCount:
        """How the model reads `text`. Raises EngineError, EngineLoading among them."""
        async with _translate_errors():
            return read_token_count(await self._post("/tokenize", {"text": text}))

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """What the model would see of a request. Raises EngineError, EngineLoading among them."""
        async with _translate_errors():
            return read_window(await self._post("/v1/window", completion_body(request)))

    async def _post(self, path: str, body: dict[str, Any]) -> bytes:
        response = await self._client.post(path, json=body)
        if response.status_code != httpx.codes.OK:
            raise refusal(response.status_code, response.content)
        return response.content


@asynccontextmanager
async def _translate_errors() -> AsyncIterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, ValueError, EOFError) as error:
        # ValueError: what does not speak the worker's language is no worker. EOFError: it died mid-stream.
        raise EngineUnavailable from error
