"""Held-out loss of any XGLM checkpoint, in nats per character, over all windows of some works."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sentencepiece
import torch
from transformers import XGLMForCausalLM

from bot.train.corpus import Work
from bot.train.data import encode, held_out_windows
from bot.train.loop import nats_per_character
from bot.train.network import TrainingNetwork
from bot.train.tokenizer import SENTENCEPIECE_FILE


def measure(folder: Path, works: Sequence[Work], length: int = 512) -> float:
    """Nats per character of `works` for a checkpoint of ours, over windows of `length` tokens side by side.

    An unknown character costs 10 nats; a paragraph break costs what the model gives it and counts as none.

    Raises:
        CorpusError: there is less text than one window.
    """
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / SENTENCEPIECE_FILE))
    network = TrainingNetwork(XGLMForCausalLM.from_pretrained(folder, dtype=torch.float32))
    count = max(1, len(encode(works, processor)) // length)
    return nats_per_character(network, held_out_windows(works, processor, length, count))
