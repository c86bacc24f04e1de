"""Output that cannot be written: a reader that goes ends a command quietly, a full disk in a sentence."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app.doctor import EMBEDDED_MODEL
from bot.app.exit_codes import FAILED, READER_GONE
from tests.bot.app.conftest import COMMAND, clean_environ
from tests.servers.gated_worker import FIRST, SECOND, GatedWorker, gated_worker

PATIENCE_S = 300
BEGUN = "それは夜のことであった。"
FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


@pytest.fixture
async def worker() -> AsyncIterator[GatedWorker]:
    """A storyteller that stops after its first sentence until it may go on."""
    async with gated_worker(FIRST, SECOND) as worker:
        yield worker


async def shell(folder: Path, line: str, stdin: bytes = b"", **variables: str) -> tuple[list[int], str, str]:
    """What a line of bash comes to: the exit codes of its pipe, standard output and standard error."""
    script = line.replace("tsuzuki", " ".join(COMMAND)) + "; echo ${PIPESTATUS[@]} >codes"
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        cwd=folder,
        env=clean_environ(**{"TSUZUKI_STORE__URL": f"sqlite:///{folder}/stories.db", **variables}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin), PATIENCE_S)
    codes = [int(code) for code in (folder / "codes").read_text().split()]
    return codes, out.decode("utf-8", "replace"), err.decode()


async def test_a_reader_that_goes_ends_a_continuation_quietly(tmp_path: Path, worker: GatedWorker) -> None:
    """`| head -c 3` reads a character; the rest is stopped, at the worker too, and nobody complains."""
    worker.go_on()

    codes, out, err = await shell(
        tmp_path, f"tsuzuki continue {BEGUN} | head -c 3", TSUZUKI_ENGINE__URL=worker.url
    )

    assert (codes, out) == ([READER_GONE, 0], BEGUN[0])
    assert "Traceback" not in err
    assert not [line for line in err.splitlines() if "cannot" in line or "error" in line.lower()]


@pytest.mark.slow
@pytest.mark.skipif(not (EMBEDDED_MODEL / "config.json").exists(), reason="there is no embedded model")
async def test_its_own_worker_ends_with_it(tmp_path: Path) -> None:
    """No process is left, and the pipe's end came long before the text's would have."""
    line = f"tsuzuki continue {BEGUN} --length long --candidates 5 | head -c 3"

    codes, _, err = await shell(tmp_path, line, TMPDIR=str(tmp_path))

    assert codes == [READER_GONE, 0]
    assert "Traceback" not in err
    _, left, _ = await shell(
        tmp_path, f"ls -d {tmp_path}/tsuzuki-*; ps -eo args | grep {tmp_path}/tsuzuki-[^*]"
    )
    assert left == ""


async def test_a_reader_that_goes_ends_a_story_at_the_terminal(tmp_path: Path, worker: GatedWorker) -> None:
    """Both while the model writes and while a story is shown."""
    worker.go_on()
    script = "".join(f"{line}\n" for line in (BEGUN, "", *["/show"] * 9)).encode()

    codes, _, err = await shell(tmp_path, "tsuzuki play | head -c 3", script, TSUZUKI_ENGINE__URL=worker.url)

    assert codes == [READER_GONE, 0]
    assert "Traceback" not in err


async def test_what_only_prints_ends_quietly_too(tmp_path: Path) -> None:
    """The list of stories, the doctor's findings, the help: exit code and silence as of any command."""
    for line in ("tsuzuki export | true", "tsuzuki doctor | true", "tsuzuki --help | true"):
        codes, _, err = await shell(tmp_path, line.replace("| true", "| (exec <&-; sleep 0)"))
        assert (codes[0], err) == (READER_GONE, ""), line


@needs_full
async def test_a_full_disk_is_one_sentence(tmp_path: Path, worker: GatedWorker) -> None:
    """Whatever writes to it: exit code 1, and what to do."""
    worker.go_on()
    told = {"TSUZUKI_ENGINE__URL": worker.url}
    for line in (
        f"tsuzuki continue {BEGUN} >/dev/full",
        "tsuzuki play >/dev/full",
        "tsuzuki export >/dev/full",
        "tsuzuki doctor >/dev/full",
    ):
        codes, _, err = await shell(tmp_path, line, f"{BEGUN}\n\n/show\n".encode(), **told)
        said = [each for each in err.splitlines() if "disk is full" in each]
        assert (codes, len(said)) == ([FAILED], 1), (line, err)
        assert "Traceback" not in err


@needs_full
async def test_the_story_goes_on_where_only_the_rest_cannot_be_said(
    tmp_path: Path, worker: GatedWorker
) -> None:
    """Standard error full or closed is no reason to lose a text."""
    worker.go_on()
    for line in (f"tsuzuki continue {BEGUN} 2>/dev/full", f"tsuzuki continue {BEGUN} 2>&-"):
        codes, out, _ = await shell(tmp_path, line, TSUZUKI_ENGINE__URL=worker.url)
        assert (codes, out) == ([0], f"{BEGUN}{FIRST}{SECOND}\n"), line


def _may_mount() -> bool:
    tool = shutil.which("unshare")
    line = ["-rm", "sh", "-c", "mount -t tmpfs -o size=100k none /mnt"]
    return tool is not None and subprocess.run([tool, *line], capture_output=True).returncode == 0  # noqa: S603, PLW1510


async def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, worker: GatedWorker) -> None:
    """One line, exit code 1."""
    worker.go_on()
    await shell(tmp_path, "tsuzuki play", f"{BEGUN}\n".encode(), TSUZUKI_ENGINE__URL=worker.url)
    _, listed, _ = await shell(tmp_path, "tsuzuki export")

    codes, _, err = await shell(tmp_path, f"tsuzuki export {listed.split()[0]} --out no/such/folder.txt")

    assert codes == [FAILED]
    assert "no/such/folder.txt" in err
    assert len(err.splitlines()) == 1


@pytest.mark.skipif(not _may_mount(), reason="no small disk can be had here")
async def test_an_export_on_a_full_disk_leaves_what_was_there(tmp_path: Path, worker: GatedWorker) -> None:
    """The file of yesterday is as it was, with nothing beside it; one sentence says why."""
    worker.go_on()
    long = f"{'雨' * 3000}\n".encode()
    await shell(tmp_path, "tsuzuki play", long, TSUZUKI_ENGINE__URL=worker.url)
    _, listed, _ = await shell(tmp_path, "tsuzuki export")
    (tmp_path / "disk").mkdir()
    line = (
        "unshare -rm bash -c 'mount -t tmpfs -o size=8k none disk && echo yesterday >disk/old.txt && "
        f"{{ tsuzuki export {listed.split()[0]} --out disk/old.txt; code=$?; "
        "ls -A disk; cat disk/old.txt; exit $code; }'"
    )

    codes, out, err = await shell(tmp_path, line)

    assert (codes, out) == ([FAILED], "old.txt\nyesterday\n")
    assert "disk is full" in err
    assert len(err.splitlines()) == 1


@pytest.mark.skipif(not _may_mount(), reason="no small disk can be had here")
async def test_a_store_on_a_full_disk_is_one_sentence(tmp_path: Path, worker: GatedWorker) -> None:
    """A passage that cannot be kept is not taken: exit code 1 and a sentence, no traceback."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = "".join(f"{'雨' * 3000}\n" for _ in range(200)).encode()
    line = f"unshare -rm bash -c 'mount -t tmpfs -o size=1500k none {disk} && exec tsuzuki play'"

    codes, _, err = await shell(
        tmp_path,
        line,
        script,
        TSUZUKI_ENGINE__URL=worker.url,
        TSUZUKI_STORE__URL=f"sqlite:///{disk}/stories.db",
    )

    assert codes == [FAILED], err
    assert "full" in err
    assert "Traceback" not in err
