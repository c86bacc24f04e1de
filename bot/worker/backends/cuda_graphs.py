"""Decode steps of a few fixed sizes, each recorded once as a CUDA graph and replayed.

A decode step on a GPU is hundreds of small kernels: launching them one by one takes longer than they do. A
graph launches them at once, but with the same sizes and addresses each time. So a step is filled up to the
next power of two of rows, and of blocks a row; rows that are not there write to the scratch block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch.nn import functional

from bot.worker.backends.base import Row
from bot.worker.backends.kv_cache import BlockCache, SlotMapping

if TYPE_CHECKING:
    from torch.cuda import _POOL_HANDLE

Attend = Callable[[int, torch.Tensor], torch.Tensor]
"""A layer's number and its queries (tokens, heads, head size) to what the tokens take from that layer's
keys and values, of the same shape."""


class Compute(Protocol):
    """All layers on a step's tokens."""

    def __call__(
        self, tokens: torch.Tensor, positions: torch.Tensor, places: SlotMapping, attend: Attend
    ) -> torch.Tensor:
        """Hidden states (tokens, width)."""
        ...


class DecodeGraphs:
    """Computes steps in which every row is one token alone.

    A row's rounding depends on the size its step is filled up to, so on its company.
    """

    def __init__(self, compute: Compute, cache: BlockCache) -> None:
        self._compute, self._cache = compute, cache
        self._steps: dict[tuple[int, int], DecodeStep] = {}
        self._pool: _POOL_HANDLE | None = None

    def __call__(self, rows: Sequence[Row]) -> torch.Tensor:
        """Hidden states (rows, width), valid until the next call."""
        size = _bucket(len(rows)), _bucket(max(-(-row.end // self._cache.block) for row in rows))
        step = self._steps.get(size)
        if step is None:
            step = self._steps[size] = DecodeStep(self._compute, self._cache, *size)
        step.fill(rows)
        if self._cache.layers[0].is_cuda and not step.recorded:
            self._pool = step.record(self._pool)
        return step()[: len(rows)]


class DecodeStep:
    """A step of `rows` rows with up to `blocks` blocks each, in tensors that stay where they are."""

    def __init__(self, compute: Compute, cache: BlockCache, rows: int, blocks: int) -> None:
        self._compute, self._cache = compute, cache
        device = cache.layers[0].device
        self._device, self._rows, self._width = device, rows, blocks
        self._tokens = torch.zeros(rows, dtype=torch.long, device=device)
        self._positions = torch.zeros(rows, dtype=torch.long, device=device)
        self._tables = torch.full((rows, blocks), cache.scratch, dtype=torch.long, device=device)
        self._columns = torch.arange(blocks * cache.block, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._hidden: torch.Tensor | None = None

    @property
    def recorded(self) -> bool:
        """Whether the step replays a graph."""
        return self._graph is not None

    def fill(self, rows: Sequence[Row]) -> None:
        """Set what the next call computes."""
        missing = self._rows - len(rows)
        scratch = [self._cache.scratch] * self._width
        tables = [[*row.blocks, *scratch][: self._width] for row in rows] + [scratch] * missing
        self._tokens.copy_(torch.tensor([row.tokens[0] for row in rows] + [0] * missing))
        self._positions.copy_(torch.tensor([row.start for row in rows] + [0] * missing))
        self._tables.copy_(torch.tensor(tables))

    def record(self, pool: _POOL_HANDLE | None) -> _POOL_HANDLE:
        """Record the step, filled before, as a graph; its memory is shared with others of the same pool."""
        graph = torch.cuda.CUDAGraph()
        # Streams and graphs are of the current device, which need not be that of the tensors.
        with torch.cuda.device(self._device):
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                # What libraries set up at a first call must not be in the graph.
                self._run()
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(graph, pool=pool):
                self._hidden = self._run()
        self._graph = graph
        return graph.pool()

    def __call__(self) -> torch.Tensor:
        """Hidden states of all rows, those that fill up included."""
        if self._graph is None or self._hidden is None:
            return self._run()
        with torch.cuda.device(self._device):
            self._graph.replay()
        return self._hidden

    def _run(self) -> torch.Tensor:
        block = self._cache.block
        blocks = self._tables.gather(1, (self._positions // block)[:, None])[:, 0]
        places = SlotMapping(blocks, self._positions % block)
        return self._compute(self._tokens, self._positions, places, self._attend)

    def _attend(self, number: int, queries: torch.Tensor) -> torch.Tensor:
        # (rows, blocks, 2, heads, block, head size) to (2, rows, heads, positions, head size)
        found = self._cache.layers[number][self._tables].permute(2, 0, 3, 1, 4, 5).flatten(3, 4)
        seen = self._columns <= self._positions[:, None]
        # The mask is not enough: what a block held before may be not finite, and 0 times that is not 0.
        keys, values = found.to(queries.dtype).masked_fill_(~seen[:, None, :, None], 0).unbind()
        return functional.scaled_dot_product_attention(
            queries[:, :, None], keys, values, attn_mask=seen[:, None, None]
        )[:, :, 0]


def _bucket(number: int) -> int:
    """The next power of two."""
    return 1 << (number - 1).bit_length()
