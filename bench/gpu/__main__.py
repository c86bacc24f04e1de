"""Check after check, the others going on where one fails; each in a process of its own.

A GPU whose context is lost fails at every later call of its process: a child takes that with it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from bench import children, table
from bench.checkpoint import random_checkpoint
from bench.figures import Figure, figure, from_json
from bench.machine import describe
from bench.results import Results, write
from bench.shapes import SHAPES, STANDARD
from bot.worker.checkpoints.loader import embedded_model

TESTS = "tests"
TITLES = {
    TESTS: "Tests on a GPU",
    "numerics": "Numbers, beside float32 on the processor",
    "sampling": "Drawing on the device",
    "steps": "Decode steps",
    "serving": "The worker over HTTP",
    "training": "Training",
}
"""All checks, in their order. But for the tests each is a module of this package, which measures what its
spec says and answers with figures."""

SKIPPED = 0
NO_TESTS = 5
"""pytest's status where nothing was selected."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is checked, on what device, and where the results go."""

    device: str
    shape: str
    only: tuple[str, ...]
    scratch: Path | None
    json: Path | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, and tell; 0 where all is as it should be, or where there is no GPU."""
    options = read_options(arguments)
    reason = missing(options.device)
    if reason is not None:
        print(f"The GPU path was not checked: {reason}.")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="tsuzuki-gpu-") as folder:
        results = checked(options, options.scratch or Path(folder))
    print(table.markdown(results, TITLES))
    if options.json:
        write(results, options.json)
    return 1 if results.failures or any(one.met is False for one in results.figures) else 0


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line. Raises SystemExit where it is wrong."""
    parser = argparse.ArgumentParser(prog="make gpu-check ARGS=...", description=__doc__)
    add = parser.add_argument
    add("--device", default="cuda", help="cuda, cuda:1, …; cpu tries the checks themselves")
    add("--shape", choices=list(SHAPES), default=STANDARD, help="random weights of this shape")
    add("--only", default=",".join(TITLES), metavar="CHECK,...", help="some of the checks")
    add("--scratch", type=Path, help="keep the checkpoint here for the next run")
    add("--json", type=Path, help="write the results here")
    found = vars(parser.parse_args(arguments))
    only = tuple(found.pop("only").split(","))
    for name in only:
        if name not in TITLES:
            parser.error(f"there is no check {name!r}; there are {', '.join(TITLES)}")
    return Options(only=only, **found)


def missing(device: str) -> str | None:
    """Why nothing can be checked on this device, or None."""
    import torch

    from bot.worker.backends.cuda import cuda_trouble

    if device == "cpu":
        return None
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} finds no GPU here"
    return cuda_trouble(torch.device(device))


def checked(options: Options, scratch: Path) -> Results:
    """Run the checks that were asked for."""
    results = Results(describe() | _gpu(options.device), {"shape": options.shape, "device": options.device})
    folder = random_checkpoint(SHAPES[options.shape], scratch, embedded_model() / "tokenizer.json")
    spec = {"device": options.device, "shape": options.shape, "folder": str(folder), "scratch": str(scratch)}
    for name in options.only:
        print(f"{name} …", file=sys.stderr)
        began_s = time.perf_counter()
        try:
            found = tested() if name == TESTS else measured(name, spec)
        except Exception as error:  # noqa: BLE001 - one check's failure is told, and the others go on
            results.failures[name] = f"{type(error).__name__}: {error}"
        else:
            # What is wanted of speed is said of an H200 and of the standard shape.
            results.figures += [one if options.shape == STANDARD else unhurried(one) for one in found]
        print(f"{name}: {time.perf_counter() - began_s:.0f} s", file=sys.stderr)
    return results


def measured(name: str, spec: dict[str, Any]) -> list[Figure]:
    """One check, in a process of its own."""
    answer = children.ask(f"bench.gpu.{name}", spec)
    return [from_json(row) for row in answer["figures"]]


def tested() -> list[Figure]:
    """The tests marked `cuda`."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider"],
        cwd=children.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, NO_TESTS):
        raise children.ChildFailed(done.stdout.strip().splitlines()[-1])
    return [figure("tests.failed", done.stdout.strip().splitlines()[-1], "failed", [0.0], at_most=0)]


def unhurried(one: Figure) -> Figure:
    """Without what is wanted of a time."""
    return replace(one, at_least=None, at_most=None) if one.unit in {"ms", "tokens/s"} else one


def _gpu(device: str) -> dict[str, str]:
    import torch

    if device == "cpu":
        return {}
    found = torch.cuda.get_device_properties(torch.device(device))
    return {"GPU": f"{found.name}, {found.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"}


if __name__ == "__main__":
    sys.exit(main())
