"""Measures what was asked for, prints the tables, writes the files.

Absolute figures drift with whatever else the machine does; the ratios of one run are what counts.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from bench import table
from bench.machine import busy, describe
from bench.options import Options, read_options
from bench.plot import plot
from bench.results import Results, read, write
from bench.run import Run


def main() -> None:
    """Measure, or read what was measured, and tell."""
    signal.signal(signal.SIGTERM, _leave)
    options = read_options()
    results = read(options.earlier) if options.earlier else measured(options)
    print(table.markdown(results))
    if options.json:
        write(results, options.json)
    if options.docs:
        table.rewrite(options.docs, results)
    if options.plots:
        for file in plot(results, options.plots):
            print(f"drawn: {file}", file=sys.stderr)
    if results.failures:
        raise SystemExit(1)


def measured(options: Options) -> Results:
    """Measure now."""
    machine = describe()
    if busy(machine):
        print(f"The machine is busy (load {machine['load before']}): figures mean little.", file=sys.stderr)
    with _scratch(options.scratch) as scratch:
        return Run(options, scratch, machine).all()


@contextmanager
def _scratch(given: Path | None) -> Iterator[Path]:
    if given:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="tsuzuki-bench-") as folder:
        yield Path(folder)


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    # An exit by exception ends the worker and removes the temporary folder.
    raise SystemExit(143)


if __name__ == "__main__":
    main()
