"""XGLM in torch, on CPU or CUDA: the forward of transformers' `XGLMForCausalLM`, over slots.

Rows at any position run in one step. Everything but attention works on all their tokens at once; attention
goes row by row over the row's own slot, so no mask, no padding, and no row feels another.
"""

from __future__ import annotations

import math
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import torch
from torch.nn import functional
from transformers.activations import ACT2FN

from bot.errors import CheckpointError
from bot.worker.backends.base import Row
from bot.worker.backends.linear import Linear, compact, make_linear
from bot.worker.cache import BYTES_PER_MIB, SlotCache
from bot.worker.scheduler import CHUNK, Copy

Tensors = MutableMapping[str, torch.Tensor]

POSITION_OFFSET = 2
"""fairseq counts positions from behind the padding id."""


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer norm's weights."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise each row."""
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias)


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
class Span:
    """Where a row's tokens stand in the step: tokens `first` to `last` of all, positions `start` to `end`."""

    slot: int
    first: int
    last: int
    start: int
    end: int
    samples: bool


class TorchBackend:
    """The reference backend. Takes the tensors out of the mapping as it goes: one copy at any time."""

    name = "torch"

    def __init__(self, config: Any, tensors: Tensors, *, slots: int, chunk: int = CHUNK) -> None:
        """Build from transformers' parameter names.

        Raises:
            CheckpointError: a parameter is missing.
        """
        self.slots = slots
        self.context: int = config.max_position_embeddings
        self._heads: int = config.attention_heads
        self._head_size: int = config.d_model // config.attention_heads
        self._activation = ACT2FN[config.activation_function]
        self._scale = math.sqrt(config.d_model) if config.scale_embedding else 1.0
        take = _Taker(tensors)
        self._layers = [take.layer(number) for number in range(config.num_layers)]
        self._norm = take.norm("model.layer_norm")
        table = take("model.embed_tokens.weight")
        self._dtype, self._device = table.dtype, table.device
        self._head = make_linear(take.head(table, tied=config.tie_word_embeddings), None)
        self._table = compact(table)
        self._positions = sinusoidal_positions(config).to(self._device, self._dtype)
        self._future = _future_mask(chunk, self.context).to(self._device, self._dtype)
        self._cache = SlotCache(
            layers=config.num_layers,
            slots=slots,
            heads=self._heads,
            length=self.context,
            head_size=self._head_size,
            dtype=self._dtype,
            device=self._device,
        )
        structlog.get_logger().info(
            "slots ready",
            slots=slots,
            tokens_each=self.context,
            mib_when_full=self._cache.bytes // BYTES_PER_MIB,
            bytes_per_token=self._cache.bytes_per_token,
            dtype=str(self._dtype).removeprefix("torch."),
            device=str(self._device),
        )

    @torch.inference_mode()
    def forward(self, rows: Sequence[Row]) -> torch.Tensor:
        """Compute rows, at most one a slot; float32 logits of each sampling row's last token, in their order.

        Raises:
            ValueError: a row passes the context.
            IndexError: a token is outside the vocabulary.
        """
        spans = _spans(rows)
        if any(span.end > self.context for span in spans):
            raise ValueError(f"a row passes the model's {self.context} positions")
        slots, positions = self._places(spans)
        tokens = torch.tensor([token for row in rows for token in row.tokens], device=self._device)
        embedded = functional.embedding(tokens, self._table).to(self._dtype)
        hidden = embedded * self._scale + self._positions[positions + POSITION_OFFSET]
        for number, layer in enumerate(self._layers):
            mixed = self._attend(number, layer.project(layer.attention_norm(hidden)), spans, slots, positions)
            hidden = hidden + layer.output(mixed)
            hidden = hidden + layer.narrow(self._activation(layer.widen(layer.feed_norm(hidden))))
        wanted = [span.last - 1 for span in spans if span.samples]
        if len(wanted) < len(hidden):
            hidden = hidden[wanted]
        return self._head(self._norm(hidden)).float()

    @torch.inference_mode()
    def copy(self, source: int, target: int, length: int) -> None:
        """Make the first `length` positions of slot `target` those of `source`."""
        self._cache.copy(Copy(source, target, length))

    def _places(self, spans: Sequence[Span]) -> tuple[torch.Tensor, torch.Tensor]:
        slots = [span.slot for span in spans for _ in range(span.start, span.end)]
        positions = [position for span in spans for position in range(span.start, span.end)]
        return torch.tensor(slots, device=self._device), torch.tensor(positions, device=self._device)

    def _attend(
        self,
        number: int,
        projected: torch.Tensor,
        spans: Sequence[Span],
        slots: torch.Tensor,
        positions: torch.Tensor,
    ) -> torch.Tensor:
        """Attention of all tokens of a step in one layer. `projected`: (tokens, 3 * width)."""
        heads = projected.view(-1, 3, self._heads, self._head_size)
        self._cache.layers[number][:, slots, :, positions] = heads[:, 1:]
        queries = heads[:, 0]
        keys, values = self._cache.keys[number], self._cache.values[number]
        mixed = torch.empty_like(queries)
        for span in spans:
            # The last token goes alone, as it would when decoded: the same bits either way.
            alone = span.last - 1 if span.samples else span.last
            if alone > span.first:
                length = alone - span.first
                mixed[span.first : alone] = self._look(
                    queries[span.first : alone], keys[span.slot], values[span.slot], span.start, length
                )
            if span.samples:
                mixed[alone] = self._look(
                    queries[alone : span.last], keys[span.slot], values[span.slot], span.end - 1, 1
                )[0]
        return mixed.view(-1, self._heads * self._head_size)

    def _look(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, start: int, length: int
    ) -> torch.Tensor:
        """Attention of one slot's tokens from position `start`. torch keeps the softmax in float32.

        Shapes: queries and result (length, heads, head size), keys and values (heads, positions, head size).
        """
        end = start + length
        return functional.scaled_dot_product_attention(
            queries.transpose(0, 1).unsqueeze(0),
            keys[:, :end].unsqueeze(0),
            values[:, :end].unsqueeze(0),
            attn_mask=None if length == 1 else self._mask(start, length),
        )[0].transpose(0, 1)

    def _mask(self, start: int, length: int) -> torch.Tensor:
        """A view that hides from each of `length` tokens what comes after it."""
        return self._future[:length, self.context - start : self.context + length]


class _Taker:
    """Takes parameters out of a mapping, so that each is let go of once it was repacked."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors

    def __call__(self, name: str) -> torch.Tensor:
        try:
            return self._tensors.pop(name)
        except KeyError:
            raise CheckpointError(f"the checkpoint has no parameter {name}") from None

    def norm(self, name: str) -> Norm:
        return Norm(self(f"{name}.weight"), self(f"{name}.bias"))

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


def _future_mask(chunk: int, context: int) -> torch.Tensor:
    """Row i, column c is minus infinity where c - context > i: one table whose views serve every start."""
    columns = torch.arange(context + chunk)[None] - context
    return torch.zeros(chunk, context + chunk).masked_fill(columns > torch.arange(chunk)[:, None], -math.inf)


def _spans(rows: Sequence[Row]) -> list[Span]:
    spans, first = [], 0
    for row in rows:
        last = first + len(row.tokens)
        spans.append(Span(row.slot, first, last, row.start, row.start + len(row.tokens), row.samples))
        first = last
    return spans
