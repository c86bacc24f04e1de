"""A worker process, started as its users start it: by `tsuzuki worker` and its settings."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

READY_TIMEOUT_S = 1800
STOP_TIMEOUT_S = 15
POLL_S = 0.05
LAST_LINES = 12


class WorkerFailed(Exception):
    """The worker ended, or could not load; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the worker is told; None leaves its default."""

    model: Path | None
    cache: Path
    backend: str | None = None
    quantization: str | None = None
    threads: int | None = None
    slots: int | None = None
    languages: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """As environment variables."""
        told = {
            "MODEL": self.model,
            "CACHE": self.cache,
            "BACKEND": self.backend,
            "QUANTIZATION": self.quantization,
            "THREADS": self.threads,
            "SLOTS": self.slots,
            "LANGUAGES": self.languages,
        }
        return {f"TSUZUKI_ENGINE__{name}": str(value) for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Running:
    """A started worker. `started_s` is on `time.perf_counter`."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    started_s: float

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def wait_until_ready(self) -> dict[str, Any]:
        """Wait for the model; what /health says then.

        Raises:
            WorkerFailed: it ended, failed to load or took too long.
        """
        while time.perf_counter() - self.started_s < READY_TIMEOUT_S:
            if self.process.poll() is not None:
                raise WorkerFailed(f"the worker ended with status {self.process.returncode}:\n{self._last()}")
            health = self._health()
            if health["status"] == "failed":
                raise WorkerFailed(f"the worker cannot load the model: {health['reason']}")
            if health["status"] == "ready":
                return health
            time.sleep(POLL_S)
        raise WorkerFailed(f"the worker was not ready after {READY_TIMEOUT_S} s:\n{self._last()}")

    def _health(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = httpx.get(f"{self.url}/health", timeout=READY_TIMEOUT_S).json()
        except httpx.TransportError:
            return {"status": "loading"}
        return found

    def _last(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:])


@contextmanager
def started(settings: Settings, folder: Path, environ: Mapping[str, str] = os.environ) -> Iterator[Running]:
    """A worker on a free port of 127.0.0.1, perhaps still loading; ended afterwards.

    Args:
        settings: what it is told.
        folder: where it runs and its log is kept, so that no settings file of the project is read.
        environ: its environment otherwise.
    """
    port = free_port()
    command = [str(Path(sys.executable).with_name("tsuzuki")), "worker", "--host", "127.0.0.1"]
    log = folder / "worker.log"
    with log.open("wb") as out:
        began_s = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--port", str(port)],
            cwd=folder,
            env={**environ, **settings.environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(process, f"http://127.0.0.1:{port}", log, began_s)
    finally:
        _end(process)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
