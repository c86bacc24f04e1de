"""An XGLM in eight bits: made of a checkpoint part by part, written to a folder, mapped from there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import XGLMConfig

from bot.domain.errors import CheckpointError
from bot.worker.checkpoints.int8 import ROWS, Int8Layer, Int8Linear, quantize
from bot.worker.checkpoints.progress import Progress
from bot.worker.checkpoints.safetensors_writer import TensorFile
from bot.worker.checkpoints.weights import EMBEDDING, HEAD, StoredTensors, WeightFiles, check_names

CONTENTS = "contents.json"
"""The files of a converted folder and their sizes in bytes; written last."""

_MAPPED_BYTES = 256 * 2**20
"""How much of a mapped file is looked at before it is mapped anew; opening a large `.bin` takes a while."""

_PRODUCTS = ("project", "output", "widen", "narrow")
_TABLE = "embedding"


class Quantizer:
    """Makes the parts of a model in eight bits out of a checkpoint's tensors, each when it is asked for."""

    def __init__(self, config: XGLMConfig, weights: WeightFiles) -> None:
        """Look at names and shapes.

        Raises:
            CheckpointError: a file cannot be read, or its tensors do not fit the configuration.
        """
        self.config = config
        self._stored = StoredTensors(weights)
        shapes = dict(self._stored.shapes)
        head = shapes.pop(HEAD, None)
        self._table = EMBEDDING if EMBEDDING in shapes else HEAD
        self._others = [HEAD] if head is not None and self._table != HEAD else []
        if head is not None:
            shapes.setdefault(EMBEDDING, head)
        check_names(shapes, config)
        self._norm = [tensor.clone() for tensor in self._stored.read(*_affine("model.layer_norm"))]

    def layer(self, number: int) -> Int8Layer:
        """One decoder layer.

        Raises:
            CheckpointError: its weights cannot be read, or are not finite.
        """
        name = f"model.layers.{number}"
        names = [stored for stored in self._stored.shapes if stored.startswith(f"{name}.")]
        tensors = dict(zip(names, self._stored.read(*names), strict=True))

        def made(*parts: str, norm: str | None = None) -> Int8Linear:
            weights = torch.cat([tensors[f"{name}.{part}.weight"] for part in parts])
            bias = torch.cat([tensors[f"{name}.{part}.bias"] for part in parts])
            affine = [tensors[one] for one in _affine(f"{name}.{norm}")] if norm else []
            return _checked(quantize(weights, bias, *affine), f"{name}.{parts[0]}")

        return Int8Layer(
            project=made(*(f"self_attn.{part}_proj" for part in "qkv"), norm="self_attn_layer_norm"),
            output=made("self_attn.out_proj"),
            widen=made("fc1", norm="final_layer_norm"),
            narrow=made("fc2"),
        )

    def head(self) -> Iterator[Int8Linear]:
        """The tied head in pieces of `ROWS` outputs; the last has what is left.

        Raises:
            CheckpointError: it cannot be read, is not finite, or is not tied.
        """
        for piece, *others in self._pieces(self._table, *self._others):
            if not all(torch.equal(piece, other) for other in others):
                raise CheckpointError(f"{HEAD} differs from {EMBEDDING}: an XGLM's head is tied to it")
            yield _checked(quantize(piece, None, *self._norm), self._table)

    def table(self, dtype: torch.dtype) -> Iterator[Tensor]:
        """The input embedding in pieces of `ROWS` rows."""
        for [piece] in self._pieces(self._table):
            yield piece.to(dtype)

    @cached_property
    def table_dtype(self) -> torch.dtype:
        """The narrowest type that loses nothing of the table: a float32 file often holds 16-bit numbers.

        float32 where none does: nothing is computed in more.
        """
        [table] = self._stored.read(self._table)
        narrow = (torch.bfloat16, torch.float16)
        if table.dtype in narrow:
            return table.dtype
        for dtype in narrow:
            pieces = self._pieces(self._table)
            if all(torch.equal(piece.to(dtype).to(piece.dtype), piece) for [piece] in pieces):
                return dtype
        return torch.float32

    @property
    def table_bytes(self) -> int:
        """What the input embedding takes in that type."""
        return self.config.vocab_size * self.config.d_model * self.table_dtype.itemsize

    def _pieces(self, *names: str) -> Iterator[list[Tensor]]:
        """Tensors of a row for each token, `ROWS` rows at a time."""
        tensors, seen = self._stored.read(*names), 0
        for first in range(0, self.config.vocab_size, ROWS):
            if seen > _MAPPED_BYTES:
                # What was looked at of a mapped file stays in memory until the mapping goes.
                del tensors
                tensors, seen = self._stored.read(*names), 0
            pieces = [tensor[first : first + ROWS] for tensor in tensors]
            seen += sum(piece.nbytes for piece in pieces)
            yield pieces
            del pieces


class InMemoryInt8Model:
    """A model in eight bits that is made anew at each start: `Int8Model` where nothing can be written."""

    def __init__(self, quantizer: Quantizer) -> None:
        self.config = quantizer.config
        shape = (self.config.vocab_size, self.config.d_model)
        self.table = torch.empty(shape, dtype=quantizer.table_dtype)
        pieces = quantizer.table(quantizer.table_dtype)
        for place, piece in zip(torch.split(self.table, ROWS), pieces, strict=True):
            place.copy_(piece)
        self._quantizer = quantizer

    def layer(self, number: int) -> Int8Layer:
        """One decoder layer, made now."""
        return self._quantizer.layer(number)

    def head(self) -> Int8Linear:
        """The tied head, made now."""
        pieces = list(self._quantizer.head())
        return Int8Linear(
            torch.cat([piece.weight for piece in pieces]),
            torch.cat([piece.scale for piece in pieces]),
            torch.cat([piece.bias for piece in pieces if piece.bias is not None]),
        )


class CachedInt8Model:
    """A model in eight bits in a folder made by `write`: `Int8Model` whose parts are mapped, not read."""

    def __init__(self, config: XGLMConfig, folder: Path) -> None:
        self.config = config
        self._folder = folder
        self.table = self._read(_TABLE)[_TABLE]

    def layer(self, number: int) -> Int8Layer:
        """One decoder layer."""
        found = self._read(_layer(number))
        return Int8Layer(**{name: _linear(found, name) for name in _PRODUCTS})

    def head(self) -> Int8Linear:
        """The tied head."""
        return _linear(self._read("head"), "head")

    def _read(self, part: str) -> dict[str, Tensor]:
        with safe_open(self._folder / _file(part), framework="pt", device="cpu") as stored:
            return {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118  it is no mapping


def write(quantizer: Quantizer, folder: Path, progress: Progress) -> None:
    """Write a model part by part into an empty folder.

    Raises:
        CheckpointError: the weights cannot be read, or are not what they should be.
        OSError: the folder cannot be written.
    """
    shape = quantizer.config
    table = shape.vocab_size * shape.d_model
    layer = (4 * shape.d_model + 2 * shape.ffn_dim) * shape.d_model
    total, done = 2 * table + shape.num_layers * layer, 0
    _write_table(quantizer, folder)
    progress((done := table) / total)
    for number in range(shape.num_layers):
        _write_layer(quantizer.layer(number), folder / _file(_layer(number)))
        progress((done := done + layer) / total)
    _write_head(quantizer, folder)
    sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    with (folder / CONTENTS).open("wb") as contents:
        contents.write(json.dumps(sizes, indent=1).encode())
        contents.flush()
        os.fsync(contents.fileno())
    progress(1.0)


def is_whole(folder: Path) -> bool:
    """Whether a folder holds all that `write` wrote, in files that can be opened."""
    try:
        sizes = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        return bool(sizes) and all(_is_sound(folder / name, size) for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _is_sound(file: Path, size: int) -> bool:
    """Whether a file has this size and a header that fits it."""
    try:
        # Opening checks that the header is one, and that its tensors end where the file ends.
        with safe_open(file, framework="pt", device="cpu"):
            return file.stat().st_size == size
    except SafetensorError:
        return False


def cached_size(config: XGLMConfig, weights: WeightFiles) -> int:
    """Bytes on disk that `write` takes at most; a little more than that."""
    table = config.vocab_size * config.d_model
    layers = config.num_layers * (4 * config.d_model + 2 * config.ffn_dim) * config.d_model
    # The table stays as wide as it is stored; a channel's scale and bias are a thousandth of its weights.
    return int((table + layers) * 1.02) + min(4 * table, weights.size)


def _write_table(quantizer: Quantizer, folder: Path) -> None:
    shape, dtype = (quantizer.config.vocab_size, quantizer.config.d_model), quantizer.table_dtype
    with TensorFile(folder / _file(_TABLE), {_TABLE: (dtype, shape)}) as file:
        for number, piece in enumerate(quantizer.table(dtype)):
            file.write(_TABLE, piece, number * ROWS)


def _write_layer(layer: Int8Layer, path: Path) -> None:
    parts = {
        f"{name}.{part}": tensor
        for name in _PRODUCTS
        for part, tensor in _parts(getattr(layer, name)).items()
    }
    parts = dict(sorted(parts.items(), key=lambda part: -part[1].element_size()))
    with TensorFile(path, {name: (part.dtype, tuple(part.shape)) for name, part in parts.items()}) as file:
        for name, part in parts.items():
            file.write(name, part)


def _write_head(quantizer: Quantizer, folder: Path) -> None:
    rows, width = quantizer.config.vocab_size, quantizer.config.d_model
    with TensorFile(
        folder / _file("head"),
        {
            "head.scale": (torch.float32, (rows, 1)),
            "head.bias": (torch.float32, (rows,)),
            "head.weight": (torch.uint8, (rows, width)),
        },
    ) as file:
        for number, piece in enumerate(quantizer.head()):
            for part, tensor in _parts(piece).items():
                file.write(f"head.{part}", tensor, number * ROWS)


def _parts(linear: Int8Linear) -> dict[str, Tensor]:
    parts = {"scale": linear.scale, "bias": linear.bias, "weight": linear.weight}
    return {name: part for name, part in parts.items() if part is not None}


def _linear(found: dict[str, Tensor], name: str) -> Int8Linear:
    return Int8Linear(found[f"{name}.weight"], found[f"{name}.scale"], found.get(f"{name}.bias"))


def _checked(made: Int8Linear, name: str) -> Int8Linear:
    # The sum is not finite where one of them is not.
    if not math.isfinite(made.scale.sum() + (0 if made.bias is None else made.bias.sum())):
        raise CheckpointError(f"{name} has numbers that are not finite")
    return made


def _affine(name: str) -> tuple[str, str]:
    return f"{name}.weight", f"{name}.bias"


def _layer(number: int) -> str:
    return f"layer-{number:03}"


def _file(part: str) -> str:
    return f"{part}.safetensors"
