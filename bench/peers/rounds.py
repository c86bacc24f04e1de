"""All contenders in turns, round by round, with the same prompts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.figures import Figure, figure
from bench.parts import AFTER_STORY, EIGHT, EXTRA, PROMPT, STORY
from bench.peers.contenders import GENAI, WHOLE, WORKER, Contender

FIRST_PIECE, LAST_PIECE = 300, 12_000
"""Ids that every vocabulary measured here has, and whose pieces are text."""

ALONE = "transformers"
"""Who does not batch: asked for one prompt at a time."""

Limits = tuple[float | None, float | None]

WANTED: dict[tuple[str, str, str], Limits] = {
    (WORKER, GENAI, "one"): (1.35, None),
    (WORKER, GENAI, "eight"): (1.25, None),
    (WORKER, GENAI, "first"): (None, 0.7),
    (WHOLE, GENAI, "one"): (1.0, None),
    (WHOLE, GENAI, "eight"): (1.0, None),
    (WORKER, "transformers float32", "one"): (10.0, None),
    (WORKER, "transformers float32", "turns"): (45.0, None),
}
"""What the worker's figure is to be, as a multiple of another's: at least, at most."""


@dataclass(slots=True)
class Measured:
    """Values of one contender, a value a round."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """Another round's."""
        self.values.setdefault(name, []).append(value)


COLUMNS = {
    "one": ("one writer", "tokens/s"),
    "eight": ("eight at once", "tokens/s"),
    "first": ("first token of eight", "ms"),
    "cold": ("a story of 1,000 tokens, never seen", "ms"),
    "next": ("the same and 40 more", "ms"),
}


def in_turns(
    contenders: Sequence[Contender],
    rounds: int,
    tokens: int,
    tell: Callable[[str], None],
    story: int = STORY,
) -> list[Figure]:
    """Measure, and compare with the worker round by round.

    Args:
        contenders: who takes part; the worker among them.
        rounds: how many; who begins changes from one to the next.
        tokens: new ones a stream.
        tell: is told who is at it.
        story: tokens of the long story.
    """
    found = {one.name: Measured() for one in contenders}
    for number in range(-1, rounds):  # the first round warms everybody up
        turn = max(number, 0) % len(contenders)
        for one in [*contenders[turn:], *contenders[:turn]]:
            tell(f"{one.name}, round {number + 1}")
            values = measured(one, number, tokens if number >= 0 else AFTER_STORY, story)
            if number >= 0:
                for name, value in values.items():
                    found[one.name].add(name, value)
    return [*_figures(found), *_ratios(found)]


def measured(one: Contender, number: int, tokens: int, story: int) -> dict[str, float]:
    """One contender's round."""
    # The same prompts for everybody. A number's sign would not count, and the third round be the first.
    draw = random.Random(f"round {number}")  # noqa: S311
    values = {"one": one.write([ids(draw, PROMPT)], tokens).flow}
    crowd = [ids(draw, PROMPT) for _ in range(EIGHT)]
    long = ids(draw, story)
    if not one.name.startswith(ALONE):
        together = one.write(crowd, tokens)
        values |= {"eight": together.rate, "first": max(together.first_s) * 1e3}
    values["cold"] = one.write([long], AFTER_STORY).first_s[0] * 1e3
    values["next"] = one.write([[*long, *ids(draw, EXTRA)[1:]]], AFTER_STORY).first_s[0] * 1e3
    return values


def ids(draw: random.Random, count: int) -> list[int]:
    """A prompt, `</s>` first."""
    return [2, *(draw.randrange(FIRST_PIECE, LAST_PIECE) for _ in range(count - 1))]


def _figures(found: dict[str, Measured]) -> list[Figure]:
    return [
        figure(f"peers.{name}.{column}", name, COLUMNS[column][1], values)
        for name, one in found.items()
        for column, values in one.values.items()
    ]


def _ratios(found: dict[str, Measured]) -> list[Figure]:
    """The worker to everybody else, and with the whole head to who has that as well."""
    pairs = [(WORKER, name) for name in found if name != WORKER]
    pairs += [(WHOLE, name) for name in found if WHOLE in found and name not in {WORKER, WHOLE}]
    return [made for ours, theirs in pairs for made in _compared(found, ours, theirs)]


def _compared(found: dict[str, Measured], ours: str, theirs: str) -> Iterator[Figure]:
    mine, others = found[ours].values, found[theirs].values
    for column, (what, _) in COLUMNS.items():
        if column in others:
            yield _ratio((ours, theirs, column), f"{what}: {ours} to {theirs}", mine[column], others[column])
    if theirs.startswith(ALONE):
        what = f"eight at once: {ours} to {theirs}, one after another"
        yield _ratio((ours, theirs, "turns"), what, mine["eight"], others["one"])


def _ratio(which: tuple[str, str, str], what: str, above: list[float], below: list[float]) -> Figure:
    """Round by round: what else a machine does is then alike for both."""
    ours, theirs, column = which
    least, most = WANTED.get(which, (None, None))
    values = [one / other for one, other in zip(above, below, strict=True)]
    key = f"peers.{ours} {theirs}.{column}_ratio"
    return figure(key, what, "×", values, at_least=least, at_most=most)
