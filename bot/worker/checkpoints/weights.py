"""The tensors of a checkpoint folder, one by one, under transformers' parameter names."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import XGLMConfig

from bot.domain.errors import CheckpointError

SAFETENSORS = "model.safetensors"
BIN = "pytorch_model.bin"
EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"

_STRAY = {"model.embed_positions.weights", "model.embed_positions._float_tensor"}
"""Position tables that older checkpoints hold. They are computed, never read."""

_NAMED = 5
"""Tensors that an error names before it counts the others."""


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The files that hold the tensors."""

    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Bytes of all files. Raises CheckpointError."""
        return sum(_size(file) for file in self.files)

    @property
    def whole(self) -> tuple[int, ...]:
        """Bytes of each file that can only be read at once. Raises CheckpointError."""
        return tuple(_size(file) for file in self.files if needs_whole_file(file))


def find_weights(folder: Path) -> WeightFiles:
    """The weight files of a folder, safetensors before pickles.

    Raises:
        CheckpointError: there are none, or a shard that the index lists is missing.
    """
    for name in (SAFETENSORS, BIN):
        if (folder / name).is_file():
            return WeightFiles((folder / name,))
        index = folder / f"{name}.index.json"
        if index.is_file():
            return WeightFiles(_shards(index))
    raise CheckpointError(f"{folder} has neither {SAFETENSORS} nor {BIN}, whole or sharded")


def expected_shapes(config: XGLMConfig) -> dict[str, tuple[int, ...]]:
    """Every parameter of an XGLM and its shape; not the head, which is tied to the embedding."""
    width, inner = config.d_model, config.ffn_dim
    linears = {f"self_attn.{part}": (width, width) for part in ("q_proj", "k_proj", "v_proj", "out_proj")}
    linears |= {"fc1": (inner, width), "fc2": (width, inner)}
    shapes: dict[str, tuple[int, ...]] = {EMBEDDING: (config.vocab_size, width)}
    for layer in range(config.num_layers):
        for name, shape in linears.items():
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
            shapes[f"model.layers.{layer}.{name}.bias"] = shape[:1]
        for name in ("self_attn_layer_norm", "final_layer_norm"):
            shapes |= {f"model.layers.{layer}.{name}.{part}": (width,) for part in ("weight", "bias")}
    return shapes | {f"model.layer_norm.{part}": (width,) for part in ("weight", "bias")}


def read_tensors(weights: WeightFiles) -> Iterator[tuple[str, Tensor]]:
    """Each tensor as it is stored, under its transformers name, without what is computed anyway.

    Only one tensor is in memory at a time, unless the file is of torch's old format.

    Raises:
        CheckpointError: a file cannot be read.
    """
    for file in weights.files:
        with reading(file):
            tensors = _safetensors(file) if file.suffix == ".safetensors" else _pickled(file)
            for key, tensor in tensors:
                name = _name(key)
                if name not in _STRAY:
                    yield name, tensor


class StoredTensors:
    """A checkpoint's tensors under their transformers names, read in any order.

    Each reading maps its files anew, so that what a reader lets go of is no longer in memory. A file of
    torch's old format cannot be mapped: it stays in memory as a whole.
    """

    def __init__(self, weights: WeightFiles) -> None:
        """Find where each tensor lies.

        Raises:
            CheckpointError: a file cannot be read.
        """
        self._whole = {file: self._load(file) for file in weights.files if needs_whole_file(file)}
        self._places: dict[str, tuple[Path, str]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        for file in weights.files:
            for key, tensor in self._open(file, None).items():
                name = _name(key)
                if name not in _STRAY:
                    self._places[name] = (file, key)
                    self.shapes[name] = tuple(tensor.shape)

    def read(self, *names: str) -> list[Tensor]:
        """These tensors as they are stored: views of the mapped file, read where they are looked at.

        Raises:
            CheckpointError: a file cannot be read.
        """
        keys: dict[Path, list[str]] = {}
        for name in names:
            file, key = self._places[name]
            keys.setdefault(file, []).append(key)
        found = {file: self._open(file, wanted) for file, wanted in keys.items()}
        return [found[file][key] for file, key in (self._places[name] for name in names)]

    def _open(self, file: Path, keys: Iterable[str] | None) -> dict[str, Tensor]:
        if file in self._whole:
            return self._whole[file]
        return self._load(file, keys)

    def _load(self, file: Path, keys: Iterable[str] | None = None) -> dict[str, Tensor]:
        with reading(file):
            if file.suffix != ".safetensors":
                return dict(_pickled(file))
            with safe_open(file, framework="pt", device="cpu") as stored:
                return {key: stored.get_tensor(key) for key in keys or stored.keys()}


def check_names(found: Mapping[str, Sequence[int]], config: XGLMConfig) -> None:
    """Compare names and shapes with the configuration's.

    Raises:
        CheckpointError: tensors are missing, unexpected, or of another shape; it names them.
    """
    expected = expected_shapes(config)
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    misshapen = [
        f"{name} is {tuple(found[name])}, not {shape}"
        for name, shape in expected.items()
        if name in found and tuple(found[name]) != shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    found_faults = [f"{fault}: {_list(names)}" for fault, names in faults.items() if names]
    if found_faults:
        raise CheckpointError(f"the tensors do not fit config.json; {'; '.join(found_faults)}")


def needs_whole_file(file: Path) -> bool:
    """Whether torch has to read all of the file at once: its format is older than zip.

    Raises:
        CheckpointError: the file cannot be read.
    """
    return file.suffix != ".safetensors" and not _is_zip(file)


def _shards(index: Path) -> tuple[Path, ...]:
    try:
        with reading(index):
            described = index.read_text(encoding="utf-8")
        names = sorted(set(json.loads(described)["weight_map"].values()))
    except (ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{index} is no index of shards") from error
    shards = tuple(index.parent / name for name in names)
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise CheckpointError(f"{index.parent} lacks {_list(missing)}")
    return shards


def _safetensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    with safe_open(file, framework="pt", device="cpu") as stored:
        for key in stored.keys():  # noqa: SIM118  it is no mapping
            yield key, stored.get_tensor(key)


def _pickled(file: Path) -> Iterator[tuple[str, Tensor]]:
    tensors = torch.load(file, map_location="cpu", weights_only=True, mmap=_is_zip(file))
    if not isinstance(tensors, dict):
        raise CheckpointError(f"{file} holds no dictionary of tensors")
    for key in list(tensors):
        tensor = tensors.pop(key)
        if not (isinstance(key, str) and isinstance(tensor, Tensor)):
            raise CheckpointError(
                f"{file} holds more than tensors: {key!r} is of type {type(tensor).__name__}"
            )
        # What was saved as a parameter would be one here: torch would record what is computed with it.
        yield key, tensor.detach()


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a checkpoint's file is read into a CheckpointError that names it."""
    try:
        yield
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error


def _is_zip(file: Path) -> bool:
    with reading(file), file.open("rb") as opened:
        return opened.read(2) == b"PK"


def _size(file: Path) -> int:
    with reading(file):
        return file.stat().st_size


def _name(key: str) -> str:
    return key if key.startswith(("model.", "lm_head.")) else f"model.{key}"


def _list(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
