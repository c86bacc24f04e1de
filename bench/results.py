"""All that a run found out, and its file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Figure, from_json, to_json


@dataclass(slots=True)
class Results:
    """Figures, in the order in which they were measured; why parts have none.

    `machine`, `run`: on what, and how it was measured.
    """

    machine: dict[str, str]
    run: dict[str, str]
    figures: list[Figure] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def of(self, part: str) -> Sequence[Figure]:
        """The figures of one part."""
        return [one for one in self.figures if one.part == part]

    def parts(self) -> Iterator[str]:
        """The parts that have figures, each once."""
        yield from dict.fromkeys(one.part for one in self.figures)


def write(results: Results, file: Path) -> None:
    """Write a run as JSON."""
    rows = {
        "machine": results.machine,
        "run": results.run,
        "figures": [to_json(one) for one in results.figures],
        "failures": results.failures,
    }
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(file: Path) -> Results:
    """Read a run that was written.

    Raises:
        OSError: there is no such file.
        ValueError: it is not such a file.
    """
    rows = json.loads(file.read_text(encoding="utf-8"))
    try:
        figures = [from_json(row) for row in rows["figures"]]
        return Results(rows["machine"], rows["run"], figures, rows["failures"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{file} is not a run of the bench: {error}") from error
