"""Presets as a checkpoint wants them: a small model needs other settings than a large one to write as well.

A checkpoint's folder may have a `presets.json`: by preset, the settings that differ from the built-in ones,
and a `bias` by token, which is added to its logit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.domain.errors import CheckpointError
from bot.domain.sampling import PRESETS, SAMPLING_NAMES, Sampling
from bot.worker.text.vocabulary import EOS

FILE = "presets.json"
END = "</s>"


@dataclass(frozen=True, slots=True)
class Preset:
    """How tokens are drawn, and what is added to the logits of some: token ids and biases."""

    sampling: Sampling
    bias: tuple[tuple[int, float], ...] = ()


Presets = Mapping[str, Preset]
BUILT_IN: Presets = {name: Preset(sampling) for name, sampling in PRESETS.items()}


def read_presets(folder: Path, vocabulary: Mapping[str, int]) -> Presets:
    """The built-in presets, as the checkpoint in `folder` changes them.

    Raises:
        CheckpointError: its file is no such thing, or names a preset, setting or token that there is not.
    """
    path = folder / FILE
    if not path.exists():
        return BUILT_IN
    tokens = {**vocabulary, END: EOS}
    try:
        return _read(json.loads(path.read_text(encoding="utf-8")), tokens)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path} holds no presets: {type(error).__name__} {error}") from error


def _read(found: dict[str, Any], tokens: Mapping[str, int]) -> Presets:
    if unknown := found.keys() - BUILT_IN.keys():
        raise KeyError(*unknown)
    return {name: _changed(preset, found.get(name, {}), tokens) for name, preset in BUILT_IN.items()}


def _changed(preset: Preset, found: dict[str, Any], vocabulary: Mapping[str, int]) -> Preset:
    bias = tuple((vocabulary[piece], float(value)) for piece, value in found.get("bias", {}).items())
    settings = {name: value for name, value in found.items() if name != "bias"}
    if unknown := settings.keys() - set(SAMPLING_NAMES):
        raise KeyError(*unknown)
    return Preset(replace(preset.sampling, **settings), bias)
