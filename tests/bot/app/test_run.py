"""`tsuzuki run` as a process: it opens the room, survives a bad token, and stops when asked."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.bot.app.conftest import COMMAND, clean_environ

PATIENCE_S = 60
ADDRESS = re.compile(r"http://[\w.:]+")


class ReadyWorker(BaseHTTPRequestHandler):
    """Says that it is ready; nobody asks it to write."""

    def do_GET(self) -> None:
        """Any path answers as /health does."""
        body = json.dumps({"status": "ready", "model": "scripted"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def worker_url() -> Iterator[str]:
    """The address of a worker on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), ReadyWorker)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def variables(worker_url: str) -> dict[str, str]:
    """A free port, and a worker elsewhere."""
    return {"TSUZUKI_WEB__PORT": "0", "TSUZUKI_ENGINE__URL": worker_url, "TSUZUKI_GRACE_S": "5"}


@asynccontextmanager
async def running(folder: Path, variables: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """`tsuzuki run` in a folder; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "run",
        cwd=folder,
        env=clean_environ(**variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def announced(process: asyncio.subprocess.Process) -> str:
    """The address in the line that says where the room is."""
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode()
    found = ADDRESS.search(line)
    assert found, (line, process.returncode)
    return found.group()


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
async def test_the_room_answers_and_a_signal_ends_it_in_order(
    tmp_path: Path, variables: dict[str, str], asked: signal.Signals
) -> None:
    """One line says where the room is; a signal ends the process with 0 and leaves the store behind."""
    async with running(tmp_path, variables) as process:
        url = await announced(process)
        async with httpx.AsyncClient() as client:
            page = await client.get(url)
        assert page.status_code == 200
        assert "text/html" in page.headers["content-type"]
        process.send_signal(asked)
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, errors.decode()
    assert b"Traceback" not in errors
    assert (tmp_path / "data" / "tsuzuki.db").exists()


@pytest.mark.parametrize(
    ("secrets", "known"), [(("", ""), True), (("one", "one"), True), (("", "two"), False)]
)
async def test_visitors_are_known_again_after_a_restart(
    tmp_path: Path, variables: dict[str, str], secrets: tuple[str, str], known: bool
) -> None:
    """What they wrote is theirs to take out again; a secret that is set wins over the one that is kept."""
    ids = []
    async with httpx.AsyncClient() as client:
        for secret in secrets:
            async with running(tmp_path, {**variables, "TSUZUKI_WEB__SECRET": secret}) as process:
                await client.get(await announced(process))
                process.send_signal(signal.SIGTERM)
                await asyncio.wait_for(process.communicate(), PATIENCE_S)
            session = client.cookies["tsuzuki_session"].partition(".")[0]
            ids.append(json.loads(base64.b64decode(session + "=" * (-len(session) % 4)))["id"])
    assert (ids[0] == ids[1]) == known
    assert (tmp_path / "data" / "tsuzuki.db.secret").exists() == ("" in secrets)


async def test_a_bad_token_is_told_and_the_room_opens_all_the_same(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    """The log names the token and not its value; the web room answers."""
    tokens = {"SLACK_BOT_TOKEN": "not-a-slack-token", "SLACK_APP_TOKEN": "neither-is-this"}
    async with running(tmp_path, {**variables, **tokens}) as process:
        url = await announced(process)
        async with httpx.AsyncClient() as client:
            assert (await client.get(url)).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0
    assert b"SLACK_BOT_TOKEN" in errors
    assert b"not-a-slack-token" not in errors


async def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path, variables: dict[str, str]) -> None:
    """With nothing else to do, the bot ends and says why."""
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with taken:
        port = str(taken.sockets[0].getsockname()[1])
        async with running(tmp_path, {**variables, "TSUZUKI_WEB__PORT": port}) as process:
            _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 1
    assert port.encode() in errors
    assert b"Traceback" not in errors


async def test_the_bots_process_never_loads_torch(tmp_path: Path, variables: dict[str, str]) -> None:
    """Not even once everything runs."""
    maps = Path("/proc")
    if not (maps / "self" / "maps").exists():
        pytest.skip("needs /proc to see what a process has loaded")
    async with running(tmp_path, variables) as process:
        await announced(process)
        loaded = (maps / str(process.pid) / "maps").read_text()
    assert "libtorch" not in loaded
    assert os.path.basename(sys.executable) in loaded or "python" in loaded  # noqa: PTH119
