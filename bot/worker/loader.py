"""Loads any XGLM checkpoint: a hub name, or a folder with the published layout."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import XGLMConfig

from bot.errors import CheckpointError
from bot.worker.conversion import load_tokenizer
from bot.worker.hub import fetch, is_hub_name
from bot.worker.memory import available_memory, gib
from bot.worker.weights import (
    EMBEDDING,
    HEAD,
    WeightFiles,
    check_names,
    expected_shapes,
    find_weights,
    needs_whole_file,
    read_tensors,
)

Progress = Callable[[float], None]

DTYPES = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float16": torch.float16,
    "fp16": torch.float16,
}
PIECE_BYTES = 2_000
"""What a piece of the vocabulary takes in the tokenizer: 0.5 GiB for 256,000, measured."""

FETCHING = 0.7
"""The part of the progress that fetching from the hub takes; the rest is loading."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded checkpoint.

    `tensors` has transformers' parameter names (`XGLMForCausalLM.named_parameters()`), all of one dtype, on
    one device. The head is tied: it is `model.embed_tokens.weight` and has no entry of its own. `tokenizer`
    is plain (see `bot.worker.vocabulary`): it adds no controls and reads typed ones as text.
    """

    name: str
    config: XGLMConfig
    tensors: dict[str, Tensor]
    tokenizer: Tokenizer


def embedded_model() -> Path:
    """The folder of the checkpoint that comes with the package."""
    return Path(str(files("bot").joinpath("models", "tsuzuki-ja")))


def load_checkpoint(
    name_or_folder: str | Path,
    *,
    dtype: str = "auto",
    device: str = "auto",
    progress: Progress = lambda _: None,
    memory: Callable[[], int | None] = available_memory,
) -> Checkpoint:
    """Load config, tokenizer and tensors, every tensor converted to one dtype.

    Args:
        name_or_folder: a folder, or a name on the hub such as `facebook/xglm-564M`.
        dtype: `auto` (float32 on a CPU; bfloat16, else float16, on a GPU), `float32`, `bfloat16`, `float16`.
        device: `auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`.
        progress: called with growing figures from 0 to 1.
        memory: tells how many bytes the CPU has free, or None.

    Raises:
        CheckpointError: it is missing, of another kind, incomplete, or too big; the message says which.
        TokenizerError: its tokenizer is missing, a dummy or another one's.
    """
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    progress(0.0)
    folder, begin = _folder(name_or_folder, progress)
    config = read_config(folder)
    weights = find_weights(folder)
    _check_memory(config, weights, kind, memory if place.type == "cpu" else lambda: _free_on(place))
    tokenizer = load_tokenizer(folder, config.vocab_size)
    tensors = _load(config, weights, kind, place, lambda part: progress(begin + (1 - begin) * part))
    progress(1.0)
    return Checkpoint(_name(name_or_folder, folder), config, tensors, tokenizer)


def choose_device(device: str) -> torch.device:
    """The device to compute on. Raises CheckpointError where it is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise CheckpointError(f"no device is called {device!r}; use auto, cpu or cuda") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise CheckpointError(f"{device} was asked for, and torch finds no GPU here")
    return chosen


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The dtype to load as. bfloat16 before float16: XGLM's activations can overflow float16."""
    if dtype == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if dtype not in DTYPES:
        raise CheckpointError(f"no dtype is called {dtype!r}; use auto, {', '.join(DTYPES)}")
    return DTYPES[dtype]


def read_config(folder: Path) -> XGLMConfig:
    """The configuration of a checkpoint folder.

    Raises:
        CheckpointError: config.json is missing, or it is not an XGLM's.
    """
    file = folder / "config.json"
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} has no config.json") from error
    except ValueError as error:
        raise CheckpointError(f"{file} is not JSON: {error}") from error
    kind = described.get("model_type") if isinstance(described, dict) else None
    if kind != "xglm":
        raise CheckpointError(f"{file} describes a model of type {kind!r}; Tsuzuki loads xglm only")
    try:
        config: XGLMConfig = XGLMConfig.from_dict(described)
    except Exception as error:
        raise CheckpointError(f"{file} is no valid XGLM configuration: {error}") from error
    if config.d_model % config.attention_heads:
        raise CheckpointError(f"{file}: {config.attention_heads} heads cannot share {config.d_model} units")
    if config.add_cross_attention:
        raise CheckpointError(f"{file} asks for cross-attention, which needs an encoder")
    return config


def _folder(name_or_folder: str | Path, progress: Progress) -> tuple[Path, float]:
    """The local folder, and how much of the progress getting it took."""
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir():
        return folder, 0.0
    if not is_hub_name(str(name_or_folder)):
        raise CheckpointError(f"there is no folder {folder}, and a hub name looks like facebook/xglm-564M")
    return fetch(str(name_or_folder), lambda part: progress(FETCHING * part)), FETCHING


def _name(name_or_folder: str | Path, folder: Path) -> str:
    return folder.resolve().name if Path(name_or_folder).expanduser().is_dir() else str(name_or_folder)


def _check_memory(
    config: XGLMConfig, weights: WeightFiles, dtype: torch.dtype, memory: Callable[[], int | None]
) -> None:
    shapes = [math.prod(shape) for shape in expected_shapes(config).values()]
    # One whole copy in the wanted dtype, and the largest tensor once more as it is read.
    needed = sum(shapes) * dtype.itemsize + max(shapes) * torch.float32.itemsize
    needed += config.vocab_size * PIECE_BYTES
    needed += max((file.stat().st_size for file in weights.files if needs_whole_file(file)), default=0)
    free = memory()
    if free is not None and free < needed:
        wanted = str(dtype).removeprefix("torch.")
        raise CheckpointError(
            f"loading as {wanted} takes about {gib(needed)} of memory and {gib(free)} is free; "
            "free some, choose a dtype of two bytes (bfloat16) or a smaller checkpoint"
        )


def _free_on(device: torch.device) -> int:
    free, _ = torch.cuda.mem_get_info(device)
    return free


def _load(
    config: XGLMConfig, weights: WeightFiles, dtype: torch.dtype, device: torch.device, progress: Progress
) -> dict[str, Tensor]:
    total = sum(math.prod(shape) for shape in expected_shapes(config).values())
    tensors: dict[str, Tensor] = {}
    done = 0
    for name, stored in read_tensors(weights):
        if name == HEAD and EMBEDDING in tensors:
            _check_tied(stored, tensors[EMBEDDING])
            continue
        tensors[name] = stored.to(device=device, dtype=dtype)
        done += stored.numel()
        progress(min(1.0, done / total))
    head = tensors.pop(HEAD, None)
    if head is not None:
        _check_tied(head, tensors.setdefault(EMBEDDING, head))
    check_names({name: tensor.shape for name, tensor in tensors.items()}, config)
    return tensors


def _check_tied(head: Tensor, embedding: Tensor) -> None:
    if head is not embedding and not torch.equal(head.to(embedding), embedding):
        raise CheckpointError(f"{HEAD} differs from {EMBEDDING}: an XGLM's head is tied to its embedding")
