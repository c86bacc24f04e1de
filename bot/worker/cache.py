"""Keys and values in static slots."""

from __future__ import annotations

import torch

from bot.worker.scheduler import Copy

BYTES_PER_MIB = 1024 * 1024


class SlotCache:
    """Keys and values of every layer, for a fixed number of slots of a fixed length.

    Memory is asked for once; the system hands it out page by page as slots fill. What lies past a slot's
    length is never read. Layout a layer: (2, slots, heads, length, head size).
    """

    def __init__(
        self,
        *,
        layers: int,
        slots: int,
        heads: int,
        length: int,
        head_size: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.slots, self.length = slots, length
        shape = (2, slots, heads, length, head_size)
        self.layers = [torch.empty(shape, dtype=dtype, device=device) for _ in range(layers)]
        self.keys = [list(layer[0].unbind()) for layer in self.layers]
        self.values = [list(layer[1].unbind()) for layer in self.layers]

    @property
    def bytes_per_token(self) -> int:
        """Memory one position of one slot takes."""
        return self.bytes // (self.slots * self.length)

    @property
    def bytes(self) -> int:
        """Memory that all slots take when full."""
        return sum(layer.numel() * layer.element_size() for layer in self.layers)

    def copy(self, copy: Copy) -> None:
        """Make the first positions of one slot those of another."""
        for layer in self.layers:
            layer[:, copy.target, :, : copy.length] = layer[:, copy.source, :, : copy.length]
