"""Compares a backend with the torch reference on a few tokens, before anybody's story depends on it.

The operation that computes attention is not among those that OpenVINO promises to keep, and processors
differ. A small excerpt of the model (its first layers, the first rows of table and head) goes through the
same graph code: that takes a second or two and little memory, however large the model is.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import torch
from torch import Tensor

from bot.worker.backends.base import Backend, Copy, Logits, Row
from bot.worker.backends.pytorch import TorchBackend
from bot.worker.checkpoints.int8 import Int8Layer, Int8Linear, Int8Model
from bot.worker.checkpoints.weights import EMBEDDING, HEAD

LAYERS = 2
VOCABULARY = 512
OUTPUT_STEP = 3
"""Of a limited head one output in so many is kept here."""
BLOCKS = 8
"""How many blocks of keys and values the compared backends must have at least."""

SURE, LIMIT, UNEVEN = 0.03, 0.1, 3.0
"""How far a token's logits may be from the reference's, as a part of how far those are spread: rounding to
eight bits gives 0.01 or less. A model's outliers may make it more, up to `LIMIT`, but then for all tokens
alike; what is wrong shows in some of them, `UNEVEN` times as much as in the median.
"""


class Disagreement(Exception):
    """A backend does not compute what the reference does; the message says how far off it is."""


class ModelExcerpt:
    """The beginning of a model: its first layers, and the first rows of its table and head.

    `outputs`: tokens that may be drawn, where the model's head is limited; else None.
    """

    def __init__(self, model: Int8Model, *, limited: bool = False) -> None:
        self.config: Any = copy.deepcopy(model.config)
        self.config.num_layers = min(LAYERS, model.config.num_layers)
        self.config.vocab_size = min(VOCABULARY, model.config.vocab_size)
        self.config.tie_word_embeddings = False
        self.table = model.table[: self.config.vocab_size].clone()
        self._layers = [model.layer(number) for number in range(self.config.num_layers)]
        self._head = _first(model.head(), self.config.vocab_size)
        self.outputs = tuple(range(1, self.config.vocab_size, OUTPUT_STEP)) if limited else None

    def layer(self, number: int) -> Int8Layer:
        """One of the first decoder layers."""
        return self._layers[number]

    def head(self) -> Int8Linear:
        """The head's first outputs."""
        return self._head


def compare_backend(
    model: Int8Model, make: Callable[[ModelExcerpt], Backend], *, limited: bool = False
) -> None:
    """Compare what `make` makes of an excerpt of a model with the reference.

    `limited`: only the excerpt's `outputs` may be drawn.

    Raises:
        Disagreement: it computes something else.
    """
    excerpt = ModelExcerpt(model, limited=limited)
    # What they say in the log is not about the model that will run.
    with structlog.contextvars.bound_contextvars(selfcheck=True):
        computing = make(excerpt)
        steps = list(_steps(computing.block, excerpt.config))
        found, block = _run(computing, steps), computing.block
        del computing
        expected = _run(reference(excerpt, block), steps)
    bias = excerpt.head().bias
    whole = [logits if bias is None else logits + bias for logits in expected]
    drawn = whole[0] if excerpt.outputs is None else whole[0][:, torch.tensor(excerpt.outputs)]
    away = torch.cat([deviations(found.drawn, drawn), deviations(found.scored, whole[1])])
    worst, usual = float(away.max()), float(away.median())
    # What is not a number is neither.
    if not (worst <= SURE or worst <= min(LIMIT, UNEVEN * usual)):
        raise Disagreement(f"its logits are up to {worst:.3f} of their spread away from the reference's")


def deviations(found: Tensor, expected: Tensor) -> Tensor:
    """How far each row of logits is from where it should be, as a part of that row's spread.

    Shapes: both (rows, vocabulary). A difference that is the same for all tokens changes no probability and
    does not count.

    Raises:
        Disagreement: the shapes differ.
    """
    if found.shape != expected.shape:
        raise Disagreement(f"it computes logits of shape {tuple(found.shape)}, not {tuple(expected.shape)}")
    centred = expected - expected.mean(-1, keepdim=True)
    wrong = found - expected
    wrong = wrong - wrong.mean(-1, keepdim=True)
    away: Tensor = torch.linalg.vector_norm(wrong, dim=-1) / torch.linalg.vector_norm(centred, dim=-1)
    return away


@dataclass(frozen=True, slots=True)
class _Step:
    copies: tuple[Copy, ...]
    rows: tuple[Row, ...]


def _steps(block: int, config: Any) -> Iterator[_Step]:
    """What a scheduler does, and what can go wrong there.

    Prompts of one and of two blocks, decoding, several tokens alone, a copied block, and a prompt in two
    parts beside a decoding row; and a text that is scored.
    """
    vocabulary, context = config.vocab_size, config.max_position_embeddings
    ids = itertools.cycle(4 + (place * 37 + 11) % (vocabulary - 4) for place in range(vocabulary))
    long = tuple(itertools.islice(ids, min(block + 9, context - 4)))
    short = tuple(itertools.islice(ids, 7))
    a, b, c, d, e = itertools.islice(ids, 5)
    yield _Step((), (Row((0, 1), 0, long, 1, 1), Row((2,), 0, short, 1, 1)))
    yield _Step((Copy(2, 3),), (Row((0, 1), len(long), (a,), 1, 1), Row((2,), len(short), (b,), 1, 1)))
    yield _Step((), (Row((0, 1), len(long) + 1, (c, d, e), 3, 1, 2), Row((3,), len(short), (a,), 1, 1)))
    if len(long) > block + 2:
        yield _Step((), (Row((3,), len(short) + 1, (c,), 1, 1), Row((5,), 0, long[:block])))
        yield _Step((), (Row((5, 4), block, long[block:], 1, 1),))


def _run(backend: Backend, steps: Sequence[_Step]) -> Logits:
    found = []
    for step in steps:
        backend.copy(step.copies)
        found.append(Logits(*(logits.clone() for logits in backend.forward(step.rows))))
    return Logits(*map(torch.cat, zip(*found, strict=True)))


def reference(excerpt: ModelExcerpt, block: int) -> Backend:
    """The torch backend with the same weights in float32; it adds no bias behind the head."""
    width = excerpt.config.d_model
    tensors = {EMBEDDING: excerpt.table.float(), HEAD: excerpt.head().dequantized()}
    tensors |= _plain_norm("model.layer_norm", width)
    for number in range(excerpt.config.num_layers):
        name, layer = f"model.layers.{number}", excerpt.layer(number)
        tensors |= _plain_norm(f"{name}.self_attn_layer_norm", width)
        tensors |= _plain_norm(f"{name}.final_layer_norm", width)
        for part, weight, bias in zip(
            "qkv", layer.project.dequantized().chunk(3), _bias(layer.project).chunk(3), strict=True
        ):
            tensors |= _affine(f"{name}.self_attn.{part}_proj", weight, bias)
        for place, product in (
            ("self_attn.out_proj", layer.output),
            ("fc1", layer.widen),
            ("fc2", layer.narrow),
        ):
            tensors |= _affine(f"{name}.{place}", product.dequantized(), _bias(product))
    return TorchBackend(excerpt.config, tensors, blocks=BLOCKS, block=block)


def _first(product: Int8Linear, rows: int) -> Int8Linear:
    bias = None if product.bias is None else product.bias[:rows].clone()
    return Int8Linear(product.weight[:rows].clone(), product.scale[:rows].clone(), bias)


def _bias(product: Int8Linear) -> Tensor:
    return torch.zeros(len(product.weight)) if product.bias is None else product.bias


def _plain_norm(name: str, width: int) -> dict[str, Tensor]:
    return _affine(name, torch.ones(width), torch.zeros(width))


def _affine(name: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    return {f"{name}.weight": weight, f"{name}.bias": bias.clone()}
