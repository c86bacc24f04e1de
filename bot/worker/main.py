"""`tsuzuki worker`: bind, answer, load, serve, stop."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from bot.domain.errors import ConfigurationError
from bot.worker.api.app import create_app
from bot.worker.checkpoints.progress import Progress
from bot.worker.engine.loaded_model import LoadedModel
from bot.worker.engine.metrics import Metrics
from bot.worker.options import EngineOptions

BACKLOG = 128
STOP_TIMEOUT_S = 3
"""How long open connections may take to close once the worker was told to stop."""

SWITCH_INTERVAL_S = 0.0005
"""How long the server's thread may keep the engine's waiting: Python's own 5 ms is longer than a step."""


def run_worker(
    options: EngineOptions, host: str, port: int, uds: Path | str | None, cors_origins: Sequence[str] = ()
) -> None:
    """Serve a model until told to stop. The port answers before torch is imported.

    Raises:
        SystemExit: 0 after SIGTERM; 1 with a sentence where the address cannot be had.
    """
    # Waiting threads must sleep: with one core busy, spinning ones made a step forty times longer.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    signal.signal(signal.SIGTERM, _exit)
    try:
        listening = open_unix_socket(Path(uds)) if uds else open_socket(host, port)
    except ConfigurationError as error:
        raise SystemExit(str(error)) from error
    metrics = Metrics()

    def load(progress: Progress) -> LoadedModel:
        from bot.worker.factory import load_model

        return load_model(options, metrics=metrics, progress=progress)

    print(f"listening on {address(listening)}", file=sys.stderr, flush=True)  # noqa: T201 - for who started it
    try:
        Server(create_app(load, metrics=metrics, cors_origins=cors_origins)).run(sockets=[listening])
    finally:
        if uds:
            Path(uds).unlink(missing_ok=True)


class Server(uvicorn.Server):
    """Uvicorn, without its chatter; told to stop, it ends the streams first instead of waiting for them."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=STOP_TIMEOUT_S,
            )
        )
        self._readiness = app.state.readiness

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came: end what runs, in a thread, for this one holds the loop."""
        threading.Thread(target=self._readiness.stop, name="stop", daemon=True).start()
        super().handle_exit(sig, frame)


def open_socket(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises ConfigurationError where the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _listen(listening, (host, port), f"{host}:{port}", "give another port, or stop what listens there")


def open_unix_socket(path: Path) -> socket.socket:
    """A listening Unix socket for this user alone; one left behind by a dead worker is replaced.

    Raises:
        ConfigurationError: something listens there, or the path cannot be used.
    """
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o077)
    try:
        return _listen(listening, str(path), str(path), "give another path, or stop what listens there")
    finally:
        os.umask(mask)


def address(listening: socket.socket) -> str:
    """Where a socket listens, as clients write it."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"


def _listen(listening: socket.socket, where: tuple[str, int] | str, shown: str, advice: str) -> socket.socket:
    try:
        listening.bind(where)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"the worker cannot listen on {shown}: {error.strerror}; {advice}"
        ) from error
    listening.settimeout(0)
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _exit(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
