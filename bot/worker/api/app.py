"""The worker's HTTP face: OpenAI's completions and a few words more. See docs/worker-api.md.

Imports no torch: it answers before a model is there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Response
from fastapi import Request as HttpRequest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.domain.errors import EngineError, EngineFailed, QueueFull
from bot.domain.inference import Delta, EngineStatus
from bot.wire.completion_request import CompletionRequest, TokenizeRequest
from bot.wire.errors import ApiError, api_error, invalid_request
from bot.wire.event_stream import ALIVE, DONE, OPEN, encode_event, encode_json
from bot.wire.model_info import ModelCard, ModelList, TokenizeResponse
from bot.worker.api.completion_formatter import CompletionFormatter
from bot.worker.api.event_stream import EventStream, ReaderGone, while_read
from bot.worker.api.readiness import EngineLoader, Readiness
from bot.worker.api.request_body import RefusedError, generation_request, read_body
from bot.worker.engine.delta_coalescer import joined
from bot.worker.engine.loaded_model import Completion, Served, UnfitPromptError
from bot.worker.engine.metrics import Metrics
from bot.worker.text.encoding import read_as

MAX_BODY_BYTES = 2 * 1024 * 1024
"""The longest prompt as `\\uXXXX` escapes, and as much again; its JSON is read in a few milliseconds."""
_DIGITS = 18
_PATIENCE = 16
"""So many times too much is taken and thrown away; then the connection is closed."""
ALIVE_EVERY_S = 10.0
"""Seconds of silence after which a comment shows that the stream lives."""

DEFAULT_MODEL = "default"


def create_app(
    engine_loader: EngineLoader,
    *,
    metrics: Metrics | None = None,
    wall_clock: Callable[[], float] = time.time,
    alive_every_s: float = ALIVE_EVERY_S,
    cors_origins: Sequence[str] = (),
) -> FastAPI:
    """The ASGI application. It starts loading when it is started; `app.state.readiness` says how far it is.

    `metrics` is what `/metrics` shows: the loader gives the same to the engine. `cors_origins`: whose pages
    may ask from within a browser, as `https://example.org`; `*`: anybody's.
    """
    readiness = Readiness(engine_loader)
    shown = metrics or Metrics()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        readiness.start()
        yield
        await asyncio.to_thread(readiness.stop)

    app = FastAPI(title="Tsuzuki worker", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.readiness = readiness
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(Exception, _refuse_unforeseen)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
        )
    desk = Desk(readiness, shown, wall_clock, alive_every_s)
    app.add_api_route("/v1/completions", desk.completions, methods=["POST"], response_model=None)
    app.add_api_route("/v1/window", desk.window, methods=["POST"], response_model=None)
    app.add_api_route("/v1/models", desk.models, methods=["GET"], response_model=None)
    app.add_api_route("/v1/models/{name:path}", desk.model, methods=["GET"], response_model=None)
    app.add_api_route("/tokenize", desk.tokenize, methods=["POST"], response_model=None)
    app.add_api_route("/health", desk.health, methods=["GET"], response_model=None)
    app.add_api_route("/metrics", desk.figures, methods=["GET"], response_model=None)
    return app


class Desk:
    """The routes."""

    def __init__(
        self,
        readiness: Readiness,
        metrics: Metrics,
        wall_clock: Callable[[], float],
        alive_every_s: float,
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._wall_clock = wall_clock
        self._alive_every_s = alive_every_s
        self._started = int(wall_clock())

    async def completions(self, request: HttpRequest) -> Response:
        """Continue a text, or several."""
        served = self._served()
        body = await read_body(request, CompletionRequest)
        try:
            completion = await served.begin(
                generation_request(body, served.presets), body.prompt, echo=body.echo
            )
        except UnfitPromptError as error:
            refused = invalid_request(f"prompt: {error}", code="context_length_exceeded", param="prompt")
            raise RefusedError(refused) from error
        except (EngineError, QueueFull) as error:
            refused = api_error(error)
            self._count(refused.code)
            raise RefusedError(refused) from error
        spell = None if body.logprobs is None else served.text.spell
        created = int(self._wall_clock())
        formatter = CompletionFormatter(completion.id, created, served.name, spell, body.include_usage)
        if body.stream:
            return EventStream(self._events(completion, formatter), lambda: self._close(completion))
        try:
            return await while_read(request.receive, self._whole(completion, formatter))
        except ReaderGone:
            return Response(status_code=499)
        finally:
            self._close(completion)

    async def models(self) -> Response:
        """The one model, once it is loaded."""
        served = self._readiness.served
        listed = ModelList(object="list", data=[] if served is None else [self._card(served)])
        return _json(listed)

    async def model(self, name: str) -> Response:
        """The one model, by its name or as the default."""
        served = self._served()
        if name not in {DEFAULT_MODEL, served.name}:
            message = f"there is no model {name[:200]!r}: this worker serves {served.name!r}"
            raise RefusedError(invalid_request(message, code="model_not_found", param="model", status=404))
        return _json(self._card(served))

    async def window(self, request: HttpRequest) -> Response:
        """What the model would read of the same body at `/v1/completions`."""
        served = self._served()
        body = await read_body(request, CompletionRequest)
        if len(body.prompt) > 1 or not isinstance(body.prompt[0], str):
            raise RefusedError(invalid_request("prompt: the window is that of one text", param="prompt"))
        return _json(asdict(await served.window(generation_request(body, served.presets))))

    async def tokenize(self, request: HttpRequest) -> Response:
        """How the model reads a text."""
        served = self._served()
        body = await read_body(request, TokenizeRequest)
        encoded = await asyncio.to_thread(served.text.encode, body.written, served.context)
        response: TokenizeResponse = {
            "tokens": list(encoded.ids),
            "count": len(encoded.ids),
            "max_model_len": served.context,
            "unknown": list(encoded.unknown),
            "read_as": read_as(body.written, encoded.unknown),
            "dropped_characters": encoded.dropped_characters,
            "unreadable": encoded.unreadable,
        }
        return _json(response)

    async def health(self) -> Response:
        """Loading, ready, or failed with the reason."""
        ready = self._readiness.status is EngineStatus.READY
        return _json(self._readiness.health, status=200 if ready else 503)

    async def figures(self) -> Response:
        """What was counted, for Prometheus."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def _served(self) -> Served:
        served = self._readiness.served
        if served is None:
            raise RefusedError(self._readiness.error)
        return served

    def _card(self, served: Served) -> ModelCard:
        return {
            "id": served.name,
            "object": "model",
            "created": self._started,
            "owned_by": "tsuzuki",
            "max_model_len": served.context,
        }

    async def _whole(self, completion: Completion, formatter: CompletionFormatter) -> Response:
        pieces: dict[int, list[Delta]] = {}
        try:
            while not completion.finished:
                for delta in await completion.read():
                    pieces.setdefault(delta.index, []).append(delta)
        except EngineError as error:
            refused = api_error(error)
            self._count(refused.code)
            return _refusal(refused)
        self._count("completed")
        # Away from the loop: the scores of long prompts are megabytes to spell and to write.
        return await asyncio.to_thread(
            lambda: _json(formatter.whole(completion, [joined(pieces[i]) for i in sorted(pieces)]))
        )

    async def _events(self, completion: Completion, formatter: CompletionFormatter) -> AsyncIterator[bytes]:
        yield OPEN
        try:
            while not completion.finished:
                deltas = await completion.read(self._alive_every_s)
                yield b"".join(encode_event(formatter.chunk(delta)) for delta in deltas) or ALIVE
        except EngineError as error:
            refused = api_error(error)
            self._count(refused.code)
            yield encode_event(refused.body)
            return
        self._count("completed")
        usage = encode_event(formatter.usage_chunk(completion)) if formatter.include_usage else b""
        yield usage + DONE

    def _close(self, completion: Completion) -> None:
        if completion.close():
            self._count("cancelled")

    def _count(self, outcome: str) -> None:
        self._metrics.requests.labels(outcome).inc()


class BodyLimit:
    """Refuses bodies over `limit` bytes before they are kept in memory."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        if told.isascii() and told.isdigit() and int(told[:_DIGITS]) > self._limit:
            await _passed_over(receive, self._limit)
            await _refusal(_too_large(self._limit, told))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                await _passed_over(receive, self._limit)
                raise RefusedError(_too_large(self._limit, "more"))
            return message

        await self._app(scope, counted, send)


async def _passed_over(receive: Receive, limit: int) -> None:
    """Take what is still sent, and keep none of it: who is sending reads an answer only afterwards."""
    seen = 0
    while seen <= _PATIENCE * limit:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            return


def _too_large(limit: int, length: str) -> ApiError:
    said = f"a body may have {limit} bytes, and this one has {length}"
    return invalid_request(said, code="too_large", status=413)


def _json(value: Mapping[str, Any], *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(encode_json(value), status, headers, media_type="application/json")


def _refusal(error: ApiError) -> Response:
    return _json(error.body, status=error.status, headers=error.headers)


async def _refuse_http(_: HttpRequest, error: Exception) -> Response:
    if isinstance(error, RefusedError):
        return _refusal(error.error)
    if not isinstance(error, HTTPException):
        raise error
    return _refusal(invalid_request(str(error.detail), code="not_found", status=error.status_code))


async def _refuse_unforeseen(_: HttpRequest, error: Exception) -> Response:
    """An error of ours, in the form of all others; Starlette raises it anew for the log."""
    return _refusal(api_error(EngineFailed(reason=type(error).__name__)))
