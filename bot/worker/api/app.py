"""The worker's HTTP face: OpenAI's completions and a few words more. See docs/worker-api.md.

Imports no torch: it answers before a model is there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from fastapi import Request as HttpRequest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.domain.errors import EngineFailed
from bot.wire.errors import ApiError, api_error, invalid_request
from bot.worker.api.readiness import EngineLoader, Readiness
from bot.worker.api.request_body import RefusedError
from bot.worker.api.routes import Routes, error_response
from bot.worker.engine.metrics import Metrics

MAX_BODY_BYTES = 2 * 1024 * 1024
"""The longest prompt as `\\uXXXX` escapes, and as much again; its JSON is read in a few milliseconds."""
_DIGITS = 18
_PATIENCE = 16
"""So many times too much is taken and thrown away; then the connection is closed."""
ALIVE_EVERY_S = 10.0
"""Seconds of silence after which a comment shows that the stream lives."""


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
    routes = Routes(readiness, shown, wall_clock, alive_every_s)
    app.add_api_route("/v1/completions", routes.completions, methods=["POST"], response_model=None)
    app.add_api_route("/v1/window", routes.window, methods=["POST"], response_model=None)
    app.add_api_route("/v1/models", routes.models, methods=["GET"], response_model=None)
    app.add_api_route("/v1/models/{name:path}", routes.model, methods=["GET"], response_model=None)
    app.add_api_route("/tokenize", routes.tokenize, methods=["POST"], response_model=None)
    app.add_api_route("/health", routes.health, methods=["GET"], response_model=None)
    app.add_api_route("/metrics", routes.figures, methods=["GET"], response_model=None)
    return app


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
            await _drain(receive, self._limit)
            await error_response(_too_large(self._limit, told))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                await _drain(receive, self._limit)
                raise RefusedError(_too_large(self._limit, "more"))
            return message

        await self._app(scope, counted, send)


async def _drain(receive: Receive, limit: int) -> None:
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


async def _refuse_http(_: HttpRequest, error: Exception) -> Response:
    if isinstance(error, RefusedError):
        return error_response(error.error)
    if not isinstance(error, HTTPException):
        raise error
    return error_response(invalid_request(str(error.detail), code="not_found", status=error.status_code))


async def _refuse_unforeseen(_: HttpRequest, error: Exception) -> Response:
    """An error of ours, in the form of all others; Starlette raises it anew for the log."""
    return error_response(api_error(EngineFailed(reason=type(error).__name__)))
