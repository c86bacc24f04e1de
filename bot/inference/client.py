"""Speaks to a worker, wherever it runs. Every error of the way there is translated here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from types import TracebackType
from typing import Any

import httpx

from bot.domain.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLoading,
    EngineUnavailable,
    NotFinite,
    RequestRejected,
)
from bot.domain.inference import (
    ContextPiece,
    ContextSpan,
    ContextWindow,
    Delta,
    EngineStatus,
    GenerationRequest,
    Health,
    Score,
    TokenCount,
)
from bot.domain.sampling import PRESETS

CONNECT_TIMEOUT_S = 2.0
SILENCE_TIMEOUT_S = 60.0
"""A worker says something every ten seconds while a stream is open, if only a comment."""
ANSWER_TIMEOUT_S = 10.0
_UNIX = "unix:"
_DONE = b"[DONE]"
_DATA = b"data:"
_MISUNDERSTOOD = (ValueError, KeyError, TypeError, AttributeError)
"""Broken JSON, missing fields, other shapes: what does not speak the worker's language is no worker."""


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
        body = _body(request)
        async with (
            _translated(),
            self._client.stream("POST", "/v1/completions", json=body, timeout=timeout) as response,
        ):
            if response.status_code != httpx.codes.OK:
                await response.aread()
                raise _error_of(response)
            async for line in _lines(response):
                if not line.startswith(_DATA):
                    continue
                data = line.removeprefix(_DATA).strip()
                if data == _DONE:
                    return
                for delta in _deltas(json.loads(data)):
                    yield delta
            raise EngineUnavailable

    async def health(self) -> Health:
        """The worker's state. Raises EngineUnavailable where nothing answers."""
        async with _translated():
            response = await self._client.get("/health")
            said = response.json()
            return Health(
                EngineStatus(said["status"]),
                float(said.get("progress", 0.0)),
                str(said.get("reason", "")),
                str(said.get("model", "")),
            )

    async def count_tokens(self, text: str) -> TokenCount:
        """How the model reads `text`. Raises EngineError, EngineLoading among them."""
        async with _translated():
            response = await self._client.post("/tokenize", json={"text": text})
            if response.status_code != httpx.codes.OK:
                raise _error_of(response)
            said = response.json()
            unknown = tuple(said.get("unknown", ()))
            return TokenCount(int(said["count"]), unknown, str(said.get("read_as", "")))

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """What the model would see of a request. Raises EngineError, EngineLoading among them."""
        async with _translated():
            response = await self._client.post("/v1/window", json=_body(request))
            if response.status_code != httpx.codes.OK:
                raise _error_of(response)
            said = response.json()
            return ContextWindow(
                seen=tuple(ContextSpan(_piece(one["piece"]), int(one["tokens"])) for one in said["seen"]),
                tokens=int(said["tokens"]),
                context=int(said["context"]),
                reserved=int(said["reserved"]),
                left_out_characters=int(said["left_out_characters"]),
                left_out=tuple(map(_piece, said["left_out"])),
                unknown=tuple(said["unknown"]),
            )


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """The lines of a stream of events, as they come.

    httpx's own also end at U+2028 and the like, which stand unescaped inside JSON's strings.
    """
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


def _body(request: GenerationRequest) -> dict[str, Any]:
    sampling = _sampling(request)
    return {
        "prompt": request.prompt,
        "max_tokens": request.max_tokens,
        "min_tokens": request.min_tokens,
        "n": request.n,
        "seed": request.seed,
        "stop": list(request.stop) or None,
        "stream": True,
        "user": request.story or None,
        "banned": list(request.banned) or None,
        "logit_bias": {str(token): bias for token, bias in request.logit_bias} or None,
        "logprobs": request.logprobs,
        "front": [asdict(piece) for piece in request.prefix] or None,
        "inset": [asdict(piece) for piece in request.depth_inserted] or None,
        "inset_depth": request.insertion_depth,
        **sampling,
    }


def _sampling(request: GenerationRequest) -> dict[str, Any]:
    """The settings that are not left to the checkpoint's own form of a preset."""
    if request.preset and request.sampling == PRESETS.get(request.preset):
        return {"preset": request.preset}
    told = asdict(request.sampling)
    told["no_repeat_ngram_size"] = told.pop("no_repeat_ngram")
    return {"preset": request.preset, **told} if request.preset else told


def _piece(said: Mapping[str, Any]) -> ContextPiece:
    return ContextPiece(str(said["kind"]), str(said["text"]))


def _deltas(event: Mapping[str, Any]) -> list[Delta]:
    if "error" in event:
        raise _spoken(event["error"]) or EngineUnavailable()
    choices = event.get("choices", ())
    return [
        Delta(int(c["index"]), str(c["text"]), c.get("finish_reason"), _scores(c.get("logprobs")))
        for c in choices
    ]


def _scores(said: Mapping[str, Any] | None) -> tuple[Score, ...]:
    """OpenAI's four lists, one score a token."""
    if said is None:
        return ()
    names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    return tuple(
        Score(str(token), float(logprob), tuple((str(t), float(lp)) for t, lp in top.items()), int(offset))
        for token, logprob, top, offset in zip(*(said[name] for name in names), strict=True)
    )


def _error_of(response: httpx.Response) -> EngineError:
    """What an answer other than 200 says."""
    try:
        spoken = _spoken(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        spoken = None
    if spoken:
        return spoken
    # Something between us and the worker answered.
    if response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
        return RequestRejected(reason=f"HTTP {response.status_code}")
    return EngineUnavailable()


def _spoken(said: object) -> EngineError | None:
    """The error that a worker's error object stands for; None where it is no such object."""
    if not isinstance(said, Mapping):
        return None
    match said.get("code"):
        case "loading":
            return EngineLoading(percent=round(100 * float(said.get("progress") or 0.0)))
        case "failed":
            return EngineFailed(reason=str(said.get("reason") or said.get("message", "")))
        case "not_finite":
            return NotFinite()
        case "queue_full":
            return EngineBusy()
        case "stopping" | "internal":
            return EngineUnavailable()
        case _:
            return RequestRejected(reason=str(said.get("message", "")))


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, *_MISUNDERSTOOD) as error:
        raise EngineUnavailable from error
