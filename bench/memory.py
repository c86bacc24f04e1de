"""What a process has in memory, from Linux' /proc."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INTERVAL_S = 0.02
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a process.

    `resident`: all its pages that are in memory, those of mapped files too. `anonymous`: those that are not
    of files: the kernel cannot take them back. `proportional`: resident, with a page that several processes
    have counted in part. `peak`: the largest `resident` so far.
    """

    resident: int
    anonymous: int
    proportional: int
    peak: int


def read_memory(pid: int, proc: Path = PROC) -> Memory:
    """A process' memory now.

    Raises:
        OSError: there is no such process, or no /proc.
    """
    folder = proc / str(pid)
    status = parse((folder / "status").read_text(encoding="ascii", errors="replace"))
    rollup = parse((folder / "smaps_rollup").read_text(encoding="ascii", errors="replace"))
    return Memory(status["VmRSS"], _anonymous(status), rollup["Pss"], status["VmHWM"])


def parse(text: str) -> dict[str, int]:
    """The `Name: 123 kB` lines of a file of /proc, in bytes."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if len(words) == 2 and words[1] == "kB" and words[0].isdigit():
            found[name] = int(words[0]) * 1024
    return found


class Peak:
    """The most anonymous memory that was seen, in bytes."""

    def __init__(self, pid: int, proc: Path = PROC) -> None:
        self._status = proc / str(pid) / "status"
        self.bytes = 0

    def look(self) -> None:
        """Look once. A process that has ended changes nothing."""
        try:
            status = parse(self._status.read_text(encoding="ascii", errors="replace"))
        except OSError:
            return
        self.bytes = max(self.bytes, _anonymous(status))


@contextmanager
def watching(pid: int) -> Iterator[Peak]:
    """Look at a process' anonymous memory every 20 ms."""
    peak = Peak(pid)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(INTERVAL_S):
            peak.look()

    thread = threading.Thread(target=watch, name="memory", daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _anonymous(status: dict[str, int]) -> int:
    # What is shared without a file is in neither of the other two.
    return status.get("RssAnon", 0) + status.get("RssShmem", 0)
