"""Decode steps of a few fixed sizes, each recorded once as a CUDA graph and replayed.

A decode step on a GPU is hundreds of small kernels: launching them one by one takes longer than they do. A
graph launches them at once, but with the same sizes and addresses each time. So a step is filled up to the
next power of two of rows, and of blocks a row; rows that are not there write to the scratch block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import structlog
import torch
from torch.nn import functional

from bot.worker.backends.base import Row
from bot.worker.backends.kv_cache import BlockCache, SlotMapping

if TYPE_CHECKING:
    from torch.cuda import _POOL_HANDLE

Attend = Callable[[int, torch.Tensor], torch.Tensor]
"""A layer's number and its queries (tokens, heads, head size) to what the tokens take from that layer's
keys and values, of the same shape."""


class ComputeLayers(Protocol):
    """All layers on a step's tokens."""

    def __call__(
        self, tokens: torch.Tensor, positions: torch.Tensor, places: SlotMapping, attend: Attend
    ) -> torch.Tensor:
        """Hidden states (tokens, width)."""
        ...


class GraphRecorder:
    """Records graphs on one device. They share one pool of memory, and one stream with its workspace."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: _POOL_HANDLE | None = None
        with torch.cuda.device(device):
            self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def record(self, run: Callable[[], torch.Tensor]) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        """A graph of what `run` does, and the tensor that each replay fills anew.

        Raises:
            RuntimeError: it cannot be recorded; the current stream is the one that it was before.
        """
        graph = torch.cuda.CUDAGraph()
        # Streams and graphs are of the current device, which need not be that of the tensors.
        with torch.cuda.device(self._device):
            before = torch.cuda.current_stream()
            self._stream.wait_stream(before)
            try:
                with torch.cuda.stream(self._stream):
                    # What libraries set up at a first call must not be in the graph.
                    run()
                with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                    hidden = run()
            finally:
                # torch leaves its own stream the current one where the end of a capture fails.
                torch.cuda.set_stream(before)
                before.wait_stream(self._stream)
        self._pool = graph.pool()
        return graph, hidden


class DecodeGraphs:
    """Computes steps in which every row is one token alone; without a `recorder` not as graphs.

    A row's rounding depends on the size its step is filled up to, so on its company.
    """

    def __init__(self, compute: ComputeLayers, cache: BlockCache, recorder: GraphRecorder | None) -> None:
        self._compute, self._cache, self._recorder = compute, cache, recorder
        self._steps: dict[tuple[int, int], DecodeStep] = {}

    def __call__(self, rows: Sequence[Row]) -> torch.Tensor:
        """Hidden states (rows, width), valid until the next call."""
        size = _bucket(len(rows)), _bucket(max(-(-row.end // self._cache.block) for row in rows))
        step = self._steps.get(size)
        if step is not None:
            step.fill(rows)
        else:
            step = self._steps[size] = DecodeStep(self._compute, self._cache, *size)
            step.fill(rows)
            self._record(step, size)
        return step()[: len(rows)]

    def _record(self, step: DecodeStep, size: tuple[int, int]) -> None:
        """Record a new step; one that cannot be recorded is computed kernel by kernel from now on."""
        if self._recorder is None:
            return
        try:
            step.record(self._recorder)
        except RuntimeError as error:
            structlog.get_logger().warning(
                "a step could not be recorded as a CUDA graph and runs without", size=size, reason=str(error)
            )


class DecodeStep:
    """A step of `rows` rows with up to `blocks` blocks each, in tensors that stay where they are."""

    def __init__(self, compute: ComputeLayers, cache: BlockCache, rows: int, blocks: int) -> None:
        self._compute, self._cache = compute, cache
        device = cache.layers[0].device
        self._device, self._rows, self._width = device, rows, blocks
        self._tokens = torch.zeros(rows, dtype=torch.long, device=device)
        self._positions = torch.zeros(rows, dtype=torch.long, device=device)
        self._tables = torch.full((rows, blocks), cache.scratch, dtype=torch.long, device=device)
        self._columns = torch.arange(blocks * cache.block, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._hidden: torch.Tensor | None = None

    def fill(self, rows: Sequence[Row]) -> None:
        """Set what the next call computes."""
        missing = self._rows - len(rows)
        scratch = [self._cache.scratch] * self._width
        tables = [[*row.blocks, *scratch][: self._width] for row in rows] + [scratch] * missing
        self._tokens.copy_(torch.tensor([row.tokens[0] for row in rows] + [0] * missing))
        self._positions.copy_(torch.tensor([row.start for row in rows] + [0] * missing))
        self._tables.copy_(torch.tensor(tables))

    def record(self, recorder: GraphRecorder) -> None:
        """Record the step, filled before, as a graph. Raises RuntimeError where that is not possible."""
        self._graph, self._hidden = recorder.record(self._run)

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
