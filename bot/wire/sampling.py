"""The settings of the sampling as fields of pydantic's models."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, get_type_hints

from pydantic import Field

from bot.domain.sampling import Sampling

WIRE_NAMES = {"no_repeat_ngram": "no_repeat_ngram_size"}
"""Settings that have another name in a request than in the house: transformers' own."""


def sampling_fields(bounds: Literal["worker", "preset"]) -> dict[str, Any]:
    """For `create_model`: each setting's kind, default and bounds, in the order in which they are applied."""
    kinds = get_type_hints(Sampling)
    return {
        each.name: (kinds[each.name], Field(each.default, **each.metadata[bounds]))
        for each in fields(Sampling)
    }
