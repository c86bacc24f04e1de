"""What a worker would do on this machine, without loading anything. Importing this imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from bot.worker.backends.selection import OPENVINO, BackendSelection
from bot.worker.checkpoints.loader import (
    choose_device,
    choose_dtype,
    embedded_model,
    folder_of,
    free_memory,
    read_config,
)
from bot.worker.factory import default_threads, select
from bot.worker.memory import PUBLISHED, ModelSize, gpu_memory, int8_memory, kv_needed, torch_memory
from bot.worker.options import EngineOptions


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """What computes, with how many threads, and the bytes of memory needed and free; None where unknown."""

    selection: BackendSelection
    threads: int | None
    needed: int | None
    free: int | None


def estimate(options: EngineOptions) -> MemoryEstimate:
    """Look ahead. Of keys and values what they must have is counted; otherwise they take what is left.

    Raises:
        ConfigurationError: the options contradict each other or this machine.
        CheckpointError: there is no such device or dtype, or the model's folder holds no XGLM.
    """
    choice, size = select(options), _size(options.model)
    device = choose_device(options.device)
    if size is None:
        return MemoryEstimate(choice, options.threads, None, free_memory(device))
    itemsize = 1 if choice == OPENVINO else choose_dtype(options.dtype, device).itemsize
    kv_bytes = kv_needed(size.context_bytes(itemsize), options.kv_memory_mib)
    if choice == OPENVINO:
        needed = int8_memory(size, kv_bytes)
    elif device.type == "cuda":
        needed = gpu_memory(size, itemsize, kv_bytes)
    else:
        needed = torch_memory(size, itemsize, kv_bytes)
    return MemoryEstimate(choice, options.threads or default_threads(size), needed, free_memory(device))


def _size(model: str | None) -> ModelSize | None:
    """The model's figures; None for one on the hub that is not among the published."""
    folder = embedded_model() if model is None else folder_of(model)
    if folder.is_dir():
        return ModelSize.of(read_config(folder))
    return PUBLISHED.get(str(model))
