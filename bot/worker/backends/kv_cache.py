"""Keys and values in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from bot.worker.backends.base import Copy

CPU_BLOCK = 64
"""Positions a block on a CPU: small, so that much of a prompt is in full blocks, which are shared."""

CUDA_BLOCK = 128
"""Positions a block on a GPU, where many small calls cost more than a few unshared tokens."""

STAGGER = 16
"""Positions that the gathered keys are longer than the context: heads that lie a power of two apart would
share the same lines of the processor's cache."""


def block_size(device: torch.device | str) -> int:
    """Positions a block has on this device, unless told otherwise."""
    return CPU_BLOCK if torch.device(device).type == "cpu" else CUDA_BLOCK


def bytes_per_token(config: Any, dtype: torch.dtype) -> int:
    """What keys and values of one position take in all layers of an XGLM."""
    return int(2 * config.num_layers * config.d_model * dtype.itemsize)


@dataclass(frozen=True, slots=True)
class SlotMapping:
    """Where the tokens of a step are kept: block and offset in it of each, both of shape (tokens,)."""

    blocks: torch.Tensor
    offsets: torch.Tensor


class BlockCache:
    """Keys and values of every layer in blocks of a fixed number of positions.

    There is one block more than `blocks`, `scratch`: padding writes to it and nobody reads it. The system
    hands memory out page by page as blocks are first used. What a block holds behind a sequence's end counts
    for nothing. Layout a layer: (blocks + 1, 2, heads, block, head size).
    """

    def __init__(
        self, config: Any, *, blocks: int, block: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.block, self.scratch = block, blocks
        self.bytes_per_token = bytes_per_token(config, dtype)
        # A CPU is several times faster at attention in float32, half types and their conversion included.
        self.attention_dtype = torch.float32 if device.type == "cpu" else dtype
        heads, size = config.attention_heads, config.d_model // config.attention_heads
        shape = (blocks + 1, 2, heads, block, size)
        self.layers = [torch.empty(shape, dtype=dtype, device=device) for _ in range(config.num_layers)]
        longest = -(-config.max_position_embeddings // block) * block + STAGGER
        self._gathered = torch.empty((2, heads, longest, size), dtype=self.attention_dtype, device=device)

    def write(self, number: int, places: SlotMapping, heads: torch.Tensor) -> None:
        """Keep the tokens' keys and values of one layer. `heads`: (tokens, 2, heads, head size)."""
        self.layers[number][places.blocks, :, :, places.offsets] = heads

    def gather(self, number: int, blocks: Sequence[int], end: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of one layer at positions 0 to `end` of a sequence with these blocks.

        Both have the shape (heads, end, head size). The next call overwrites them.
        """
        layer, step = self.layers[number], self.block
        for place, block in enumerate(blocks[: -(-end // step)]):
            self._gathered[:, :, place * step : (place + 1) * step] = layer[block]
        keys, values = self._gathered[:, :, :end].unbind()
        return keys, values

    def copy(self, copies: Sequence[Copy]) -> None:
        """Copy whole blocks in every layer."""
        for layer in self.layers:
            for one in copies:
                layer[one.target] = layer[one.source]
