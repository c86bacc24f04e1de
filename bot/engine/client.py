"""The worker's client. Everything httpx can raise becomes an `EngineError` here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

import httpx

from bot.errors import (
    EngineError,
    EngineFailed,
    EngineLoading,
    EngineUnavailable,
    NotFinite,
    RequestRejected,
)
from bot.messages import Delta, EngineStatus, Health, Request, TokenCount

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 10.0
"""For the short questions: health and token counts."""
SILENCE_TIMEOUT_S = 120.0
"""How long a stream may be silent. The worker sends a comment every 10 s, so this much means it is gone."""

_DONE = "[DONE]"


class HttpEngine:
    """`bot.seams.Engine` over HTTP: `http://host:port` or `unix:/path/to/worker.sock`."""

    def __init__(self, url: str, *, silence_timeout_s: float = SILENCE_TIMEOUT_S) -> None:
        path = url.removeprefix("unix:")
        local = path != url
        self._silence_timeout_s = silence_timeout_s
        self._client = httpx.AsyncClient(
            base_url="http://worker" if local else url,
            transport=httpx.AsyncHTTPTransport(uds=path if local else None),
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            trust_env=False,  # a proxy from the environment must not see people's stories
        )

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def generate(self, request: Request) -> AsyncIterator[Delta]:
        """Stream a continuation; closing the iterator closes the connection, which frees the worker's slot.

        Raises:
            EngineLoading, EngineFailed, EngineUnavailable, RequestRejected, NotFinite
        """
        timeout = httpx.Timeout(self._silence_timeout_s, connect=CONNECT_TIMEOUT_S)
        body = _body(request)
        with _translated():
            async with self._client.stream("POST", "/v1/completions", json=body, timeout=timeout) as response:
                if response.status_code != httpx.codes.OK:
                    await response.aread()
                    raise _refusal(response)
                async for line in response.aiter_lines():
                    data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
                    if data == _DONE:
                        return
                    for delta in _deltas(data) if data else ():
                        yield delta
        raise EngineUnavailable  # the stream ended without [DONE]

    async def health(self) -> Health:
        """The worker's state. Raises EngineUnavailable where nothing answers."""
        with _translated():
            answer = _object((await self._client.get("/health")).text)
            return Health(
                status=EngineStatus(answer["status"]),
                progress=float(answer.get("progress", 0.0)),
                reason=str(answer.get("reason", "")),
                model=str(answer.get("model", "")),
            )

    async def count(self, text: str) -> TokenCount:
        """How the model reads `text`."""
        with _translated():
            response = await self._client.post("/tokenize", json={"prompt": text})
            if response.status_code != httpx.codes.OK:
                raise _refusal(response)
            answer = _object(response.text)
            return TokenCount(int(answer["count"]), tuple(answer["unknown"]))


def _body(request: Request) -> dict[str, Any]:
    body = asdict(request.sampling) | {
        "prompt": request.prompt,
        "max_tokens": request.max_tokens,
        "min_tokens": request.min_tokens,
        "n": request.n,
        "stream": True,
    }
    if request.seed is not None:
        body["seed"] = request.seed
    if request.stop:
        body["stop"] = list(request.stop)
    return body


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise EngineUnavailable from error
    except (KeyError, TypeError, ValueError) as error:
        # Something answers, but no worker of ours.
        raise EngineUnavailable from error


def _object(text: str) -> dict[str, Any]:
    answer = json.loads(text)
    if not isinstance(answer, dict):
        raise TypeError("not an object")
    return answer


def _deltas(data: str) -> Iterator[Delta]:
    event = _object(data)
    if "error" in event:
        raise _error_of(event["error"])
    for choice in event["choices"]:
        yield Delta(int(choice["index"]), str(choice["text"]), choice.get("finish_reason"))


def _refusal(response: httpx.Response) -> EngineError:
    try:
        return _error_of(_object(response.text)["error"])
    except (KeyError, TypeError, ValueError):
        return EngineUnavailable()


def _error_of(error: dict[str, Any]) -> EngineError:
    match error.get("code"):
        case "loading":
            return EngineLoading(percent=round(100 * float(error.get("progress", 0.0))))
        case "failed":
            return EngineFailed(reason=str(error.get("reason") or error.get("message", "")))
        case "not_finite":
            return NotFinite()
        case "stopping" | "queue_full":
            return EngineUnavailable()
        case _:
            return RequestRejected(reason=str(error.get("message", "")))
