"""XGLM on a CPU through OpenVINO: int8 weights, paged keys and values, prefill and decoding in one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
import structlog
import torch
from openvino import Tensor
from torch.nn import functional

from bot.worker.backends.base import Copy, Logits, Row, are_drawn, wanted_tokens
from bot.worker.backends.openvino_graph import (
    BEGINS,
    BLOCK,
    BLOCK_BEGINS,
    BLOCKS,
    HIDDEN,
    LONGEST,
    PAST,
    LayerShape,
    attention_type,
    compile_model,
    head_model,
    layers_model,
)
from bot.worker.backends.openvino_passes import LENGTH, Floats, Subsequence, most_at_once, passes
from bot.worker.backends.pytorch import POSITION_OFFSET, sinusoidal_positions
from bot.worker.checkpoints.int8 import Int8Layer, Int8Model
from bot.worker.memory import COMPILED_BYTES
from bot.worker.memory_release import release_pages

FEWEST = 2
"""Rows a product is given: with one row it takes another kernel, which rounds differently."""

QUANTIZED_EXTRA = 8
"""Bytes of scale and offset that a head of a token has beside its numbers, with u8 keys and values."""


Compile = Callable[[ov.Model], ov.CompiledModel]


class OpenVinoBackend:
    """The backend for x86 CPUs."""

    name = "openvino"
    block = BLOCK
    grain = 1

    def __init__(
        self,
        model: Int8Model,
        *,
        blocks: int,
        threads: int | None = None,
        kv_precision: str = "u8",
        measured: bool = True,
        outputs: Sequence[int] | None = None,
    ) -> None:
        """Compile the model part by part.

        The first run of a part packs its weights; the mapped ones are let go of then.

        Args:
            model: the weights.
            blocks: how many blocks of keys and values there are, `BLOCK` tokens each.
            threads: threads of computation; None: one a core.
            kv_precision: one of `bot.worker.backends.selection.KV_PRECISIONS`.
            measured: find out how many tokens may be computed at once. Without, any number is, and on some
                processors bits depend on it.
            outputs: the ids of the tokens that may be drawn, ascending; None: all. The head of all tokens is
                compiled when a text is scored for the first time then.

        Raises:
            CheckpointError: OpenVINO has no graph for this kind of model.
            RuntimeError: OpenVINO refused it.
        """
        config = model.config
        shape = LayerShape.of(config)
        self.blocks, self.outputs = blocks, outputs
        self.context: int = config.max_position_embeddings
        self.bytes_per_token = self.bytes_per_token_of(config, kv_precision)
        self._scale = math.sqrt(config.d_model) if config.scale_embedding else 1.0
        self._table = model.table
        self._positions = sinusoidal_positions(config)
        compiled = partial(compile_model, shape=shape, threads=threads, kv_precision=kv_precision)
        attention = attention_type(kv_precision)
        self.at_once: int | None = None
        """Tokens that are computed in one pass; a step of more takes several. None: any number."""
        if measured:
            first = compiled(layers_model([model.layer(0)], shape, attention))
            self.at_once = _measured(first, shape.width)
            del first
        self._parts = [
            self._compile([model.layer(number) for number in numbers], compiled, shape, attention)
            for numbers in _layer_groups(config.num_layers, (4 * shape.width + 2 * shape.inner) * shape.width)
        ]

        def head(only: Sequence[int] | None) -> CompiledHead:
            whole = model.head()
            made = whole if only is None else whole.only(only)
            found = CompiledHead(compiled(head_model(made, shape.width)), shape.width, self.at_once)
            release_pages([whole.weight])
            return found

        self._head = head(outputs)
        self._whole_head = cache(lambda: self._head if outputs is None else head(None))
        structlog.get_logger().info(
            "backend ready",
            backend=self.name,
            parts=len(self._parts),
            outputs=self._head.outputs,
            at_once=self.at_once or "any",
            kv_tokens=blocks * BLOCK,
            kv_mib_when_full=blocks * BLOCK * self.bytes_per_token // 2**20,
        )

    def _compile(
        self, layers: Sequence[Int8Layer], compiled: Compile, shape: LayerShape, attention: ov.Type
    ) -> CompiledLayers:
        """Layers that have run once: what they were packed of is let go of."""
        part = CompiledLayers(compiled(layers_model(layers, shape, attention)), self.blocks + 1)
        part.run(np.zeros((FEWEST, shape.width), np.float32), _places(_padding(FEWEST, self.blocks)))
        release_pages(product.weight for layer in layers for product in layer.products)
        return part

    @staticmethod
    def bytes_per_token_of(config: Any, kv_precision: str) -> int:
        """What keys and values of one position take."""
        size = config.d_model // config.attention_heads
        head = size + QUANTIZED_EXTRA if kv_precision == "u8" else size * 2
        return int(2 * config.num_layers * config.attention_heads * head)

    def forward(self, rows: Sequence[Row]) -> Logits:
        """Compute rows. Valid until the next call.

        Raises:
            ValueError: a row passes the context.
            IndexError: a token is outside the vocabulary.
        """
        if any(row.end > self.context for row in rows):
            raise ValueError(f"a row passes the model's {self.context} positions")
        computed = self._layers(rows, np.array(wanted_tokens(rows), np.intp))
        if not any(row.scored for row in rows):
            return Logits(self._head(computed), torch.empty(0, len(self._table)))
        drawn = np.array(are_drawn(rows))
        # Of one head the second product would take the first one's place.
        return Logits(self._head(computed[drawn]).clone(), self._whole_head()(computed[~drawn]))

    def _layers(self, rows: Sequence[Row], wanted: npt.NDArray[np.intp]) -> Floats:
        """The output of all layers for some of the rows' tokens, counted through and ascending."""
        hidden = self._embed(rows)
        kept: list[Floats] = []
        end = 0
        for step in passes([piece for row in rows for piece in _subsequences(row)], self.at_once, BLOCK):
            start, end = end, end + sum(piece.tokens for piece in step)
            here = wanted[(wanted >= start) & (wanted < end)] - start
            kept.append(self._computed(hidden[start:end], step)[here])
        return np.concatenate(kept)

    def copy(self, copies: Sequence[Copy]) -> None:
        """Copy blocks in every layer."""
        for part in self._parts:
            part.copy(copies)

    def _embed(self, rows: Sequence[Row]) -> Floats:
        ids = torch.tensor([token for row in rows for token in row.tokens])
        positions = torch.tensor([place for row in rows for place in range(row.start, row.end)])
        embedded = functional.embedding(ids, self._table).float()
        found: Floats = (embedded * self._scale + self._positions[positions + POSITION_OFFSET]).numpy()
        return found

    def _computed(self, hidden: Floats, pieces: list[Subsequence]) -> Floats:
        if len(hidden) < FEWEST:
            hidden = np.repeat(hidden, FEWEST, axis=0)
            pieces = [*pieces, *_padding(1, self.blocks)]
        places = _places(pieces)
        for part in self._parts:
            hidden = part.run(hidden, places)
        return hidden


class CompiledHead:
    """A compiled head: from the layers' output to logits."""

    def __init__(self, compiled: ov.CompiledModel, width: int, at_once: int | None) -> None:
        """Pack its weights. `at_once`: hidden states that are computed in one pass; None: any number."""
        self._request = compiled.create_infer_request()
        self._at_once = at_once
        self.outputs: int = compiled.outputs[0].partial_shape[1].get_length()
        self(np.zeros((FEWEST, width), np.float32))

    def __call__(self, hidden: Floats) -> torch.Tensor:
        """Logits (rows, outputs) of hidden states (rows, width), valid until the next call."""
        wanted = len(hidden)
        if not wanted:
            return torch.empty(0, self.outputs)
        if self._at_once and wanted > self._at_once:
            starts = range(0, wanted, self._at_once)
            return torch.cat([self(hidden[at : at + self._at_once]).clone() for at in starts])
        if wanted < FEWEST:
            hidden = np.repeat(hidden, FEWEST, axis=0)
        self._request.set_tensor(HIDDEN, Tensor(hidden, shared_memory=True))
        _run(self._request)
        return torch.from_numpy(self._request.get_output_tensor(0).data)[:wanted]


class CompiledLayers:
    """Some compiled layers with their keys and values."""

    def __init__(self, compiled: ov.CompiledModel, blocks: int) -> None:
        self._request = compiled.create_infer_request()
        self._caches: list[npt.NDArray[Any]] = []
        for port in compiled.inputs:
            if "_cache." not in port.get_any_name():
                continue
            sizes = [dimension.get_length() for dimension in list(port.partial_shape)[1:]]
            # Zeros from the system, page by page as they are first used: memory grows with what is told.
            cache = np.zeros((blocks, *sizes), port.element_type.to_dtype())
            self._request.set_tensor(port.get_any_name(), Tensor(cache, shared_memory=True))
            self._caches.append(cache)

    def run(self, hidden: Floats, places: dict[str, npt.NDArray[np.int32]]) -> Floats:
        """The layers' output, valid until the next call."""
        self._request.set_tensor(HIDDEN, Tensor(hidden, shared_memory=True))
        for name, values in places.items():
            self._request.set_tensor(name, Tensor(values))
        _run(self._request)
        out: Floats = self._request.get_output_tensor(0).data
        if out.shape != hidden.shape:
            raise RuntimeError(f"OpenVINO computed {out.shape} of {hidden.shape}")
        return out

    def copy(self, copies: Sequence[Copy]) -> None:
        """Copy whole blocks."""
        for held in self._caches:
            for one in copies:
                held[one.target] = held[one.source]


def _run(request: ov.InferRequest) -> None:
    # `infer()` gives the last output again, without a word, when an operation throws.
    request.start_async()
    request.wait()


def _layer_groups(layers: int, layer_bytes: int) -> Iterator[range]:
    size = max(1, COMPILED_BYTES // layer_bytes)
    for first in range(0, layers, size):
        yield range(first, min(first + size, layers))


def _measured(layer: ov.CompiledModel, width: int) -> int | None:
    """How many tokens a compiled layer may be given at once; None: any number."""
    blocks = tuple(range(-(-LENGTH // BLOCK)))
    part = CompiledLayers(layer, len(blocks))

    def compute(hidden: Floats, past: int) -> Floats:
        piece = Subsequence(past, len(hidden), _first(blocks, past + len(hidden)))
        return part.run(hidden, _places([piece])).copy()

    return most_at_once(width, compute)


def _padding(tokens: int, scratch: int) -> list[Subsequence]:
    """Tokens that nobody reads, kept in a block that nobody has."""
    return [Subsequence(0, 1, (scratch,))] * tokens


def _subsequences(row: Row) -> Iterator[Subsequence]:
    """A row's tokens as attention takes them: together, then one by one."""
    body = len(row.tokens) - row.alone
    if body:
        yield _subsequence(row, row.start, body)
    for place in range(row.start + body, row.end):
        yield _subsequence(row, place, 1)


def _subsequence(row: Row, past: int, tokens: int) -> Subsequence:
    return Subsequence(past, tokens, _first(row.blocks, past + tokens))


def _first(blocks: tuple[int, ...], tokens: int) -> tuple[int, ...]:
    return blocks[: -(-tokens // BLOCK)]


def _places(pieces: Sequence[Subsequence]) -> dict[str, npt.NDArray[np.int32]]:
    return {
        PAST: _ints([piece.past for piece in pieces]),
        BEGINS: _offsets([piece.tokens for piece in pieces]),
        BLOCKS: _ints([block for piece in pieces for block in piece.blocks]),
        BLOCK_BEGINS: _offsets([len(piece.blocks) for piece in pieces]),
        LONGEST: np.array(max(piece.past + piece.tokens for piece in pieces), np.int32),
    }


def _ints(values: Sequence[int]) -> npt.NDArray[np.int32]:
    return np.array(values, np.int32)


def _offsets(lengths: Sequence[int]) -> npt.NDArray[np.int32]:
    return _ints([0, *np.cumsum(lengths).tolist()])
