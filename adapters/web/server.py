"""Serving the pages inside a loop that already runs, and everything that touches NiceGUI's own state.

NiceGUI keeps one application, its socket and its clients in its modules: a process can serve one web room at
a time. All of that is held here. Our pages are routes of an application of our own, made anew for each
adapter; NiceGUI is mounted beneath it for its scripts and its socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator

import nicegui
import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import APIRouter, ui
from starlette.middleware.sessions import SessionMiddleware

from bot.domain.errors import ConfigurationError

SHUTDOWN_TIMEOUT_S = 2
"""How long open pages may take to hang up; they connect again by themselves when the bot is back."""

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""What a page sends at once (`parts/shared/index.js`): two million characters of JSON. By default the socket
takes a million bytes, and ends without a word when a longer text is pasted."""

SESSION_COOKIE = "tsuzuki_session"
SESSION_AGE_S = 365 * 24 * 3600


Missing = Callable[[Request, Exception], Awaitable[Response]]
"""Answers a request for an address that leads nowhere."""


def application(pages: APIRouter, missing: Missing, *, favicon: str, secret: str) -> FastAPI:
    """The web room as an ASGI application.

    Raises:
        ConfigurationError: another web room runs in this process.
    """
    if nicegui.app.is_started:
        raise ConfigurationError("one process serves one web room: stop the other one first")
    # Its bar in a colour of its own runs at each download, and no reader is told what it is.
    nicegui.app.config.quasar_config["loadingBar"]["skipHijack"] = True
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(pages)
    # An earlier web room of this process left its middleware; Starlette takes no more once it has served.
    nicegui.app.user_middleware.clear()
    nicegui.app.middleware_stack = None
    nicegui.app.add_exception_handler(404, missing)
    ui.run_with(
        app,
        favicon=favicon,
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        binding_refresh_interval=None,
    )
    nicegui.core.sio.eio.max_http_buffer_size = MAX_EVENT_BYTES
    # After `run_with`, so that NiceGUI keeps no storage files for sessions that it need not know.
    app.add_middleware(
        SessionMiddleware,
        secret_key=secret,
        session_cookie=SESSION_COOKIE,
        max_age=SESSION_AGE_S,
        same_site="lax",
    )
    return app


def bind(host: str, port: int) -> socket.socket:
    """A listening socket's address, taken at once.

    Raises:
        ConfigurationError: the address is taken, not allowed or not there; says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"web room: no address for {host}: {error}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.setblocking(False)  # noqa: FBT003 the socket module knows no keyword here
    except OSError as error:
        bound.close()
        raise ConfigurationError(_why_not(error, host, port)) from error
    return bound


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"web room: port {port} of {host} is taken by another program; choose another (0: any free one)"
        )
    if error.errno == errno.EACCES:
        return f"web room: port {port} needs more rights than this program has; choose one above 1023"
    return f"web room: cannot listen at {host}:{port}: {error.strerror}"


def url_of(bound: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


class _Server(uvicorn.Server):
    """Uvicorn as a guest: the process's signals stay with the program, and somebody hears when it is up."""

    def __init__(self, config: uvicorn.Config, up: Callable[[], None]) -> None:
        super().__init__(config)
        self._up = up

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._up()


async def serve(app: FastAPI, bound: socket.socket, up: Callable[[], None], root_path: str) -> None:
    """Serve until cancelled, then hang up in order. `up` is called once requests are answered.

    `root_path`: what a proxy in front takes from an address before it asks here.
    """
    config = uvicorn.Config(
        app,
        log_config=None,  # the program's own logging speaks for all of it
        access_log=False,
        ws="websockets-sansio",  # the default one leans on an interface that its library has deprecated
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        server_header=False,
        root_path=root_path,
    )
    server = _Server(config, up)
    serving = asyncio.ensure_future(server.serve(sockets=[bound]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await _finish(serving)
        raise


async def _finish(serving: Awaitable[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await serving
