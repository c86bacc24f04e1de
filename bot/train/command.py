"""`tsuzuki train`: from corpus files to a checkpoint in the published layout."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from tqdm import tqdm
from transformers import XGLMForCausalLM

from bot.domain.errors import CheckpointError
from bot.train import network
from bot.train.checkpoint import save_checkpoint
from bot.train.corpus import Corpus, CorpusSource
from bot.train.data import Batches, HeldOut, Stream, encode, held_out_windows
from bot.train.loop import BEST, LOG_FILE, Plan, Progress, Run
from bot.train.measure import measure
from bot.train.plot import plot
from bot.train.tokenizer import (
    MADEUP_WORDS,
    SENTENCEPIECE_FILE,
    TOKENIZER_FILES,
    save_tokenizer,
    train_sentencepiece,
    verify,
)

MEASURED_WINDOWS = 64
MEASURED_LENGTH = 512
CURVE_FILE = "loss.png"
RELEASE = "release"


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The size of a new model. The default has 8.8 M parameters."""

    pieces: int = 16_000
    d_model: int = 256
    layers: int = 6
    heads: int = 4
    context: int = 1_024


def train(
    sources: Sequence[str],
    out: Path,
    *,
    tokens: int = 40_000_000,
    shape: ModelShape = ModelShape(),
    start: Path | None = None,
    seed: int = 0,
    threads: int | None = None,
    compiled: bool | None = None,
    bfloat16: bool | None = None,
    report: Callable[[str], None] = tqdm.write,
) -> float:
    """Train, or go on training, in `out`.

    `out/best` holds the best weights so far, `out/release` the same in bfloat16 once the run is over, and
    `out/loss.png` its curve.

    Args:
        sources: corpus files, `FILE` or `FILE=SHARE`; held-out loss is measured on the first one's works.
        out: the run's folder; one that holds a run is gone on with.
        tokens: how many tokens the run reads in all. A resumed run may be given another figure.
        shape: the size of a new model.
        start: a checkpoint of ours to go on from, with its tokenizer and its size, in a new run.
        seed: of the initial weights and of the order of the text.
        threads: CPU threads; None takes every core.
        compiled: whether torch.compile is used; None: where there is the C++ compiler that it needs.
        bfloat16: whether products are computed in bfloat16; None: where the CPU has units for it. Weights,
            sums and held-out loss are float32 either way.
        report: gets a line at each measuring.

    Returns:
        The released model's loss over all held-out works of the first source, in nats per character.

    Raises:
        CorpusError: a file cannot be read, or there is too little text to hold some out.
        TokenizerError: tokenizer.json and SentencePiece disagree.
        CheckpointError: `start` is no checkpoint of ours.
    """
    torch.set_num_threads(threads or os.cpu_count() or 1)
    torch.manual_seed(seed)
    corpora = [Corpus.read(CorpusSource.parse(source)) for source in sources]
    if start is not None:
        _take_tokenizer(start, out / BEST)
    processor = _tokenizer(out / BEST, corpora, shape.pieces, torch.get_num_threads())
    streams = [_stream(out / f"stream-{i}.npy", corpus, processor) for i, corpus in enumerate(corpora)]
    model = _load(start) if start is not None else _new(shape, processor.get_piece_size())
    plan = Plan(tokens, seed=seed)
    with tqdm(total=tokens, unit="token", unit_scale=True, smoothing=0.05) as bar:
        run = Run(
            model,
            out,
            plan,
            Batches(streams, model.config.max_position_embeddings, seed),
            _measured(corpora[0], processor),
            _reporter(bar, report),
            compiled=can_compile() if compiled is None else compiled,
            bfloat16=has_bfloat16() if bfloat16 is None else bfloat16,
        )
        bar.update(run.resume() * plan.batch_tokens)
        run.train()
    plot(out / LOG_FILE, out / CURVE_FILE)
    release(out / BEST, out / RELEASE)
    return measure(out / RELEASE, corpora[0].held_out)


def can_compile() -> bool:
    """Whether there is a C++ compiler: torch.compile needs one, and makes a step a quarter shorter."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++", "c++"))


def has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 faster than float32: it makes a step a third to a half shorter."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001


def release(best: Path, folder: Path) -> None:
    """Write a run's best model with its tokenizer as it ships: half the size, the same words."""
    save_checkpoint(_load(best), folder, torch.bfloat16)
    for name in TOKENIZER_FILES:
        shutil.copyfile(best / name, folder / name)


def _new(shape: ModelShape, pieces: int) -> XGLMForCausalLM:
    vocabulary = pieces + MADEUP_WORDS
    model = XGLMForCausalLM(
        network.config(vocabulary, shape.d_model, shape.layers, shape.heads, shape.context)
    )
    network.initialise(model)
    return model


def _load(folder: Path) -> XGLMForCausalLM:
    try:
        return XGLMForCausalLM.from_pretrained(folder, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}: {error}") from error


def _take_tokenizer(start: Path, folder: Path) -> None:
    """A run that goes on from a checkpoint speaks its tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        try:
            shutil.copyfile(start / name, folder / name)
        except OSError as error:
            raise CheckpointError(f"{start} has no {name}: {error}") from error


def _tokenizer(
    folder: Path, corpora: Sequence[Corpus], pieces: int, threads: int
) -> sentencepiece.SentencePieceProcessor:
    """The run's tokenizer, trained at its first start."""
    path = folder / SENTENCEPIECE_FILE
    if not path.exists():
        paragraphs = itertools.chain.from_iterable(corpus.sample() for corpus in corpora)
        model = train_sentencepiece(paragraphs, pieces, threads)
        unseen = [p for corpus in corpora for work in corpus.held_out for p in work.paragraphs]
        verify(save_tokenizer(model, folder), model, unseen)
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def _stream(path: Path, corpus: Corpus, processor: sentencepiece.SentencePieceProcessor) -> Stream:
    """A source's ids, kept on disk so that a resumed run does not encode again."""
    if not path.exists():
        np.save(path, encode(corpus.training, processor))
    return Stream(np.load(path), corpus.share)


def _measured(corpus: Corpus, processor: sentencepiece.SentencePieceProcessor) -> HeldOut:
    return held_out_windows(corpus.held_out, processor, MEASURED_LENGTH, MEASURED_WINDOWS)


def _reporter(bar: tqdm[None], report: Callable[[str], None]) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        bar.update(progress.tokens - bar.n)
        bar.set_postfix(loss=f"{progress.loss:.3f}")
        if progress.held_out is not None:
            report(f"{progress.tokens / 1e6:.2f} M tokens: held out {progress.held_out:.4f} nats a character")

    return tell
