"""How the next token is drawn, and the presets that people know by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TypedDict


class Interval(TypedDict, total=False):
    """What a number may be: at least, over, at most, under."""

    ge: float
    gt: float
    le: float
    lt: float


def _bounds(worker: Interval, preset: Interval | None = None) -> Mapping[str, Interval]:
    """What a worker takes, and what people may set in a preset of their own where that is less."""
    return {"worker": worker, "preset": preset or worker}


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. The defaults are the preset 標準; neutral values switch filters off.

    Each setting stands here once: requests, presets and forms are made of these names, defaults and bounds.
    The order is that of the fields: penalties change the logits, then comes temperature, then the filters.

    Penalties look at the last `repetition_window` tokens, prompt included (0: all).
    `repetition_penalty` divides positive logits of tokens seen there (multiplies negative ones), 1 off;
    with `repetition_slope` over 0 the far end of the window is penalised less (KoboldAI's slope; 0: alike).
    `frequency_penalty` and `presence_penalty` are OpenAI's, 0 off. `no_repeat_ngram` forbids to complete an
    n-gram of tokens that stands there already, 0 off. DRY (`dry_multiplier`, 0 off) lowers a token that would
    go on a repetition of at least `dry_allowed_length` tokens by `multiplier * base ** (length - allowed)`,
    over the last `dry_window` tokens (0: all).
    `top_k` 0, `top_p` 1, `min_p` 0 and `typical_p` 1 are off. XTC: with `xtc_probability` (0 off) all tokens
    of at least `xtc_threshold` but the least likely of them are left out.
    """

    repetition_penalty: float = field(
        default=1.08, metadata=_bounds({"ge": 0.01, "le": 5}, {"ge": 1, "le": 2})
    )
    repetition_window: int = field(default=256, metadata=_bounds({"ge": 0}, {"ge": 0, "le": 2048}))
    repetition_slope: float = field(default=0.0, metadata=_bounds({"ge": 0, "le": 10}))
    frequency_penalty: float = field(default=0.0, metadata=_bounds({"ge": -2, "le": 2}))
    presence_penalty: float = field(default=0.0, metadata=_bounds({"ge": -2, "le": 2}))
    no_repeat_ngram: int = field(default=0, metadata=_bounds({"ge": 0, "le": 100}, {"ge": 0, "le": 20}))
    dry_multiplier: float = field(default=0.8, metadata=_bounds({"ge": 0, "le": 100}, {"ge": 0, "le": 5}))
    dry_base: float = field(default=1.75, metadata=_bounds({"ge": 1, "le": 10}, {"ge": 1, "le": 4}))
    dry_allowed_length: int = field(default=4, metadata=_bounds({"ge": 1}, {"ge": 1, "le": 100}))
    dry_window: int = field(default=0, metadata=_bounds({"ge": 0}, {"ge": 0, "le": 2048}))
    temperature: float = field(default=0.75, metadata=_bounds({"ge": 0, "le": 5}, {"ge": 0, "le": 2}))
    top_k: int = field(default=0, metadata=_bounds({"ge": 0}, {"ge": 0, "le": 1000}))
    typical_p: float = field(default=1.0, metadata=_bounds({"gt": 0, "le": 1}))
    top_p: float = field(default=0.90, metadata=_bounds({"gt": 0, "le": 1}))
    min_p: float = field(default=0.0, metadata=_bounds({"ge": 0, "le": 1}, {"ge": 0, "lt": 1}))
    xtc_threshold: float = field(default=0.1, metadata=_bounds({"ge": 0, "le": 1}, {"ge": 0, "le": 0.5}))
    xtc_probability: float = field(default=0.0, metadata=_bounds({"ge": 0, "le": 1}))


SAMPLING_NAMES = tuple(setting.name for setting in fields(Sampling))

PRESETS = {
    "steady": Sampling(temperature=0.6, top_p=0.80, repetition_penalty=1.1, dry_multiplier=0.0),
    "standard": Sampling(),
    "bold": Sampling(temperature=1.0, top_p=0.95, min_p=0.05),
    "quickstart": Sampling(temperature=1.0, top_p=0.95, top_k=50, repetition_penalty=1.0, dry_multiplier=0.0),
}
MAX_BANNED = 500
"""Phrases of one request that are never written."""

STANDARD = "standard"
"""The preset that holds where nobody says otherwise."""

PRESET_NAMES = {"堅実": "steady", "標準": "standard", "冒険": "bold"}
"""What a Japanese reader types for a preset."""
