"""Figures that follow from several measurements of one run: ratios, and shares of what is possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.figures import Figure, figure

DTYPES = {"float32": "fp32", "bfloat16": "bf16"}
BATCH = 8

Rows = Mapping[str, Mapping[str, Sequence[float]]]


def baseline_figures(
    name: str, spec: Mapping[str, Any], answer: Mapping[str, Sequence[float]]
) -> list[Figure]:
    """What transformers took, as tokens a second. `name`: of the precision."""
    tokens, batch = spec["tokens"], spec["batch"]
    first_s = sorted(answer["first_s"])[len(answer["first_s"]) // 2]
    alone = [(tokens - 1) / (whole_s - first_s) for whole_s in answer["whole_s"]]
    firsts = [seconds * 1e3 for seconds in answer["first_s"]]
    turns = [tokens / whole_s for whole_s in answer["whole_s"]]
    batches = [batch * tokens / batch_s for batch_s in answer["batch_s"]]
    theirs = f"transformers {name}"
    figures = [
        figure(f"one.{name}_rate", theirs, "tokens/s", alone),
        figure(f"one.{name}_first", f"{theirs}, first token", "ms", firsts),
        figure(f"eight.{name}_turns", f"{theirs}, one after another", "tokens/s", turns),
    ]
    if batches:
        what = f"{theirs}, a static batch of {batch}"
        figures.append(figure(f"eight.{name}_batch", what, "tokens/s", batches))
    return figures


def bandwidth_figures(answer: Mapping[str, Sequence[float]], weights: int | None) -> list[Figure]:
    """The roofline; the best round counts, for nothing can be read faster. `weights`: bytes read a token."""
    gigabytes = [each / 1e9 for each in answer["bytes_per_s"]]
    best = max(gigabytes)
    figures = [figure("one.bandwidth", "memory read", "GB/s", gigabytes, middle=best)]
    if weights:
        possible = [each * 1e9 / weights for each in gigabytes]
        figures.append(figure("one.roofline", "possible in int8", "tokens/s", possible, middle=max(possible)))
    return figures


def ratios(figures: Sequence[Figure]) -> list[Figure]:
    """All that can be told of what was measured."""
    found = {one.key: one for one in figures}
    return [made for made in _ratios(found) if made is not None]


def _ratios(found: Mapping[str, Figure]) -> Iterator[Figure | None]:
    yield _ratio(found, "one.rate", "one.fp32_rate", "one.ratio_fp32", "worker to transformers fp32", 7)
    yield _ratio(found, "one.rate", "one.bf16_rate", "one.ratio_bf16", "worker to transformers bf16")
    yield _ratio(found, "one.rate", "one.roofline", "one.share", "worker to what is possible in int8")
    for name, turns, batch in (("fp32", 35, 10), ("bf16", None, None)):
        whom = f"worker to transformers {name}"
        key = f"eight.{name}"
        yield _ratio(
            found, "eight.rate", f"{key}_turns", f"{key}_ratio_turns", f"{whom} one after another", turns
        )
        yield _ratio(found, "eight.rate", f"{key}_batch", f"{key}_ratio_batch", f"{whom} in a batch", batch)
    for more, less in ((16, 8), (32, 16)):
        yield _ratio(
            found,
            f"crowds.{more}.rate",
            f"crowds.{less}.rate",
            f"crowds.{more}.ratio",
            f"{more} writers to {less}",
            1,
        )


def _ratio(
    found: Mapping[str, Figure], over: str, under: str, key: str, what: str, at_least: float | None = None
) -> Figure | None:
    """The ratio of two medians; low and high where the rounds are as far apart as they were."""
    if over not in found or under not in found:
        return None
    above, below = found[over], found[under]
    # Of a roofline only its best round is one.
    least, most = (below.middle, below.middle) if under == "one.roofline" else (below.low, below.high)
    return Figure(
        key,
        what,
        "×",
        above.middle / below.middle,
        above.low / most,
        above.high / least,
        min(above.rounds, below.rounds),
        at_least,
    )


def quality_figures(answer: Mapping[str, Any]) -> list[Figure]:
    """What eight bits cost."""
    worse = 100 * (answer["other_nats"] / answer["nats"] - 1)
    what = f"{answer['tokens']:,} tokens"
    return [
        figure(
            "quality.kl",
            f"KL of {answer['backend']} int8 from torch fp32, {what}",
            "nats/token",
            [answer["kl"]],
        ),
        figure("quality.agreement", "same likeliest token", "%", [100 * answer["agreement"]]),
        figure("quality.nats", "held-out text, torch fp32", "nats/character", [answer["nats"]]),
        figure("quality.int8_nats", "held-out text, int8", "nats/character", [answer["other_nats"]]),
        figure("quality.worse", "int8 worse by", "%", [worse], at_most=0.5),
    ]
