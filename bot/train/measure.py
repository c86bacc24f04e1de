"""Held-out loss of an XGLM checkpoint: nats per character, and nats per token by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
import torch
from torch.nn import functional
from transformers import XGLMForCausalLM

from bot.train.checkpoint import load_checkpoint
from bot.train.corpus import Work
from bot.train.data import HeldOut, encode, held_out_windows
from bot.train.network import TrainingNetwork
from bot.train.tokenizer import SENTENCEPIECE_FILE, UNK

UNKNOWN_NATS = 10.0
"""What a character outside the vocabulary is charged, so that a small alphabet cannot look good."""
STANDARD_LENGTH = 512
"""Of the windows that a card's figure is measured in."""
ROWS = 8


@dataclass(frozen=True, slots=True)
class Loss:
    """Held-out loss in nats: per character, and per token of the windows' earlier and later halves.

    In windows of 1,024 with their `</s>`, `early` is over positions 1 to 511 and `late` over 512 to 1,023.
    """

    per_character: float
    early: float
    late: float


def held_out_loss(model: XGLMForCausalLM, held_out: HeldOut) -> Loss:
    """A model's loss over the windows; an unknown character costs `UNKNOWN_NATS`."""
    losses = _losses(TrainingNetwork(model), held_out)
    half = held_out.windows.shape[1] // 2 - 1
    return Loss(
        float(losses.sum()) / held_out.characters,
        float(losses[:, :half].mean()),
        float(losses[:, half:].mean()),
    )


def measure_checkpoint(folder: Path, works: Sequence[Work]) -> Loss:
    """Loss of a checkpoint of ours over all of `works`, in windows side by side.

    Per character in windows of `STANDARD_LENGTH` tokens; by position in windows as long as its context. A
    paragraph break costs what the model gives it and counts as no character.

    Raises:
        CorpusError: there is less text than one window.
        CheckpointError: the folder holds no checkpoint of ours.
    """
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / SENTENCEPIECE_FILE))
    model = load_checkpoint(folder)
    whole = held_out_loss(model, _all_windows(works, processor, model.config.max_position_embeddings - 1))
    short = held_out_loss(model, _all_windows(works, processor, STANDARD_LENGTH))
    return Loss(short.per_character, whole.early, whole.late)


def _all_windows(
    works: Sequence[Work], processor: sentencepiece.SentencePieceProcessor, length: int
) -> HeldOut:
    return held_out_windows(works, processor, length, max(1, len(encode(works, processor)) // length))


@torch.no_grad()
def _losses(network: TrainingNetwork, held_out: HeldOut) -> torch.Tensor:
    """float64 [windows, length] in nats."""
    device = next(network.parameters()).device
    rows = []
    for start in range(0, len(held_out.windows), ROWS):
        ids = torch.from_numpy(held_out.windows[start : start + ROWS]).to(device)
        targets = ids[:, 1:]
        logits = network.logits(ids[:, :-1]).flatten(0, 1)
        losses = functional.cross_entropy(logits, targets.flatten(), reduction="none").view(targets.shape)
        rows.append(losses.masked_fill(targets == UNK, UNKNOWN_NATS).double().cpu())
    return torch.cat(rows)
