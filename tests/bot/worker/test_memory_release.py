"""Memory that is given back can be read again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from bot.worker.memory_release import release_pages, trim_heap


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows this call")
def test_mapped_memory_is_given_back_and_read_again(tmp_path: Path) -> None:
    """The pages leave the process, and hold the same bytes when they are asked for again."""
    size = 8 * 2**20
    (tmp_path / "weights").write_bytes(bytes(range(256)) * (size // 256))
    mapped = torch.from_file(str(tmp_path / "weights"), size=size, dtype=torch.uint8)
    expected = int(mapped.sum())
    before = resident_file_kib()

    release_pages([mapped])

    assert before - resident_file_kib() > size // 1024 // 2
    assert expected == int(mapped.sum())


def test_memory_of_our_own_keeps_its_content() -> None:
    """What no file holds is not lost."""
    tensor = torch.arange(100_000)

    release_pages([tensor, torch.empty(0)])
    trim_heap()

    assert torch.equal(tensor, torch.arange(100_000))


def resident_file_kib() -> int:
    """Mapped pages of this process that are in memory."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile"))
