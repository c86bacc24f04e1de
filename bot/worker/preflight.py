"""What a worker would do on this machine, without loading anything. Importing this imports torch."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from bot.domain.errors import TokenizerError
from bot.worker.backends.selection import OPENVINO, BackendSelection
from bot.worker.checkpoints.loader import (
    choose_device,
    choose_dtype,
    embedded_model,
    folder_of,
    free_memory,
    read_config,
)
from bot.worker.checkpoints.output_vocabulary_cache import SMALL_VOCABULARY, output_vocabulary
from bot.worker.checkpoints.quantized_cache import cache_folder
from bot.worker.checkpoints.tokenizer_loader import load_tokenizer
from bot.worker.factory import default_threads, select
from bot.worker.memory import PUBLISHED, ModelSize, gpu_memory, int8_memory, kv_needed, torch_memory
from bot.worker.options import EngineOptions
from bot.worker.text.languages import Languages

FEW_LANGUAGES, EXPECTED_SHARE = 2, 3
"""Of a checkpoint that is not here yet: what two languages need is at most a third of what is published for
thirty, by an estimate (docs/benchmarks.md)."""


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
    choice, size = select(options), _size(options)
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


def _size(options: EngineOptions) -> ModelSize | None:
    """The model's figures; None for one on the hub that is not among the published."""
    folder = embedded_model() if options.model is None else folder_of(options.model)
    languages = Languages(options.languages)
    if not folder.is_dir():
        size = PUBLISHED.get(str(options.model))
        few = size is None or languages.everything or len(languages.names) > FEW_LANGUAGES
        return size if size is None or few else replace(size, outputs=size.vocabulary // EXPECTED_SHARE)
    config = read_config(folder)
    size = ModelSize.of(config)
    if languages.everything or size.vocabulary <= SMALL_VOCABULARY:
        return size
    try:
        tokenizer = load_tokenizer(folder, size.vocabulary)
    except TokenizerError:
        return size  # what is wrong with it is said when it is loaded
    cache = cache_folder(options.cache, os.environ)
    chosen = output_vocabulary(folder, tokenizer, size.vocabulary, languages, cache)
    return replace(size, outputs=chosen.limit)
