"""`tsuzuki play` and `tsuzuki continue` as processes: driven by scripts, and stopped by Ctrl+C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.bot.app.conftest import COMMAND, clean_environ
from tests.servers.gated_worker import FIRST, SECOND, GatedWorker, gated_worker

PATIENCE_S = 30
BEGUN = "それは夜のことであった。"


@dataclass
class Terminal:
    """A running command, at whose keyboard the test sits."""

    process: asyncio.subprocess.Process

    async def types(self, *lines: str) -> None:
        """Type lines."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        await self.process.stdin.drain()

    async def reads(self, text: str) -> None:
        """Wait until the story so far ends in `text`."""
        assert self.process.stdout is not None
        await asyncio.wait_for(self.process.stdout.readuntil(text.encode()), PATIENCE_S)

    def interrupt(self) -> None:
        """Press Ctrl+C."""
        self.process.send_signal(signal.SIGINT)

    async def ends(self) -> tuple[int, str, str]:
        """Close the input and wait: exit code, the rest of the story, all that was said beside it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE_S)
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()


@pytest.fixture
async def worker() -> AsyncIterator[GatedWorker]:
    """A storyteller that stops after its first sentence until it may go on."""
    async with gated_worker(FIRST, SECOND) as worker:
        yield worker


@asynccontextmanager
async def at(
    folder: Path,
    worker: GatedWorker,
    *arguments: str,
    typed: IO[bytes] | int = asyncio.subprocess.PIPE,
    kept: IO[bytes] | int = asyncio.subprocess.PIPE,
) -> AsyncIterator[Terminal]:
    """A command in a folder with a store of its own; killed at the end if it still runs."""
    settings = {"TSUZUKI_ENGINE__URL": worker.url, "TSUZUKI_STORE__URL": f"sqlite:///{folder}/stories.db"}
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, *arguments),
        cwd=folder,
        env=clean_environ(**settings),
        stdin=typed,
        stdout=kept,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Terminal(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_ctrl_c_stops_a_continuation_and_says_so(tmp_path: Path, worker: GatedWorker) -> None:
    """What was written stays; nothing promises to go on."""
    async with at(tmp_path, worker, "continue", BEGUN) as terminal:
        await terminal.reads(FIRST)
        terminal.interrupt()
        code, out, err = await terminal.ends()
    assert (code, out) == (130, "\n")
    assert "Stopped." in err
    assert "Back in a moment" not in err
    assert "Traceback" not in err


async def test_a_script_tells_a_story_that_is_there_the_next_time(
    tmp_path: Path, worker: GatedWorker
) -> None:
    """Standard output is the whole story and nothing else; the store keeps it."""
    worker.go_on()
    async with at(tmp_path, worker, "play") as terminal:
        await terminal.types(BEGUN, "", "/title 夜", "/show", "/quit")
        code, out, err = await terminal.ends()
    assert (code, out) == (0, f"{BEGUN}{FIRST}{SECOND}\n")
    assert "[2] 続き" in err
    async with at(tmp_path, worker, "play") as terminal:
        await terminal.types("/undo", "/show")
        code, out, err = await terminal.ends()
    assert (code, out) == (0, f"{BEGUN}{FIRST}{SECOND}\n")
    assert "夜" in err


async def test_a_script_s_file_holds_the_story_as_it_ended(tmp_path: Path, worker: GatedWorker) -> None:
    """`tsuzuki play < script.txt > story.txt`: what was taken back or written anew is not in it."""
    worker.go_on()
    script = tmp_path / "script.txt"
    script.write_text(f"{BEGUN}\n\n/undo\n二。\n\n// メモ\n三。\n", "utf-8")
    with script.open("rb") as typed, (tmp_path / "story.txt").open("wb") as kept:
        async with at(tmp_path, worker, "play", typed=typed, kept=kept) as terminal:
            await asyncio.wait_for(terminal.process.wait(), PATIENCE_S)
    assert (tmp_path / "story.txt").read_text("utf-8") == f"{BEGUN}\n二。{FIRST}{SECOND}\n三。\n"


async def test_a_script_hears_that_not_all_went_well(tmp_path: Path, worker: GatedWorker) -> None:
    """The exit code says so, standard error why."""
    async with at(tmp_path, worker, "play") as terminal:
        await terminal.types("/nonsense")
        code, out, err = await terminal.ends()
    assert (code, out) == (1, "")
    assert "nonsense" in err
    async with at(tmp_path, worker, "play", "no-such-story") as terminal:
        code, _, err = await terminal.ends()
    assert code == 2
    assert "no-such-story" in err


async def test_ctrl_c_stops_what_is_written_and_not_the_program(tmp_path: Path, worker: GatedWorker) -> None:
    """The story goes on afterwards; with nothing being written Ctrl+C ends the program."""
    async with at(tmp_path, worker, "play") as terminal:
        await terminal.types(BEGUN, "")
        await terminal.reads(FIRST)
        terminal.interrupt()
        await terminal.types("二。")
        await terminal.reads("二。")
        terminal.interrupt()
        _, _, err = await terminal.ends()
    assert "Stopped." in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("encoding", "options"),
    [
        ("utf-8-sig", ()),
        ("utf-16", ()),
        ("shift_jis", ()),
        ("euc_jp", ()),
        ("utf-16-le", ("--encoding", "utf-16le")),
    ],
)
async def test_standard_input_is_read_in_usual_encodings(
    tmp_path: Path, worker: GatedWorker, encoding: str, options: tuple[str, ...]
) -> None:
    """What comes out is the text and what comes next, in UTF-8."""
    worker.go_on()
    async with at(tmp_path, worker, "continue", "-", *options) as terminal:
        assert terminal.process.stdin is not None
        terminal.process.stdin.write(BEGUN.encode(encoding))
        code, out, err = await terminal.ends()
    assert (code, out) == (0, f"{BEGUN}{FIRST}{SECOND}\n"), err


async def test_a_script_is_read_in_the_encoding_of_its_file(tmp_path: Path, worker: GatedWorker) -> None:
    """An old editor's file; a pipe says which encoding it is in."""
    worker.go_on()
    script = f"{BEGUN}\r\n/show\r\n"
    (tmp_path / "script.txt").write_bytes(script.encode("shift_jis"))
    with (tmp_path / "script.txt").open("rb") as file:
        async with at(tmp_path, worker, "play", typed=file) as terminal:
            out, err = await asyncio.wait_for(terminal.process.communicate(), PATIENCE_S)
    assert (terminal.process.returncode, out.decode()) == (0, f"{BEGUN}\n"), err.decode()
    async with at(tmp_path, worker, "play", "--encoding", "utf-16") as terminal:
        assert terminal.process.stdin is not None
        terminal.process.stdin.write("/show\n".encode("utf-16"))
        code, told, _ = await terminal.ends()
    assert (code, told) == (0, f"{BEGUN}\n")
