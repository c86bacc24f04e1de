"""Throughput and the time to the first token over the number of writers, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.results import Results

THROUGHPUT, FIRST_TOKEN = "bench-throughput.png", "bench-first-token.png"
OURS, OTHERS, LATER = "#2a6f97", "#c1666b", "#89b0c8"


def plot(results: Results, folder: Path) -> list[Path]:
    """Draw both pictures.

    Raises:
        ValueError: the run did not measure any number of writers.
    """
    found = {one.key: one for one in results.figures}
    writers = sorted(
        int(key.split(".")[1]) for key in found if key.startswith("crowds.") and key.endswith(".rate")
    )
    if not writers:
        raise ValueError("there is nothing to draw: the part crowds was not measured")
    return [
        _throughput(found, writers, results.run, folder / THROUGHPUT),
        _first_token(found, writers, results.run, folder / FIRST_TOKEN),
    ]


def _throughput(found: dict[str, Figure], writers: list[int], run: dict[str, str], file: Path) -> Path:
    figure, axes = _axes(writers, f"Throughput, {run['shape']}", "tokens a second, all writers")
    _line(axes, writers, [found[f"crowds.{each}.rate"] for each in writers], OURS, "worker")
    lines = (
        ("eight.fp32_batch", "transformers fp32, a batch of eight", ":"),
        ("eight.fp32_turns", "transformers fp32, one after another", "--"),
    )
    for key, label, style in lines:
        if key in found:
            axes.axhline(found[key].middle, color=OTHERS, linestyle=style, linewidth=1.2, label=label)
    return _save(figure, axes, file)


def _first_token(found: dict[str, Figure], writers: list[int], run: dict[str, str], file: Path) -> Path:
    title = f"All begin at once, prompts of 60 tokens, {run['shape']}"
    figure, axes = _axes(writers, title, "seconds to the first token")
    for share, color, label in (("p50", OURS, "half of the writers"), ("p95", LATER, "95 % of the writers")):
        _line(axes, writers, [found[f"crowds.{each}.first_{share}"] for each in writers], color, label)
    return _save(figure, axes, file)


def _axes(writers: list[int], title: str, label: str) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), dpi=110)
    axes.set_xscale("log", base=2)
    axes.set_xticks(writers, [str(each) for each in writers])
    axes.set_xlabel("writers")
    axes.set_ylabel(label)
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _line(axes: Any, writers: list[int], figures: list[Figure], color: str, label: str) -> None:
    """Medians, with the rounds' smallest and largest as bars."""
    middles = [one.middle for one in figures]
    below = [max(0.0, one.middle - one.low) for one in figures]
    above = [max(0.0, one.high - one.middle) for one in figures]
    axes.errorbar(
        writers, middles, yerr=[below, above], fmt="o-", color=color, capsize=3, markersize=5, label=label
    )


def _save(figure: Any, axes: Any, file: Path) -> Path:
    from matplotlib import pyplot as plt

    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)
    return file
