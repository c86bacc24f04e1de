"""XGLM in torch, on CPU or CUDA: the forward of transformers' `XGLMForCausalLM`, over blocks.

Rows at any position run in one step. Everything but attention works on all their tokens at once; attention
goes row by row over the row's own blocks, so no mask, no padding, and no row feels another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import structlog
import torch
from torch.nn import functional
from transformers.activations import ACT2FN

from bot.domain.errors import CheckpointError
from bot.worker.backends.base import Copy, Logits, Row, are_drawn, wanted_tokens
from bot.worker.backends.cuda import release_unused
from bot.worker.backends.cuda_graphs import Attend, DecodeGraphs, GraphRecorder
from bot.worker.backends.kv_cache import BlockCache, SlotMapping, block_size
from bot.worker.backends.linear import Linear, compact, make_head, make_linear

Tensors = MutableMapping[str, torch.Tensor]

POSITION_OFFSET = 2
"""fairseq counts positions from behind the padding id."""


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer norm's weights, of the residual's type; what it gives is of type `dtype`."""

    weight: torch.Tensor
    bias: torch.Tensor
    dtype: torch.dtype

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise each row."""
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias).to(self.dtype)


@dataclass(frozen=True, slots=True)
class Layer:
    """One decoder layer, query, key and value projected at once."""

    attention_norm: Norm
    project: Linear
    output: Linear
    feed_norm: Norm
    widen: Linear
    narrow: Linear


@dataclass(frozen=True, slots=True)
class QueryRange:
    """Tokens `first` to `last` of a step, which attention takes at once; the first is at position `start`."""

    first: int
    last: int
    start: int

    @property
    def end(self) -> int:
        """The position behind the last token."""
        return self.start + self.last - self.first


@dataclass(frozen=True, slots=True)
class AttentionSpan:
    """A row in a step: its parts, and the blocks of positions 0 to `end`."""

    blocks: tuple[int, ...]
    end: int
    parts: tuple[QueryRange, ...]


class TorchBackend:
    """The reference backend. Takes the tensors out of the mapping as it goes: one copy at any time.

    On a CPU a token's bits depend on what `Backend` says and on nothing else. On CUDA a product's kernel
    depends on how many rows it has, and with `graphs` an attention's on the step's size: there, company may
    change a rounding.
    """

    name = "torch"

    def __init__(
        self,
        config: Any,
        tensors: Tensors,
        *,
        blocks: int,
        block: int | None = None,
        graphs: bool = False,
        outputs: Sequence[int] | None = None,
    ) -> None:
        """Build from transformers' parameter names.

        Args:
            config: the checkpoint's XGLMConfig.
            tensors: its parameters, all of one type and on one device.
            blocks: how many blocks of keys and values there are.
            block: positions a block; None: what suits the device.
            graphs: run decode steps filled up to a few sizes, on CUDA as recorded graphs.
            outputs: the ids of the tokens that may be drawn, ascending; None: all. On a CPU the head of all
                tokens is packed when a text is scored for the first time then.

        Raises:
            CheckpointError: a parameter is missing.
        """
        self.blocks, self.outputs = blocks, outputs
        self.context: int = config.max_position_embeddings
        self._heads: int = config.attention_heads
        self._scale = math.sqrt(config.d_model) if config.scale_embedding else 1.0
        take = _TensorReader(tensors)
        self._layers = [take.layer(number) for number in range(config.num_layers)]
        self._norm = take.norm("model.layer_norm")
        table = take("model.embed_tokens.weight")
        self._dtype, self._device = table.dtype, table.device
        head = take.head(table, tied=config.tie_word_embeddings)
        self._table = compact(table)
        self._head, self._whole_head = self._make_heads(head, outputs, tied=head is table)
        self._residual = residual_dtype(self._dtype)
        self._positions = sinusoidal_positions(config).to(self._device, self._dtype)
        self.block = self.grain = block or block_size(self._device)
        self._cache = BlockCache(
            config, blocks=blocks, block=self.block, dtype=self._dtype, device=self._device
        )
        self.bytes_per_token = self._cache.bytes_per_token
        self._exact = self._cache.attention_dtype
        self._activation = _activation(config.activation_function, self._exact)
        self._future = _future_mask(self.block, self.context).to(self._device, self._exact)
        recorder = GraphRecorder(self._device) if graphs and self._device.type == "cuda" else None
        self._decode = DecodeGraphs(self._hidden, self._cache, recorder) if graphs else None
        structlog.get_logger().info(
            "backend ready",
            backend=self.name,
            outputs=len(self._table) if outputs is None else len(outputs),
            dtype=str(self._dtype).removeprefix("torch."),
            device=str(self._device),
            kv_tokens=blocks * self.block,
            kv_mib_when_full=blocks * self.block * self.bytes_per_token // 2**20,
        )

    @torch.inference_mode()
    def forward(self, rows: Sequence[Row]) -> Logits:
        """Compute rows.

        Where a GPU's memory does not do for all rows at once, they are computed in halves.

        Raises:
            ValueError: a row passes the context.
            IndexError: a token is outside the vocabulary.
            torch.OutOfMemoryError: it does not even do for one row.
        """
        self._check(rows)
        try:
            return self._compute(rows)
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                raise
        # Not in the handler: the error holds on to the tensors of the step that failed.
        release_unused(self._device)
        middle = len(rows) // 2
        structlog.get_logger().warning("the GPU's memory ran out: the step is halved", rows=len(rows))
        halves = self.forward(rows[:middle]), self.forward(rows[middle:])
        return Logits(*map(torch.cat, zip(*halves, strict=True)))

    def _compute(self, rows: Sequence[Row]) -> Logits:
        reading = [row for row in rows if self._decode is None or not len(row.tokens) == row.alone == 1]
        hidden = self._read(rows) if len(reading) == len(rows) else self._mixed(rows, reading)
        if not any(row.scored for row in rows):
            return Logits(self._head(self._norm(hidden)), hidden.new_empty(0, len(self._table)))
        drawn = torch.tensor(are_drawn(rows), device=self._device)
        whole = self._whole_head()
        return Logits(self._head(self._norm(hidden[drawn])), whole(self._norm(hidden[~drawn])))

    def _read(self, rows: Sequence[Row]) -> torch.Tensor:
        """Hidden states of the tokens that want logits."""
        hidden, wanted = self._eager(rows), wanted_tokens(rows)
        return hidden[wanted] if len(wanted) < len(hidden) else hidden

    def _mixed(self, rows: Sequence[Row], reading: Sequence[Row]) -> torch.Tensor:
        """The same, with decoding apart: who reads a prompt does not take the others' graphs from them."""
        if self._decode is None:
            raise ValueError("nothing decodes apart without graphs")
        decoded = self._decode([row for row in rows if row not in reading])
        if not reading and all(row.wanted for row in rows):
            return decoded
        decodes = iter(torch.split(decoded, 1))
        reads = iter(torch.split(self._read(reading), [row.wanted for row in reading]) if reading else ())
        return torch.cat([next(reads) if row in reading else next(decodes)[: row.wanted] for row in rows])

    @torch.inference_mode()
    def copy(self, copies: Sequence[Copy]) -> None:
        """Copy blocks in every layer."""
        self._cache.copy(copies)

    def _make_heads(
        self, weight: torch.Tensor, outputs: Sequence[int] | None, *, tied: bool
    ) -> tuple[Linear, Callable[[], Linear]]:
        """What is drawn by, and what makes the head of all tokens when it is first asked for."""
        if outputs is None:
            head = make_head(weight)
            return head, lambda: head
        # The table is there anyway, often in half the bytes.
        own = None if tied else weight
        few = make_head(weight[torch.tensor(outputs, device=self._device)])
        return few, cache(lambda: make_head(self._table.to(self._dtype) if own is None else own))

    def _check(self, rows: Sequence[Row]) -> None:
        # Before anything is computed: on CUDA a bad index would end the process's use of the device.
        if any(row.end > self.context for row in rows):
            raise ValueError(f"a row passes the model's {self.context} positions")
        size = len(self._table)
        if any(not 0 <= token < size for row in rows for token in row.tokens):
            raise IndexError(f"a token is outside the vocabulary of {size}")

    def _eager(self, rows: Sequence[Row]) -> torch.Tensor:
        tokens = [token for row in rows for token in row.tokens]
        positions = [place for row in rows for place in range(row.start, row.end)]
        blocks = [row.blocks[place // self.block] for row in rows for place in range(row.start, row.end)]
        tensor = partial(torch.tensor, device=self._device)
        places = SlotMapping(tensor(blocks), tensor([place % self.block for place in positions]))
        spans = _spans(rows, self.block)
        return self._hidden(tensor(tokens), tensor(positions), places, partial(self._attend, spans))

    def _hidden(
        self, tokens: torch.Tensor, positions: torch.Tensor, places: SlotMapping, attend: Attend
    ) -> torch.Tensor:
        """All layers: hidden states (tokens, width). The keys and values are kept at `places`."""
        embedded = functional.embedding(tokens, self._table).to(self._dtype)
        hidden = (embedded * self._scale + self._positions[positions + POSITION_OFFSET]).to(self._residual)
        for number, layer in enumerate(self._layers):
            projected = layer.project(layer.attention_norm(hidden))
            heads = projected.view(len(hidden), 3, self._heads, -1)
            self._cache.write(number, places, heads[:, 1:])
            mixed = attend(number, heads[:, 0].to(self._exact)).reshape(hidden.shape)
            hidden = hidden + layer.output(mixed.to(self._dtype))
            hidden = hidden + layer.narrow(self._activation(layer.widen(layer.feed_norm(hidden))))
        return hidden

    def _attend(self, spans: Sequence[AttentionSpan], number: int, queries: torch.Tensor) -> torch.Tensor:
        mixed = torch.empty_like(queries)
        for span in spans:
            keys, values = self._cache.gather(number, span.blocks, span.end)
            for part in span.parts:
                mixed[part.first : part.last] = self._look(queries, keys, values, part)
        return mixed

    def _look(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, part: QueryRange
    ) -> torch.Tensor:
        """Attention of one part. torch keeps the softmax in float32.

        Shapes: queries (tokens of the step, heads, head size), keys and values (heads, positions, head size),
        result (tokens of the part, heads, head size).
        """
        return functional.scaled_dot_product_attention(
            queries[part.first : part.last].transpose(0, 1).unsqueeze(0),
            keys[:, : part.end].unsqueeze(0),
            values[:, : part.end].unsqueeze(0),
            attn_mask=self._mask(part) if part.last - part.first > 1 else None,
        )[0].transpose(0, 1)

    def _mask(self, part: QueryRange) -> torch.Tensor:
        """A view that hides from each token of a part what comes after it."""
        length = part.last - part.first
        return self._future[:length, self.context - part.start : self.context + length]


class _TensorReader:
    """Takes parameters out of a mapping, so that each is let go of once it was repacked."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors

    def __call__(self, name: str) -> torch.Tensor:
        try:
            return self._tensors.pop(name)
        except KeyError:
            raise CheckpointError(f"the checkpoint has no parameter {name}") from None

    def norm(self, name: str) -> Norm:
        weight, bias = self(f"{name}.weight"), self(f"{name}.bias")
        residual = residual_dtype(weight.dtype)
        return Norm(weight.to(residual), bias.to(residual), weight.dtype)

    def linear(self, *names: str) -> Linear:
        weights = [self(f"{name}.weight") for name in names]
        biases = [self(f"{name}.bias") for name in names]
        if len(names) == 1:
            return make_linear(weights[0], biases[0])
        return make_linear(torch.cat(weights), torch.cat(biases))

    def layer(self, number: int) -> Layer:
        name = f"model.layers.{number}"
        return Layer(
            attention_norm=self.norm(f"{name}.self_attn_layer_norm"),
            project=self.linear(*(f"{name}.self_attn.{part}_proj" for part in "qkv")),
            output=self.linear(f"{name}.self_attn.out_proj"),
            feed_norm=self.norm(f"{name}.final_layer_norm"),
            widen=self.linear(f"{name}.fc1"),
            narrow=self.linear(f"{name}.fc2"),
        )

    def head(self, table: torch.Tensor, *, tied: bool) -> torch.Tensor:
        own = self._tensors.pop("lm_head.weight", None)
        return table if tied or own is None else own


def residual_dtype(dtype: torch.dtype) -> torch.dtype:
    """What the sum that runs through all layers is kept in: XGLM's passes float16's 65,504."""
    return torch.float32 if dtype == torch.float16 else dtype


def sinusoidal_positions(config: Any) -> torch.Tensor:
    """The position table (context + 2, width), by the formula of transformers' XGLM (after tensor2tensor)."""
    half = config.d_model // 2
    rates = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10000) / (half - 1)))
    angles = torch.arange(config.max_position_embeddings + POSITION_OFFSET).float()[:, None] * rates[None]
    table = torch.cat([angles.sin(), angles.cos()], dim=1)
    table = functional.pad(table, (0, config.d_model % 2))
    if config.pad_token_id is not None:
        table[config.pad_token_id] = 0
    return table


def _activation(name: str, exact: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
    """The activation, computed in `exact`: in a half type, torch rounds a thread's last numbers otherwise."""
    function = ACT2FN[name]
    return lambda x: function(x.to(exact)).to(x.dtype)


def _future_mask(block: int, context: int) -> torch.Tensor:
    """Row i, column c is minus infinity where c - context > i: one table whose views serve every start."""
    columns = torch.arange(context + block)[None] - context
    return torch.zeros(block, context + block).masked_fill(columns > torch.arange(block)[:, None], -math.inf)


def _spans(rows: Sequence[Row], block: int) -> list[AttentionSpan]:
    spans, first = [], 0
    for row in rows:
        spans.append(AttentionSpan(row.blocks, row.end, tuple(_parts(row, first, block))))
        first += len(row.tokens)
    return spans


def _parts(row: Row, first: int, block: int) -> Iterator[QueryRange]:
    """A row's tokens as attention takes them: those that are computed alone one by one, the others by block.

    So it makes no difference how a prompt is cut into rows.
    """
    offset = first - row.start
    alone = row.end - row.alone
    for start in range(row.start, alone, block):
        yield QueryRange(start + offset, min(start + block, alone) + offset, start)
    for start in range(alone, row.end):
        yield QueryRange(start + offset, start + offset + 1, start)
