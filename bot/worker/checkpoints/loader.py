"""Loads any XGLM checkpoint: a hub name, or a folder with the published layout."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import structlog
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import XGLMConfig

from bot.domain.errors import CheckpointError
from bot.worker.backends.cuda import cuda_trouble
from bot.worker.backends.selection import openvino_trouble
from bot.worker.checkpoints.hub import fetch, is_hub_name
from bot.worker.checkpoints.progress import Progress
from bot.worker.checkpoints.tokenizer_loader import load_tokenizer
from bot.worker.checkpoints.weights import (
    EMBEDDING,
    HEAD,
    WeightFiles,
    check_names,
    expected_shapes,
    find_weights,
    read_tensors,
)
from bot.worker.memory import (
    LoadingPlan,
    MemoryBudget,
    ModelSize,
    available_memory,
    gpu_plan,
    int8_plan,
    reading_memory,
    torch_plan,
)

DTYPES = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float16": torch.float16,
    "fp16": torch.float16,
}

_ROWS_COMPARED = 4_096


@dataclass(frozen=True, slots=True)
class CheckpointSource:
    """A checkpoint that was found here, its weights not yet read."""

    name: str
    folder: Path
    config: XGLMConfig
    weights: WeightFiles

    @property
    def size(self) -> ModelSize:
        """The figures that its memory depends on."""
        return ModelSize.of(self.config)

    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, read now. Raises TokenizerError."""
        return load_tokenizer(self.folder, self.config.vocab_size)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded checkpoint.

    `tensors` has transformers' parameter names (`XGLMForCausalLM.named_parameters()`), all of one dtype, on
    one device. The head is tied: it is `model.embed_tokens.weight` and has no entry of its own. `tokenizer`
    is plain (see `bot.worker.text.vocabulary`): it adds no controls and reads typed ones as text.
    """

    name: str
    config: XGLMConfig
    tensors: dict[str, Tensor]
    tokenizer: Tokenizer


def embedded_model() -> Path:
    """The folder of the checkpoint that comes with the package."""
    return Path(str(files("bot").joinpath("models", "tsuzuki-ja")))


def folder_of(name_or_folder: str | Path) -> Path:
    """The folder that is meant, if one is.

    Raises:
        CheckpointError: it is in the home of somebody who has none.
    """
    try:
        return Path(name_or_folder).expanduser()
    except RuntimeError as error:
        raise CheckpointError(f"nobody knows whose home is meant in {name_or_folder}") from error


def is_here(name_or_folder: str | Path) -> bool:
    """Whether it is a folder, so that nothing has to be fetched. Raises CheckpointError."""
    return folder_of(name_or_folder).is_dir()


def find_checkpoint(name_or_folder: str | Path, progress: Progress = lambda _: None) -> CheckpointSource:
    """Find a checkpoint, fetching it from the hub where it is not here. `progress` is of the fetching.

    Raises:
        CheckpointError: it is missing, of another kind or incomplete; the message says which.
    """
    folder = folder_of(name_or_folder)
    if folder.is_dir():
        name = folder.resolve().name
    elif is_hub_name(str(name_or_folder)):
        name = str(name_or_folder)
        folder = fetch(name, progress)
    else:
        raise CheckpointError(f"there is no folder {folder}, and a hub name looks like facebook/xglm-564M")
    config = read_config(folder)
    return CheckpointSource(name, folder, config, find_weights(folder))


def read_checkpoint(
    source: CheckpointSource,
    *,
    dtype: str = "auto",
    device: str = "auto",
    kv_memory_mib: int | None = None,
    int8: bool = True,
    progress: Progress = lambda _: None,
    memory: Callable[[], int | None] = available_memory,
) -> Checkpoint:
    """Read a checkpoint that was found for torch, every tensor converted to one dtype.

    Args:
        source: the checkpoint.
        dtype: `auto` (float32 on a CPU; bfloat16, else float16, on a GPU), `float32`, `bfloat16`, `float16`.
        device: `auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`.
        kv_memory_mib: what keys and values are to have; None: at least one context's.
        int8: where memory does not do, whether OpenVINO may be advised, if this machine has it.
        progress: called with growing figures from 0 to 1.
        memory: tells how many bytes the CPU has free, or None.

    Raises:
        CheckpointError: it cannot be read, does not fit its configuration, or is too big.
        TokenizerError: its tokenizer is missing, a dummy or another one's.
    """
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    if place.type == "cuda":
        _check_gpu_memory(source, kind, MemoryBudget(free_memory(place), kv_memory_mib, f"memory on {place}"))
        _check_reading_memory(source, kind, MemoryBudget(memory()))
    else:
        _check_memory(source, kind, MemoryBudget(memory(), kv_memory_mib), int8=int8)
    tokenizer = source.tokenizer()
    progress(0.0)
    tensors = _load(source.config, source.weights, kind, place, progress)
    progress(1.0)
    return Checkpoint(source.name, source.config, tensors, tokenizer)


def choose_device(device: str, trouble: Callable[[torch.device], str | None] = cuda_trouble) -> torch.device:
    """The device to compute on. Raises CheckpointError where it is not there.

    `trouble`: why a GPU that torch finds cannot be used; `auto` takes the processor then.
    """
    if device == "auto":
        return _automatic_device(trouble)
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise CheckpointError(f"no device is called {device!r}; use auto, cpu or cuda") from error
    if chosen.type not in {"cpu", "cuda"}:
        raise CheckpointError(f"Tsuzuki does not compute on {device!r}; use auto, cpu or cuda")
    if chosen.type == "cuda":
        _check_gpu(device, chosen.index or 0)
    return chosen


def _automatic_device(trouble: Callable[[torch.device], str | None]) -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    gpu = torch.device("cuda")
    reason = trouble(gpu)
    if reason is None:
        return gpu
    structlog.get_logger().warning("the GPU is not used: the processor computes instead", reason=reason)
    return torch.device("cpu")


def _check_gpu(device: str, index: int) -> None:
    if not torch.cuda.is_available():
        raise CheckpointError(f"{device} was asked for, and torch finds no GPU here")
    count = torch.cuda.device_count()
    if index >= count:
        raise CheckpointError(f"{device} was asked for, and the last GPU here is cuda:{count - 1}")


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The dtype to load as. bfloat16 before float16: XGLM's activations can overflow float16."""
    if dtype == "auto":
        if device.type != "cuda":
            return torch.float32
        # torch answers for the device that is the current one.
        with torch.cuda.device(device):
            bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if bfloat16 else torch.float16
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
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error
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


def _check_memory(source: CheckpointSource, dtype: torch.dtype, budget: MemoryBudget, *, int8: bool) -> None:
    size, whole = source.size, max(source.weights.whole, default=0)

    def plan(kind: torch.dtype) -> LoadingPlan:
        kv_bytes = budget.kv_bytes(size.context_bytes(kind.itemsize))
        return torch_plan(_name(kind), kind.itemsize, size, kv_bytes, whole)

    def plans() -> Iterator[LoadingPlan]:
        if dtype.itemsize > torch.bfloat16.itemsize:
            yield plan(torch.bfloat16)
        if int8 and openvino_trouble() is None:
            yield int8_plan(size, budget.kv_bytes(size.context_bytes(1)))

    budget.check(plan(dtype), size, lambda: tuple(plans()))


def _check_gpu_memory(source: CheckpointSource, dtype: torch.dtype, budget: MemoryBudget) -> None:
    size = source.size

    def plan(kind: torch.dtype) -> LoadingPlan:
        kv_bytes = budget.kv_bytes(size.context_bytes(kind.itemsize))
        return gpu_plan(_name(kind), kind.itemsize, size, kv_bytes)

    wide = dtype.itemsize > torch.bfloat16.itemsize
    budget.check(plan(dtype), size, lambda: (plan(torch.bfloat16),) if wide else ())


def _check_reading_memory(source: CheckpointSource, dtype: torch.dtype, budget: MemoryBudget) -> None:
    whole = max(source.weights.whole, default=0)
    plan = LoadingPlan(f"{_name(dtype)} for a GPU", reading_memory(source.size, whole), reading_memory)
    budget.check(plan, source.size)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


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
    # In parts: on a GPU a second whole table would have to fit for a moment.
    parts = zip(torch.split(head, _ROWS_COMPARED), torch.split(embedding, _ROWS_COMPARED), strict=False)
    same = head.shape == embedding.shape and all(torch.equal(a.to(b), b) for a, b in parts)
    if head is not embedding and not same:
        raise CheckpointError(f"{HEAD} differs from {EMBEDDING}: an XGLM's head is tied to its embedding")
