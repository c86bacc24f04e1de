"""The bench's command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import cores
from bench.parts import PARTS
from bench.prompts import PASSAGE
from bench.shapes import EMBEDDED, SHAPES, STANDARD

USUAL = (*PARTS, "rows", "embedded", "load", "quality", "craft")
PEERS = "peers"
ALL = (*USUAL, PEERS)
ROUNDS = 3
TOKENS = 150
PROMPTS = 200
PAGE = Path("docs/benchmarks.md")


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure, with what, and where the results go."""

    shape: str
    only: tuple[str, ...]
    rounds: int
    tokens: int
    threads: int | None
    backend: str | None
    quantization: str | None
    scratch: Path | None
    held_out: Path
    windows: int
    prompts: int
    large: bool
    json: Path | None
    plots: Path | None
    docs: Path | None
    earlier: Path | None

    @property
    def all_threads(self) -> int:
        """Threads of whoever does not choose them."""
        return self.threads or cores()


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line. Raises SystemExit where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=...", description="The worker over HTTP beside transformers' generate."
    )
    add = parser.add_argument
    add("--shape", choices=[*SHAPES, EMBEDDED], default=STANDARD, help="random weights of this shape")
    add("--only", type=_parts, default=USUAL, metavar="PART,...", help=f"of {', '.join(ALL)}")
    add(
        "--peers",
        action="store_true",
        help="beside other servers of XGLM too (installs them under --scratch)",
    )
    add("--quick", action="store_true", help="one round of everything")
    add("--rounds", type=int, default=ROUNDS, help="rounds of everything")
    add("--tokens", type=int, default=TOKENS, help="new tokens a stream")
    add(
        "--threads",
        type=int,
        help="of computation; otherwise the worker's own choice, and all cores beside it",
    )
    add("--backend", help="of the worker, otherwise its own choice")
    add("--quantization", help="of the worker, otherwise its own choice")
    add("--scratch", type=Path, help="keep checkpoints here for the next run, instead of a temporary folder")
    add("--held-out", type=Path, default=PASSAGE, help="a corpus (.jsonl, .txt, .xz) to judge texts on")
    add("--windows", type=int, default=50, help="windows of 512 tokens of it at most")
    add("--prompts", type=int, default=PROMPTS, help="stories of it that are continued")
    add("--with-7.5b", dest="large", action="store_true", help="in the load table too")
    add("--json", type=Path, help="write the results here")
    add("--plots", type=Path, help="draw pictures into this folder")
    add("--docs", type=Path, nargs="?", const=PAGE, help=f"rewrite the tables of a page ({PAGE})")
    add("--from", dest="earlier", type=Path, help="measure nothing: take the results of this JSON")
    found = vars(parser.parse_args(arguments))
    if found.pop("quick"):
        found["rounds"] = 1
    if found.pop("peers"):
        found["only"] = (*found["only"], PEERS)
    return Options(**found)


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in ALL:
            raise argparse.ArgumentTypeError(f"there is no part {name!r}; there are {', '.join(ALL)}")
    return names
