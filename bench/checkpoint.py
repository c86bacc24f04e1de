"""Checkpoints of a published shape with random weights, written straight to disk."""

from __future__ import annotations

import json
import math
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.fillers import fillers
from bench.shapes import GIB, Shape

WEIGHTS = "model.safetensors"
SPREAD = 0.02
"""Standard deviation of the weights, as XGLM is initialised."""

SURENESS = 4.3
"""Standard deviation of the logits. With it 1,024 of 256,008 tokens have 95 % of the probability, as with a
trained model; with that of a fresh one all tokens are alike, and a sampler does what it never has to.
"""

AT_ONCE = 8 * 2**20
"""Numbers drawn at a time."""

UNLIKELY = -100.0
"""The score of a piece that is never taken."""

SPARE_BYTES = GIB

Layout = dict[str, tuple[int, ...]]


def random_checkpoint(shape: Shape, scratch: Path, pieces: Path) -> Path:
    """The folder of a checkpoint under `scratch`; found there when it was made before.

    Args:
        shape: what to make.
        scratch: where; it needs two bytes a weight.
        pieces: a tokenizer.json, filled up to the shape's vocabulary with pieces of many scripts.

    Raises:
        OSError: there is no room for it.
    """
    folder = scratch / shape.name
    if folder.is_dir():
        return folder
    scratch.mkdir(parents=True, exist_ok=True)
    need_room(scratch, shape.checkpoint_bytes + SPARE_BYTES)
    unfinished = folder.with_name(f"{shape.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    (unfinished / "config.json").write_text(json.dumps(config(shape), indent=1), encoding="utf-8")
    filled = filled_tokenizer(json.loads(pieces.read_text(encoding="utf-8")), shape.vocabulary)
    (unfinished / "tokenizer.json").write_text(json.dumps(filled, ensure_ascii=False), encoding="utf-8")
    write_weights(shape, unfinished / WEIGHTS)
    unfinished.rename(folder)
    return folder


def need_room(folder: Path, size: int) -> None:
    """Raise OSError where the disk of `folder` has less than `size` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(f"{folder} has {free / GIB:.1f} GiB left, and {size / GIB:.1f} GiB are needed")


def config(shape: Shape) -> dict[str, Any]:
    """The checkpoint's config.json."""
    return {
        "model_type": "xglm",
        "architectures": ["XGLMForCausalLM"],
        "vocab_size": shape.vocabulary,
        "d_model": shape.width,
        "ffn_dim": shape.inner,
        "num_layers": shape.layers,
        "attention_heads": shape.heads,
        "max_position_embeddings": shape.context,
        "activation_function": "gelu",
        "scale_embedding": True,
        "tie_word_embeddings": True,
        "dtype": "float16",
    }


def layout(shape: Shape) -> Layout:
    """Every tensor's name and shape, in the order in which they are written."""
    width, inner = shape.width, shape.inner
    tensors: Layout = {"model.embed_tokens.weight": (shape.vocabulary, width)}
    for number in range(shape.layers):
        layer = f"model.layers.{number}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            tensors |= _affine(f"{layer}.self_attn.{name}", (width, width))
        tensors |= _affine(f"{layer}.self_attn_layer_norm", (width,))
        tensors |= _affine(f"{layer}.fc1", (inner, width))
        tensors |= _affine(f"{layer}.fc2", (width, inner))
        tensors |= _affine(f"{layer}.final_layer_norm", (width,))
    return tensors | _affine("model.layer_norm", (width,))


def write_weights(shape: Shape, file: Path, seed: int = 0) -> None:
    """Write a safetensors file of float16, never more than a few megabytes of it in memory."""
    tensors = layout(shape)
    random = np.random.default_rng(seed)
    with file.open("wb") as out:
        out.write(_header(tensors))
        for name, sizes in tensors.items():
            for part in _values(name, sizes, shape, random):
                out.write(part.tobytes())


def filled_tokenizer(tokenizer: dict[str, Any], size: int) -> dict[str, Any]:
    """A tokenizer.json with pieces of many scripts behind its own: `size` tokens in all.

    They are so unlikely that a text is hardly ever read as one of them.
    """
    vocabulary = tokenizer["model"]["vocab"]
    behind = [token for token in tokenizer["added_tokens"] if token["id"] >= len(vocabulary)]
    missing = size - len(vocabulary) - len(behind)
    moved = [
        token | {"id": token["id"] + missing} if token in behind else token
        for token in tokenizer["added_tokens"]
    ]
    more = fillers(missing, frozenset(piece for piece, _ in vocabulary))
    filled = [*vocabulary, *([piece, UNLIKELY] for piece in more)]
    return tokenizer | {"added_tokens": moved, "model": tokenizer["model"] | {"vocab": filled}}


def _affine(name: str, weight: tuple[int, ...]) -> Layout:
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}


def _header(tensors: Layout) -> bytes:
    """Length, then names, places and sizes: https://github.com/huggingface/safetensors#format."""
    described: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    begin = 0
    for name, sizes in tensors.items():
        end = begin + 2 * math.prod(sizes)
        described[name] = {"dtype": "F16", "shape": sizes, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(described).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _values(
    name: str, sizes: tuple[int, ...], shape: Shape, random: np.random.Generator
) -> Iterator[npt.NDArray[np.float16]]:
    if len(sizes) == 1:
        yield np.full(sizes, _constant(name, shape), np.float16)
        return
    left = math.prod(sizes)
    while left:
        count = min(left, AT_ONCE)
        yield (random.standard_normal(count, np.float32) * SPREAD).astype(np.float16)
        left -= count


def _constant(name: str, shape: Shape) -> float:
    if name.endswith(".bias"):
        return 0.0
    # A normalised state times the tied table has logits spread by SPREAD * sqrt(width).
    return SURENESS / (SPREAD * math.sqrt(shape.width)) if name == "model.layer_norm.weight" else 1.0
