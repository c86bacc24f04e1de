"""What starting a worker costs: seconds, and memory at its peak and at rest."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.figures import Figure, figure
from bench.memory import Memory, read_memory, watching
from bench.process import Settings, started
from bench.shapes import GIB, PEAK_GIB

MIB = 2**20
REST_S = 2.0
"""How long a worker is left alone before its memory counts as at rest."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds until /health said ready, bytes at the peak of anonymous memory, and at rest."""

    ready_s: float
    peak_anonymous: int
    rest: Memory
    computes: str


def start(settings: Settings, folder: Path, *, sleep: Callable[[float], None] = time.sleep) -> Start:
    """Start a worker, wait until it is ready and then at rest, and end it.

    Raises:
        WorkerFailed: it did not come up.
    """
    with started(settings, folder) as worker, watching(worker.pid) as peak:
        health = worker.wait_until_ready()
        ready_s = time.perf_counter() - worker.started_s
        sleep(REST_S)
        peak.look()
        rest = read_memory(worker.pid)
        computes = f"{health.get('backend', '?')} {health.get('quantization', '')}".strip()
        return Start(ready_s, peak.bytes, rest, computes)


def cold_and_warm(settings: Settings, folder: Path, rounds: int) -> tuple[list[Start], list[Start]]:
    """Starts without and with a converted checkpoint in the cache, the files of the first not in memory."""
    cache = folder / "start-cache"
    told = replace(settings, cache=cache)
    cold, warm = [], []
    for _ in range(rounds):
        shutil.rmtree(cache, ignore_errors=True)
        if settings.model:
            forget(settings.model)
        cold.append(start(told, folder))
        warm.append(start(told, folder))
    shutil.rmtree(cache, ignore_errors=True)
    return cold, warm


def forget(folder: Path) -> None:
    """Ask the kernel to drop files from its cache, so that they are read from the disk."""
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def embedded(settings: Settings, folder: Path, rounds: int) -> list[Figure]:
    """The embedded model's starts, and its memory at rest."""
    cold, warm = cold_and_warm(settings, folder, rounds)
    rest = [one.rest for one in warm]
    return [
        figure("embedded.cold", "start to ready, empty cache", "s", [one.ready_s for one in cold]),
        figure("embedded.warm", "start to ready, again", "s", [one.ready_s for one in warm]),
        figure("embedded.rss", "memory at rest, resident", "MiB", [one.resident / MIB for one in rest]),
        figure("embedded.pss", "of it proportional", "MiB", [one.proportional / MIB for one in rest]),
        figure("embedded.anonymous", "of it anonymous", "MiB", [one.anonymous / MIB for one in rest]),
    ]


def load(name: str, settings: Settings, folder: Path) -> list[Figure]:
    """One shape's row of the load table."""
    cold, warm = cold_and_warm(settings, folder, 1)
    limits = {"cold": PEAK_GIB.get(name), "warm": None}
    figures = []
    for temper, starts in (("cold", cold), ("warm", warm)):
        key, what = f"load.{name}.{temper}", f"{name} {temper} ({starts[0].computes})"
        anonymous, resident = (
            _gib([one.peak_anonymous for one in starts]),
            _gib([s.rest.peak for s in starts]),
        )
        at_rest = _gib([one.rest.anonymous for one in starts])
        figures += [
            figure(f"{key}.ready", f"{what}, start to ready", "s", [one.ready_s for one in starts]),
            figure(f"{key}.peak", f"{what}, peak, anonymous", "GiB", anonymous, at_most=limits[temper]),
            figure(f"{key}.peak_resident", f"{what}, peak with mapped files", "GiB", resident),
            figure(f"{key}.rest", f"{what}, at rest, anonymous", "GiB", at_rest),
        ]
    return figures


def _gib(sizes: Sequence[int]) -> list[float]:
    return [size / GIB for size in sizes]
