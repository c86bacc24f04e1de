"""Writers in a backend, step by step, without an engine: for checks of what one step does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.figures import Figure, to_json
from bot.worker.backends.base import Row
from bot.worker.backends.cuda import set_up_cuda
from bot.worker.backends.pytorch import TorchBackend
from bot.worker.checkpoints.loader import find_checkpoint, read_checkpoint

FIRST_PIECE = 4
"""The ids below it are controls."""


def load_backend(folder: str, device: str, dtype: str, *, blocks: int, graphs: bool = False) -> TorchBackend:
    """A checkpoint in torch on a device."""
    checkpoint = read_checkpoint(find_checkpoint(Path(folder)), device=device, dtype=dtype)
    if torch.device(device).type == "cuda":
        set_up_cuda()
    return TorchBackend(checkpoint.config, checkpoint.tensors, blocks=blocks, graphs=graphs)


def drawn_prompt(seed: int, length: int, vocabulary: int) -> list[int]:
    """Tokens at random, `</s>` first: their values do not change the speed."""
    generator = torch.Generator().manual_seed(seed)
    return [2, *torch.randint(FIRST_PIECE, vocabulary, (length - 1,), generator=generator).tolist()]


@dataclass(slots=True)
class Writer:
    """A sequence with blocks of its own."""

    blocks: tuple[int, ...]
    tokens: list[int]

    def read(self, backend: TorchBackend) -> torch.Tensor:
        """Read the prompt block by block; the logits behind its last token."""
        end, start = len(self.tokens) - 1, 0
        while start < end:
            # A part of one token is computed alone, with the last one.
            stop = min(start + backend.block, end)
            if stop == end - 1:
                stop = end
            if stop - start == 1 and start:
                break
            backend.forward([self._row(backend, start, stop)])
            start = stop
        return backend.forward([self._row(backend, start, end + 1, alone=end + 1 - start, logits=1)]).drawn

    def last(self, backend: TorchBackend) -> Row:
        """The step behind the last token."""
        return self._row(backend, len(self.tokens) - 1, len(self.tokens), alone=1, logits=1)

    def _row(self, backend: TorchBackend, start: int, end: int, *, alone: int = 0, logits: int = 0) -> Row:
        blocks = self.blocks[: -(-end // backend.block)]
        return Row(blocks, start, tuple(self.tokens[start:end]), alone=alone, logits=logits)


def crowd(backend: TorchBackend, count: int, length: int, vocabulary: int, room: int) -> list[Writer]:
    """So many writers with read prompts of `length` tokens, and `room` positions behind them."""
    each = -(-(length + room) // backend.block)
    writers = [
        Writer(tuple(range(n * each, (n + 1) * each)), drawn_prompt(n, length, vocabulary))
        for n in range(count)
    ]
    for writer in writers:
        writer.read(backend)
    return writers


def blocks_for(device: str, count: int, positions: int) -> int:
    """Blocks that `count` sequences of so many positions take."""
    from bot.worker.backends.kv_cache import block_size

    return count * -(-positions // block_size(torch.device(device)))


def synchronise(device: str) -> None:
    """Wait for all that was asked of a device."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(torch.device(device))


def answered(figures: Sequence[Figure]) -> Mapping[str, Any]:
    """Figures as a child answers them."""
    return {"figures": [to_json(one) for one in figures]}
