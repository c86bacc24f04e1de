"""Figures as Markdown, and the page that holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.figures import Figure
from bench.results import Results

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"

TITLES = {
    "one": "One writer",
    "eight": "Eight at once",
    "arrivals": "Eight who come a second apart",
    "story": "The next turn of a long story",
    "candidates": "Candidates",
    "crowds": "So many writers at once",
    "rows": "How many tokens may be written",
    "embedded": "The embedded model",
    "peers": "Beside its peers",
    "load": "Loading",
    "quality": "What eight bits cost",
    "craft": "What people get to read",
}


GRIDS: dict[str, dict[str, str]] = {
    "crowds": {"rate": "tokens/s", "first_p50": "first token, p50 (s)", "first_p95": "p95 (s)"},
    "peers": {
        "one": "one writer (tokens/s)",
        "eight": "eight at once (tokens/s)",
        "first": "first token of eight (ms)",
        "cold": "1,000 tokens, never seen (ms)",
        "next": "the same and 40 more (ms)",
    },
    "rows": {
        "one": "one writer (tokens/s)",
        "eight": "eight at once (tokens/s)",
        "first": "first token of eight (ms)",
        "rest": "at rest, anonymous (GiB)",
    },
    "load": {
        "ready": "start to ready (s)",
        "peak": "peak, anonymous (GiB)",
        "peak_resident": "peak with mapped files (GiB)",
        "rest": "at rest, anonymous (GiB)",
    },
    "craft": {
        "unknown": "`<unk>` (%)",
        "unbalanced": "brackets (%)",
        "unfinished": "unfinished (%)",
        "debris": "hashtag, URL (%)",
        "repeated": "repeated sentence (%)",
        "script": "other script (%)",
        "empty": "empty (%)",
        "length": "characters",
        "distinct_2": "distinct-2",
        "nats": "nats/character",
    },
}
"""Parts with many figures of the same few kinds: the last word of their keys, and the column's name."""


def markdown(results: Results, titles: Mapping[str, str] = TITLES) -> str:
    """A table for each part that has a title, in the titles' order; what it was measured on; what failed."""
    lines = [*_pairs(results.machine | results.run), ""]
    for part in sorted(results.parts(), key=list(titles).index):
        figures = results.of(part)
        columns = GRIDS.get(part, {})
        single = [one for one in figures if _column(one) not in columns]
        lines += [f"### {titles[part]}", ""]
        if columns:
            lines += [*_grid(figures, columns), ""]
        if single:
            lines += ["| | median | spread | wanted |", "|---|---|---|---|", *map(_row, single), ""]
    lines += [f"**{part}**: {reason}" for part, reason in results.failures.items()]
    return "\n".join(lines).rstrip() + "\n"


def rewrite(page: Path, results: Results) -> None:
    """Put the tables between the page's marks.

    Raises:
        ValueError: the page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no {BEGIN} … {END} for the tables")
    page.write_text(f"{before}{BEGIN}\n{markdown(results)}{END}{after}", encoding="utf-8")


def number(value: float) -> str:
    """Three digits, for people."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    for digits, limit in ((1, 10), (2, 1), (3, 0.01)):
        if abs(value) >= limit:
            return f"{value:.{digits}f}"
    return f"{value:.2g}"


def _grid(figures: Sequence[Figure], columns: Mapping[str, str]) -> Iterator[str]:
    """A line for each thing measured, a column for each kind of figure."""
    yield f"| | {' | '.join(columns.values())} |"
    yield "|---|" + "---|" * len(columns)
    found = {one.key: one for one in figures}
    things = dict.fromkeys(key.rpartition(".")[0] for key in found if key.rpartition(".")[2] in columns)
    for thing in things:
        cells = [_cell(found.get(f"{thing}.{name}")) for name in columns]
        # "load.1.7b.cold": the first dot ends the part, the last one a shape's name, which may have its own.
        name = " ".join(thing.partition(".")[2].rsplit(".", 1))
        yield f"| {name} | {' | '.join(cells)} |"


def _cell(one: Figure | None) -> str:
    if one is None:
        return ""
    spread = f" ({number(one.low)} to {number(one.high)})" if one.rounds > 1 else ""
    return f"{number(one.middle)}{spread} {_wanted(one)}".strip()


def _column(one: Figure) -> str:
    return one.key.rpartition(".")[2]


def _row(one: Figure) -> str:
    spread = f"{number(one.low)} to {number(one.high)}" if one.rounds > 1 else ""
    return f"| {one.what} | {number(one.middle)} {one.unit} | {spread} | {_wanted(one)} |"


def _wanted(one: Figure) -> str:
    if one.met is None:
        return ""
    sides = (("at least", one.at_least), ("at most", one.at_most))
    said = ", ".join(f"{side} {limit:g}" for side, limit in sides if limit is not None)
    return f"{said} {'✓' if one.met else '✗'}"


def _pairs(rows: dict[str, str]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
