"""The local worker's supervisor, with real children."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from bot.worker_client.worker_process import LocalWorker, LogLine
from config.logging import configure_logging
from tests.fakes.clock import FakeClock

TELL = "import os, sys; sys.stderr.write(f'child {os.getpid()}\\n'); sys.stderr.flush();"
WAIT = "import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"


def child(script: str) -> list[str]:
    """A command that runs a Python script."""
    return [sys.executable, "-c", script]


@asynccontextmanager
async def running(worker: LocalWorker) -> AsyncIterator[asyncio.Task[None]]:
    """The worker, kept alive for the time of a test."""
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def told(worker: LocalWorker, but: int | None = None) -> int:
    """The pid of a child that has begun, other than `but`."""
    async with asyncio.timeout(20):
        while not worker.last_lines or worker.pid in {None, but}:
            await asyncio.sleep(0)
    pid = worker.pid
    assert pid is not None
    return pid


async def _until(lines: asyncio.StreamReader, start: bytes) -> AsyncIterator[bytes]:
    async for line in lines:
        yield line
        if line.startswith(start):
            return


def alive(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Hurried(FakeClock):
    """A clock on which every pause is over at once."""

    async def sleep(self, seconds: float) -> None:
        """Let others run."""
        await asyncio.sleep(0)


def running_still(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    """After a pause there is a new one."""
    clock = FakeClock()
    worker = LocalWorker(child(TELL + WAIT), tmp_path / "s", clock=clock)

    async with running(worker):
        first = await told(worker)
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(20):
            while worker.pid is not None:
                await asyncio.sleep(0)
        await clock.advance(1.0)

        assert await told(worker, but=first) != first


async def test_pauses_grow_and_begin_anew_after_a_steady_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1, 2, 4 … 30 s while it dies at once; 1 s again once it had lived for a minute."""
    pauses: list[float] = []
    lives = iter([0.0] * 6 + [100.0] + [0.0])

    class Recording(FakeClock):
        async def sleep(self, seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 8:
                await asyncio.Event().wait()

    clock = Recording()
    worker = LocalWorker([], tmp_path / "s", clock=clock)

    async def live() -> int:
        clock._now += next(lives)
        return 1

    monkeypatch.setattr(worker, "_run_child", live)
    async with running(worker), asyncio.timeout(20):
        while len(pauses) < 8:
            await asyncio.sleep(0)

    assert pauses == [1, 2, 4, 8, 16, 30, 1, 2]


async def test_it_is_started_again_after_any_number_of_deaths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that cannot start all night long does not end the bot in the morning."""
    deaths = 0
    worker = LocalWorker([], tmp_path / "s", clock=Hurried())

    async def live() -> int:
        nonlocal deaths
        deaths += 1
        return 1

    monkeypatch.setattr(worker, "_run_child", live)
    async with running(worker) as task, asyncio.timeout(20):
        while deaths < 2000:
            await asyncio.sleep(0)
        assert not task.done()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_what_a_dead_child_left_behind_does_not_hold_it(tmp_path: Path) -> None:
    """A process that the child started and that keeps its log open is ended with it."""
    script = f"""
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", {WAIT!r}])
sys.stderr.write(f"{{left.pid}}\\n"); sys.stderr.flush()
{WAIT}
"""
    clock = FakeClock()
    worker = LocalWorker(child(script), tmp_path / "s", clock=clock)

    async with running(worker):
        pid = await told(worker)
        left = int(worker.last_lines[0])
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while worker.pid is not None:
                await asyncio.sleep(0)
            await clock.advance(1.0)
            while worker.pid is None:
                await asyncio.sleep(0)
                await clock.advance(1.0)

    assert not running_still(left)


async def test_cancelling_ends_the_child(tmp_path: Path) -> None:
    """Nothing of it is left, its socket neither."""
    socket = tmp_path / "s"
    worker = LocalWorker(child(TELL + WAIT), socket)

    async with running(worker):
        pid = await told(worker)
        socket.touch()

    assert not alive(pid)
    assert worker.pid is None
    assert not socket.exists()


async def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    """SIGTERM is asked first, SIGKILL follows."""
    worker = LocalWorker(
        child(STUBBORN + TELL + WAIT + ";" + "signal.pause();" * 9), tmp_path / "s", grace_s=0.05
    )

    async with running(worker):
        pid = await told(worker)

    assert not alive(pid)


async def test_the_reason_is_kept(tmp_path: Path) -> None:
    """What a child that cannot start says last can be told to people."""
    clock = FakeClock()
    worker = LocalWorker(child("raise SystemExit('no such model')"), tmp_path / "s", clock=clock)

    async with running(worker), asyncio.timeout(20):
        while not worker.last_lines or worker.pid is not None:
            await asyncio.sleep(0)

        assert worker.last_lines == ("no such model",)


async def test_threads_of_the_child_sleep_while_they_wait(tmp_path: Path) -> None:
    """OpenMP must not spin beside the bot."""
    script = (
        "import os, sys; sys.stderr.write(os.environ['OMP_WAIT_POLICY'] + '\\n'); sys.stderr.flush();" + WAIT
    )
    worker = LocalWorker(child(script), tmp_path / "s")

    async with running(worker):
        await told(worker)

        assert worker.last_lines == ("PASSIVE",)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
async def test_a_killed_bot_leaves_no_worker(tmp_path: Path) -> None:
    """The child of a parent that was killed ends too."""
    script = f"""
import asyncio, sys
from pathlib import Path
from bot.worker_client.worker_process import LocalWorker
async def main():
    worker = LocalWorker([sys.executable, "-c", {TELL + WAIT!r}], Path({str(tmp_path / "s")!r}))
    task = asyncio.create_task(worker.run())
    while not worker.last_lines:
        await asyncio.sleep(0.01)
    print("PID", worker.pid, flush=True)
    await task
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert parent.stdout is not None
    async with asyncio.timeout(20):
        pid = int([line async for line in _until(parent.stdout, b"PID ")][-1].split()[1])
        parent.kill()
        await parent.wait()
        while alive(pid):
            await asyncio.sleep(0)


LOGS = """
import structlog, sys
from config.logging import configure_logging
configure_logging("info", "json")
structlog.get_logger("bot.worker.api.readiness").warning("OpenVINO is not used", reason="{反}")
sys.stderr.write("not of the log\\n"); sys.stderr.flush();
"""


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a bot that logs in JSON writes; the test run's own log is as before afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    written = io.StringIO()
    configure_logging("info", "json", stream=written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def test_the_childs_log_goes_on_as_the_bots_own(tmp_path: Path, log: io.StringIO) -> None:
    """One line of JSON for each of its own, with its level, words, logger and fields; never JSON in JSON."""
    worker = LocalWorker(child(LOGS + WAIT), tmp_path / "s")

    async with running(worker):
        await told(worker)

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    said = next(line for line in lines if line["event"] == "OpenVINO is not used")
    assert (said["level"], said["logger"], said["reason"]) == ("warning", "bot.worker.api.readiness", "{反}")
    assert [line["line"] for line in lines if "line" in line] == ["not of the log"]
    assert worker.last_lines == ("not of the log",)


@pytest.mark.parametrize(
    "line",
    ["", "Traceback", "[]", "5", "{}", '{"level": "info"}', '{"level": 5, "event": "x"}', "[" * 100_000],
)
def test_what_is_no_line_of_a_log(line: str) -> None:
    """It is told as it is."""
    assert LogLine.of(line) is None
