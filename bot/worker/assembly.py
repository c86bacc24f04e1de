"""Puts a worker's parts together. Importing this imports torch."""

from __future__ import annotations

import torch

from bot.errors import ConfigurationError
from bot.worker.backends.pytorch import TorchBackend
from bot.worker.engine import Engine
from bot.worker.exempt import blank_tokens, exempt_tokens
from bot.worker.loader import Checkpoint, embedded_model, load_checkpoint
from bot.worker.metrics import Metrics
from bot.worker.readiness import Progress
from bot.worker.sampler import Sampler
from bot.worker.serving import Served
from bot.worker.text import StoryText
from bot.worker.vocabulary import EOS

IMPORTED = 0.1
"""Share of the loading that is done once torch is imported."""
READ = 0.9
"""Share that is done once the checkpoint is read."""

SMALL_PARAMETERS = 32_000_000
"""Below this one thread is as fast as several: handing the work out costs what they save, and
a core is left to the bot beside it."""

QUANTIZATIONS = {"auto", "none"}


def load_model(
    model: str | None,
    *,
    dtype: str,
    device: str,
    quantization: str,
    slots: int,
    threads: int | None,
    metrics: Metrics,
    progress: Progress,
) -> Served:
    """Load a checkpoint (the embedded one for None) and build the engine around it, not yet started.

    Raises:
        CheckpointError, ConfigurationError
    """
    if quantization not in QUANTIZATIONS:
        raise ConfigurationError(f"quantization {quantization!r} is not available; use one of auto, none")
    if threads:
        torch.set_num_threads(threads)
    progress(IMPORTED)
    checkpoint = load_checkpoint(
        model or embedded_model(),
        dtype=dtype,
        device=device,
        progress=lambda done: progress(IMPORTED + (READ - IMPORTED) * done),
    )
    return assemble(checkpoint, slots=slots, threads=threads, metrics=metrics)


def assemble(
    checkpoint: Checkpoint, *, slots: int, threads: int | None = None, metrics: Metrics | None = None
) -> Served:
    """Build text, backend, sampler and engine. Empties `checkpoint.tensors`: the backend owns them now."""
    counted = metrics or Metrics()
    config, tokenizer = checkpoint.config, checkpoint.tokenizer
    parameters = sum(tensor.numel() for tensor in checkpoint.tensors.values())
    used = threads or (1 if parameters < SMALL_PARAMETERS else torch.get_num_threads())
    text = StoryText(tokenizer, config.max_position_embeddings, config.vocab_size)
    backend = TorchBackend(config, checkpoint.tensors, slots=slots)
    vocabulary = tokenizer.get_vocab()
    sampler = Sampler(
        banned=text.banned,
        exempt=exempt_tokens(vocabulary, EOS),
        blank=blank_tokens(vocabulary),
        end_token=EOS,
    )

    engine = Engine(backend, sampler, metrics=counted, before=lambda: torch.set_num_threads(used))
    return Served(checkpoint.name, text, engine, EOS, counted)
