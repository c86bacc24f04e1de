"""How the next token is drawn, and the presets that people know by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. The defaults are the preset 標準; neutral values switch filters off.

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

    repetition_penalty: float = 1.08
    repetition_window: int = 256
    repetition_slope: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    no_repeat_ngram: int = 0
    dry_multiplier: float = 0.8
    dry_base: float = 1.75
    dry_allowed_length: int = 4
    dry_window: int = 0
    temperature: float = 0.75
    top_k: int = 0
    typical_p: float = 1.0
    top_p: float = 0.90
    min_p: float = 0.0
    xtc_threshold: float = 0.1
    xtc_probability: float = 0.0


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
