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
from bot.worker.memory import Size, available_memory, int8_memory, too_little, torch_memory
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
FETCHING = 0.7
"""The part of the progress that fetching from the hub takes; the rest is loading."""


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint that was found here, its weights not yet read."""

    name: str
    folder: Path
    config: XGLMConfig
    weights: WeightFiles

    @property
    def size(self) -> Size:
        """The figures that its memory depends on."""
        return Size.of(self.config)

    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, read now. Raises TokenizerError."""
        return load_tokenizer(self.folder, self.config.vocab_size)


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
    begin = 0.0 if is_here(name_or_folder) else FETCHING
    # Before anything is fetched: what is not there, or called otherwise, is said at once.
    choose_dtype(dtype, choose_device(device))
    progress(0.0)
    source = find_checkpoint(name_or_folder, lambda part: progress(begin * part))
    return read_checkpoint(
        source,
        dtype=dtype,
        device=device,
        progress=lambda part: progress(begin + (1 - begin) * part),
        memory=memory,
    )


def is_here(name_or_folder: str | Path) -> bool:
    """Whether it is a folder, so that nothing has to be fetched."""
    return Path(name_or_folder).expanduser().is_dir()


def find_checkpoint(name_or_folder: str | Path, progress: Progress = lambda _: None) -> Source:
    """Find a checkpoint, fetching it from the hub where it is not here. `progress` is of the fetching.

    Raises:
        CheckpointError: it is missing, of another kind or incomplete; the message says which.
    """
    folder = Path(name_or_folder).expanduser()
    if is_here(name_or_folder):
        name = folder.resolve().name
    elif is_hub_name(str(name_or_folder)):
        name = str(name_or_folder)
        folder = fetch(name, progress)
    else:
        raise CheckpointError(f"there is no folder {folder}, and a hub name looks like facebook/xglm-564M")
    config = read_config(folder)
    return Source(name, folder, config, find_weights(folder))


def read_checkpoint(
    source: Source,
    *,
    dtype: str = "auto",
    device: str = "auto",
    progress: Progress = lambda _: None,
    memory: Callable[[], int | None] = available_memory,
) -> Checkpoint:
    """Read a checkpoint that was found, as `load_checkpoint` does.

    Raises:
        CheckpointError, TokenizerError
    """
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    _check_memory(source, kind, place, memory if place.type == "cpu" else lambda: free_memory(place))
    tokenizer = source.tokenizer()
    tensors = _load(source.config, source.weights, kind, place, progress)
    progress(1.0)
    return Checkpoint(source.name, source.config, tensors, tokenizer)


def check_int8_memory(source: Source, kv_bytes: int, free: int | None) -> None:
    """Raise CheckpointError where a checkpoint does not fit `free` bytes in eight bits."""
    needed = int8_memory(source.size, kv_bytes)
    if free is not None and free < needed:
        raise CheckpointError(too_little("int8", needed, free, {}, source.size))


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


def _check_memory(
    source: Source, dtype: torch.dtype, device: torch.device, memory: Callable[[], int | None]
) -> None:
    size, free = source.size, memory()
    whole = max((file.stat().st_size for file in source.weights.files if needs_whole_file(file)), default=0)
    needed = torch_memory(size, dtype.itemsize, whole)
    if free is None or free >= needed:
        return
    others = {}
    if dtype.itemsize > torch.bfloat16.itemsize:
        others["bfloat16"] = torch_memory(size, torch.bfloat16.itemsize, whole)
    if device.type == "cpu":
        others["int8"] = int8_memory(size, 0)
    raise CheckpointError(too_little(str(dtype).removeprefix("torch."), needed, free, others, size))


def free_memory(device: torch.device) -> int | None:
    """Bytes that can be had on a device; None where nothing tells."""
    if device.type != "cuda":
        return available_memory()
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
