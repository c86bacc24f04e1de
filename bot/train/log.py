"""A run's log, a JSON object a line, and the curve that is drawn from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.train.measure import Loss

MEASURED = {
    "held_out": "held out, nats a character",
    "average": "the same, averaged weights",
    "early": "held out, nats a token, first half of the window",
    "late": "the same, second half",
    "average_early": "first half, averaged weights",
    "average_late": "second half, averaged weights",
}
"""Columns of the log that a measuring fills, and what the curve calls them."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: training loss in nats per token (smoothed), and what was measured after this step.

    `held_out` is of the weights as they are, `average` of their moving average.
    """

    step: int
    tokens: int
    loss: float
    tokens_per_s: float
    held_out: Loss | None = None
    average: Loss | None = None

    def row(self) -> dict[str, Any]:
        """As it stands in the log: per character without a suffix, per token and half with one."""
        row: dict[str, Any] = {
            "step": self.step,
            "tokens": self.tokens,
            "loss": self.loss,
            "tokens_per_s": self.tokens_per_s,
            "held_out": None,
        }
        if self.held_out and self.average:
            row["held_out"], row["average"] = self.held_out.per_character, self.average.per_character
            row["early"], row["late"] = self.held_out.early, self.held_out.late
            row["average_early"], row["average_late"] = self.average.early, self.average.late
        return row


def append(log: Path, progress: Progress) -> None:
    """Add a line to the log."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(progress.row()) + "\n")


def read(log: Path) -> list[dict[str, Any]]:
    """One row a step: where a run was taken up again, what came later counts."""
    rows = {row["step"]: row for row in map(json.loads, log.read_text(encoding="utf-8").splitlines())}
    return [rows[step] for step in sorted(rows)]


def plot(log: Path, picture: Path) -> None:
    """Draw training loss and all held-out losses over the tokens read."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = read(log)
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=110)
    axes.plot(_millions(rows), [row["loss"] for row in rows], label="training, nats a token", linewidth=1)
    for column, label in MEASURED.items():
        measured = [row for row in rows if row.get(column) is not None]
        if measured:
            axes.plot(_millions(measured), [row[column] for row in measured], ".-", label=label)
    axes.set_xlabel("million tokens read")
    axes.set_ylim(bottom=2, top=7)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(picture)
    plt.close(figure)


def _millions(rows: list[dict[str, Any]]) -> list[float]:
    return [row["tokens"] / 1e6 for row in rows]
