"""Puts a worker's parts together. Importing this imports torch."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import torch
from tokenizers import Tokenizer
from transformers import XGLMConfig

from bot.domain.errors import CheckpointError
from bot.wire.completion_request import MAX_CANDIDATES
from bot.worker.backends.base import Backend
from bot.worker.backends.cuda import is_device_lost, release_unused, set_up_cuda
from bot.worker.backends.kv_cache import block_size, bytes_per_token
from bot.worker.backends.pytorch import TorchBackend
from bot.worker.backends.selection import OPENVINO, TORCH, BackendSelection, select_backend
from bot.worker.backends.self_check import BLOCKS, compare_backend
from bot.worker.checkpoints.loader import (
    Checkpoint,
    CheckpointSource,
    choose_device,
    choose_dtype,
    embedded_model,
    find_checkpoint,
    free_memory,
    is_here,
    read_checkpoint,
)
from bot.worker.checkpoints.output_vocabulary import OutputVocabulary
from bot.worker.checkpoints.output_vocabulary_cache import output_vocabulary
from bot.worker.checkpoints.progress import Progress
from bot.worker.checkpoints.quantized_cache import cache_folder, int8_model
from bot.worker.checkpoints.weights import EMBEDDING
from bot.worker.engine.delta_coalescer import DELTA_INTERVAL_S
from bot.worker.engine.engine_core import EngineCore
from bot.worker.engine.loaded_model import LoadedModel
from bot.worker.engine.metrics import Metrics
from bot.worker.engine.scheduler import MAX_SCORED_TOKENS, PREFILL_ALONE, Scheduler
from bot.worker.memory import (
    KV_VARIABLE,
    MemoryBudget,
    ModelSize,
    available_memory,
    cpu_kv_bytes,
    gpu_kv_bytes,
    gpu_work_memory,
    int8_memory,
    int8_plan,
    kv_blocks,
)
from bot.worker.memory_release import trim_heap
from bot.worker.options import EngineOptions
from bot.worker.sampling.output_index import OutputIndex
from bot.worker.sampling.penalty_exempt import blank_tokens, dry_breakers, penalty_exempt_tokens
from bot.worker.sampling.presets import read_presets
from bot.worker.sampling.sampler import Sampler
from bot.worker.text.encoding import StoryText
from bot.worker.text.languages import Languages
from bot.worker.text.vocabulary import EOS

IMPORTED = 0.1
"""Share of the loading that is done once torch is imported."""
FETCHED = 0.6
"""Share that is done once a checkpoint was fetched from the hub."""
READ = 0.9
"""Share that is done once the checkpoint is read, or converted."""

SMALL_PARAMETERS = 32_000_000
"""Below this one thread is as fast as several: handing the work out costs what they save, and
a core is left to the bot beside it."""

KV_PRECISION = "u8"
"""What `auto` keeps keys and values in with OpenVINO: half the memory of f16, and faster."""


def select(options: EngineOptions) -> BackendSelection:
    """What computes, on the device that torch finds here.

    Raises:
        ConfigurationError: the options contradict each other or this machine, or name no language.
        CheckpointError: there is no such device or dtype.
    """
    device = choose_device(options.device)
    choose_dtype(options.dtype, device)
    Languages(options.languages)
    return select_backend(options, device.type)


def default_threads(size: ModelSize) -> int:
    """How many threads compute a model of this size, where nobody said."""
    return 1 if size.parameters < SMALL_PARAMETERS else torch.get_num_threads()


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is put together of, whichever backend computes."""

    name: str
    config: XGLMConfig
    tokenizer: Tokenizer
    backend: Backend
    selection: BackendSelection
    slots: int
    threads: int
    output: OutputVocabulary

    def loaded_model(self, metrics: Metrics) -> LoadedModel:
        """Build the rest around them; the engine is not yet started."""
        text = StoryText(
            self.tokenizer,
            self.config.max_position_embeddings,
            self.config.vocab_size,
            None if self.output.ids is None else Languages(self.output.languages),
        )
        vocabulary = self.tokenizer.get_vocab()
        sampler = Sampler(
            masked=text.banned,
            penalty_exempt=penalty_exempt_tokens(vocabulary, EOS),
            dry_breakers=dry_breakers(vocabulary, EOS),
            blank_tokens=blank_tokens(vocabulary),
            end_token=EOS,
            outputs=None if self.output.ids is None else OutputIndex(self.output.ids, self.output.size),
        )
        engine = EngineCore(
            self.backend,
            sampler,
            Scheduler(
                block=self.backend.block,
                blocks=self.backend.blocks,
                rows=self.slots,
                grain=self.backend.grain,
                # A client with as many slots may ask for all at once, each with all candidates.
                waiting_limit=MAX_CANDIDATES * max(self.slots, 8),
            ),
            metrics=metrics,
            on_thread_start=lambda: torch.set_num_threads(self.threads),
            on_failure=_end_process,
            is_fatal=is_device_lost,
            delta_interval_s=DELTA_INTERVAL_S,
        )
        return LoadedModel(
            self.name,
            text,
            engine,
            EOS,
            self.output,
            metrics,
            self.selection.backend,
            self.selection.quantization,
        )


def _end_process() -> None:
    """Stop as if told to: whoever watches the worker starts another one."""
    os.kill(os.getpid(), signal.SIGTERM)


class OpenVinoUnusable(Exception):
    """OpenVINO failed, or computes something else than the reference; the message says which."""


def load_model(options: EngineOptions, *, metrics: Metrics, progress: Progress) -> LoadedModel:
    """Load a checkpoint and build the engine around it, not yet started.

    Raises:
        CheckpointError, TokenizerError, ConfigurationError
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    # Before anything is fetched: options that contradict each other are said at once.
    selection = select(options)
    if selection.trouble is not None:
        _warn(selection.trouble)
    progress(IMPORTED)
    named = options.model or embedded_model()
    begin = IMPORTED if is_here(named) else FETCHED
    source = find_checkpoint(named, lambda part: progress(IMPORTED + (begin - IMPORTED) * part))

    def reading(part: float) -> None:
        progress(begin + (READ - begin) * part)

    model = _load(source, options, selection, metrics, reading)
    model.presets = read_presets(source.folder, source.tokenizer().get_vocab())
    return model


def _load(
    source: CheckpointSource,
    options: EngineOptions,
    selection: BackendSelection,
    metrics: Metrics,
    reading: Progress,
) -> LoadedModel:
    reason = ""
    if selection == OPENVINO:
        try:
            return _with_openvino(source, options, metrics, reading)
        except OpenVinoUnusable as error:
            # Only its words: the error holds on to what was built until then.
            reason = str(error)
        _warn(reason)
    try:
        return _with_torch(source, options, metrics, reading, int8=not reason)
    except CheckpointError as error:
        raise CheckpointError(f"{error} (OpenVINO failed: {reason})" if reason else str(error)) from error


def _warn(reason: str) -> None:
    structlog.get_logger().warning(
        "OpenVINO is not used: torch computes instead, several times slower", reason=reason
    )


def assemble(
    checkpoint: Checkpoint,
    *,
    slots: int,
    threads: int | None = None,
    kv_memory_mib: int | None = None,
    graphs: bool = False,
    metrics: Metrics | None = None,
    output: OutputVocabulary | None = None,
) -> LoadedModel:
    """Build text, torch backend, sampler and engine around a checkpoint that was read.

    `graphs`: record decode steps on a GPU. `output`: what may be drawn; None: everything. Empties
    `checkpoint.tensors`: the backend owns them now.
    """
    config, tensors = checkpoint.config, checkpoint.tensors
    output = output or OutputVocabulary(config.vocab_size)
    table = tensors[EMBEDDING]
    size = ModelSize.of(config, output.limit)
    threads = threads or default_threads(size)
    block = block_size(table.device)
    release_unused(table.device)
    free = free_memory(table.device)
    most = cpu_kv_bytes(free)
    if table.is_cuda:
        set_up_cuda()
        work = gpu_work_memory(
            size,
            table.dtype.itemsize,
            rows=slots,
            tokens=PREFILL_ALONE,
            logits=max(slots, MAX_SCORED_TOKENS),
            graphs=graphs,
        )
        # The rows that are drawn by are copied out of the table.
        copied = 0 if output.ids is None else size.head * table.dtype.itemsize
        most = gpu_kv_bytes(free, work + copied)
    blocks = kv_blocks(
        context=config.max_position_embeddings,
        block=block,
        bytes_per_token=bytes_per_token(config, table.dtype),
        slots=slots,
        memory_mib=kv_memory_mib,
        most=most,
    )
    with _memory_errors():
        backend = TorchBackend(config, tensors, blocks=blocks, block=block, graphs=graphs, outputs=output.ids)
    parts = WorkerParts(checkpoint.name, config, checkpoint.tokenizer, backend, TORCH, slots, threads, output)
    return parts.loaded_model(metrics or Metrics())


def _with_torch(
    source: CheckpointSource, options: EngineOptions, metrics: Metrics, progress: Progress, *, int8: bool
) -> LoadedModel:
    checkpoint = read_checkpoint(
        source,
        dtype=options.dtype,
        device=options.device,
        kv_memory_mib=options.kv_memory_mib,
        int8=int8,
        progress=progress,
    )
    return assemble(
        checkpoint,
        slots=options.slots,
        threads=options.threads,
        kv_memory_mib=options.kv_memory_mib,
        graphs=options.cuda_graphs == "on",
        metrics=metrics,
        output=_output(source, checkpoint.tokenizer, options),
    )


def _output(source: CheckpointSource, tokenizer: Tokenizer, options: EngineOptions) -> OutputVocabulary:
    """What may be drawn."""
    cache = cache_folder(options.cache, os.environ)
    return output_vocabulary(
        source.folder, tokenizer, source.config.vocab_size, Languages(options.languages), cache
    )


def _with_openvino(
    source: CheckpointSource, options: EngineOptions, metrics: Metrics, progress: Progress
) -> LoadedModel:
    """Build around OpenVINO, once it has computed a few tokens as torch does.

    Raises:
        OpenVinoUnusable: it failed, or computes something else.
        CheckpointError: the checkpoint cannot be read or converted, or does not fit the memory.
    """
    config = source.config
    precision = KV_PRECISION if options.kv_precision == "auto" else options.kv_precision
    with _openvino_errors():
        from bot.worker.backends.openvino import OpenVinoBackend
        from bot.worker.backends.openvino_graph import LayerShape

        # Before minutes of converting: there is not a graph for every configuration.
        LayerShape.of(config)
    tokenizer = source.tokenizer()
    output = _output(source, tokenizer, options)
    size = ModelSize.of(config, output.limit)
    token_bytes = OpenVinoBackend.bytes_per_token_of(config, precision)
    budget = MemoryBudget(available_memory(), options.kv_memory_mib)
    kv_bytes = budget.kv_bytes(config.max_position_embeddings * token_bytes)
    budget.check(int8_plan(size, kv_bytes), size)
    blocks = _int8_blocks(size, budget, options.slots, token_bytes, OpenVinoBackend.block)
    model = int8_model(
        source.folder,
        config,
        source.weights,
        cache=cache_folder(options.cache, os.environ),
        progress=progress,
        budget=budget,
        kv_bytes=kv_bytes,
        outputs=size.outputs,
    )
    threads = options.threads or default_threads(size)

    computing = partial(OpenVinoBackend, threads=threads, kv_precision=precision)
    with _openvino_errors(CheckpointError), _memory_errors():
        compare_backend(
            model,
            lambda excerpt: computing(excerpt, blocks=BLOCKS, measured=False, outputs=excerpt.outputs),
            limited=output.ids is not None,
        )
        backend = computing(model, blocks=blocks, outputs=output.ids)
    trim_heap()
    parts = WorkerParts(source.name, config, tokenizer, backend, OPENVINO, options.slots, threads, output)
    return parts.loaded_model(metrics)


def _int8_blocks(size: ModelSize, budget: MemoryBudget, slots: int, token_bytes: int, block: int) -> int:
    """Blocks of keys and values beside a converted model that is not loaded yet."""
    return kv_blocks(
        context=size.context,
        block=block,
        bytes_per_token=token_bytes,
        slots=slots,
        memory_mib=budget.kv_mib,
        most=cpu_kv_bytes(None if budget.free is None else budget.free - int8_memory(size, 0)),
    )


@contextmanager
def _openvino_errors(*others: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong into OpenVinoUnusable, except for `others`: those torch could not help either."""
    try:
        yield
    except others:
        raise
    except Exception as error:
        raise OpenVinoUnusable(f"{type(error).__name__}: {error}") from error


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Say what to set where memory runs out while a backend is built."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise CheckpointError(
            f"the memory ran out while the model was built ({error}): free some, or set {KV_VARIABLE} to less"
        ) from error
