"""The command: it answers before torch is there, and says readably what is wrong."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bot.domain.errors import ConfigurationError
from bot.worker.main import address, open_socket, open_unix_socket, run_worker
from bot.worker.options import EngineOptions
from tests import ROOT
from tests.fakes.checkpoints import tiny_checkpoint

WAIT_S = 60
IMPORTS = "from bot.worker.main import run_worker\nfrom bot.worker.options import EngineOptions\n"


@contextmanager
def worker(code: str) -> Iterator[subprocess.Popen[str]]:
    """A worker process; `code` calls `run_worker`."""
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", f"{IMPORTS}{code}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(WAIT_S)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def listening_at(process: subprocess.Popen[str]) -> str:
    """The address it prints first."""
    if process.stderr is None:
        raise RuntimeError("no pipe")
    return process.stderr.readline().removeprefix("listening on ").strip()


def wait_for(process: subprocess.Popen[str], event: str) -> None:
    """Read the log until something is in it."""
    if process.stdout is None:
        raise RuntimeError("no pipe")
    for line in process.stdout:
        if event in re.sub(r"\x1b\[[0-9;]*m", "", line):
            return
    raise RuntimeError(f"the log ended without {event!r}")


def test_it_answers_before_torch_and_stops_cleanly(tmp_path: Path) -> None:
    """The first answer is `loading`, from a process that has not imported torch; SIGTERM ends it with 0."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    hold = (
        "import sys, builtins\n"
        "real = builtins.__import__\n"
        "def held(name, *rest, **kept):\n"
        "    if name == 'bot.worker.factory' and 'torch' not in sys.modules:\n"
        f"        open({str(gate)!r}).read()\n"
        "    return real(name, *rest, **kept)\n"
        "builtins.__import__ = held\n"
    )
    folder = tiny_checkpoint(tmp_path / "tiny")
    code = f"{hold}run_worker(EngineOptions({str(folder)!r}, slots=2, threads=1), '127.0.0.1', 0, None)"

    with worker(code) as process:
        url = listening_at(process)
        with httpx.Client(base_url=url, timeout=WAIT_S) as client:
            loading = client.get("/health")
            gate.write_text("go")
            wait_for(process, "model=tiny")
            health = client.get("/health")
            text = client.post("/v1/completions", json={"prompt": "雨が", "max_tokens": 3}).json()
        process.send_signal(signal.SIGTERM)
        code_left = process.wait(WAIT_S)

    assert loading.json()["status"] == "loading"
    assert health.json()["status"] == "ready"
    assert text["choices"][0]["finish_reason"] in {"length", "stop"}
    assert code_left == 0


def test_a_missing_model_is_told_over_http(tmp_path: Path) -> None:
    """The worker stays up and gives the reason."""
    path = tmp_path / "worker.sock"

    with worker(f"run_worker(EngineOptions({str(tmp_path / 'none')!r}), '', 0, {str(path)!r})") as process:
        assert listening_at(process) == f"unix:{path}"
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://worker", timeout=WAIT_S) as client:
            wait_for(process, "could not be loaded")
            health = client.get("/health")
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_S)

    assert health.status_code == 503
    assert health.json()["status"] == "failed"
    assert "none" in health.json()["reason"]
    assert not path.exists()


def test_a_taken_port_is_told() -> None:
    """The exit's message names the address and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(SystemExit, match=rf"127\.0\.0\.1:{port}.*another port"):
            run_worker(EngineOptions(), "127.0.0.1", port, None)


def test_a_stale_socket_file_is_replaced(tmp_path: Path) -> None:
    """What a killed worker left behind does not keep the next one from starting."""
    path = tmp_path / "worker.sock"
    open_unix_socket(path).close()

    with open_unix_socket(path) as listening:
        assert address(listening) == f"unix:{path}"


def test_a_living_socket_is_left_alone(tmp_path: Path) -> None:
    """A second worker does not take the first one's place."""
    path = tmp_path / "worker.sock"
    with open_unix_socket(path), pytest.raises(ConfigurationError, match="another path"):
        open_unix_socket(path)


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    """Only sockets are replaced, never somebody's file."""
    path = tmp_path / "notes.txt"
    path.write_text("mine")

    with pytest.raises(ConfigurationError):
        open_unix_socket(path)

    assert path.read_text() == "mine"


def test_addresses_as_clients_write_them() -> None:
    """With the real port where 0 was asked for."""
    with open_socket("127.0.0.1", 0) as listening:
        assert address(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"
