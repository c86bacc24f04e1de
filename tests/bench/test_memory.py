"""Memory is read from /proc, in bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.memory import Memory, Peak, parse, read_memory

STATUS = (
    "Name:\tpython\nVmHWM:\t    5000 kB\nVmRSS:\t    4000 kB\n"
    "RssAnon:\t  1000 kB\nRssShmem:\t 24 kB\nThreads:\t7\n"
)
ROLLUP = "00400000-7ffe rollup\nRss:  4000 kB\nPss:   3000 kB\nPss_Anon: 990 kB\n"


def process(proc: Path, status: str = STATUS) -> int:
    """A process under another /proc."""
    (proc / "7").mkdir(exist_ok=True)
    (proc / "7" / "status").write_text(status, encoding="ascii")
    (proc / "7" / "smaps_rollup").write_text(ROLLUP, encoding="ascii")
    return 7


def test_only_sizes_are_parsed() -> None:
    """In bytes; names and counts are left out."""
    assert parse(STATUS)["VmRSS"] == 4_000 * 1024
    assert "Threads" not in parse(STATUS)


def test_shared_pages_without_a_file_count_as_anonymous(tmp_path: Path) -> None:
    """The kernel cannot take them back either."""
    found = read_memory(process(tmp_path), tmp_path)
    kib = 1024
    assert found == Memory(
        resident=4_000 * kib, anonymous=1_024 * kib, proportional=3_000 * kib, peak=5_000 * kib
    )


def test_the_peak_stays(tmp_path: Path) -> None:
    """When memory is given back, and when the process is gone."""
    peak = Peak(process(tmp_path), tmp_path)
    peak.look()
    process(tmp_path, STATUS.replace("1000 kB", "10 kB"))
    peak.look()
    (tmp_path / "7" / "status").unlink()
    peak.look()
    assert peak.bytes == 1_024 * 1024


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux' /proc")
def test_a_real_process_has_memory() -> None:
    """This one."""
    found = read_memory(os.getpid())
    assert 0 < found.anonymous < found.resident <= found.peak
