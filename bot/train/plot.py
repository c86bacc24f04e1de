"""The loss curve of a run, from its log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def plot(log: Path, picture: Path) -> None:
    """Draw loss per token (smoothed, nats) and held-out loss per character (nats) over tokens read."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = _rows(log)
    measured = [row for row in rows if row["held_out"] is not None]
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=110)
    axes.plot(_millions(rows), [row["loss"] for row in rows], label="training, nats a token", linewidth=1)
    axes.plot(
        _millions(measured), [row["held_out"] for row in measured], "o-", label="held out, nats a character"
    )
    axes.set_xlabel("million tokens read")
    axes.set_ylim(bottom=2, top=7)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(picture)
    plt.close(figure)


def _rows(log: Path) -> list[dict[str, Any]]:
    """One row a step: where a run was taken up again, what came later counts."""
    rows = {row["step"]: row for row in map(json.loads, log.read_text(encoding="utf-8").splitlines())}
    return [rows[step] for step in sorted(rows)]


def _millions(rows: list[dict[str, Any]]) -> list[float]:
    return [row["tokens"] / 1e6 for row in rows]
