"""`tsuzuki train`: from corpus files to a checkpoint in the published layout."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import sentencepiece
import torch
from tqdm import tqdm
from transformers import XGLMForCausalLM

from bot.train import log, network
from bot.train.checkpoint import copy_tokenizer, load_checkpoint, release_checkpoint
from bot.train.corpus import Corpus, CorpusSource
from bot.train.data import Batches, Stream, encode, held_out_windows
from bot.train.device import Compute
from bot.train.log import Progress
from bot.train.loop import BEST, LOG_FILE, Run
from bot.train.measure import Loss, measure_checkpoint
from bot.train.schedule import Plan, parse_stages, stages_from_checkpoint, stages_from_scratch
from bot.train.tokenizer import (
    MADEUP_WORDS,
    SENTENCEPIECE_FILE,
    save_tokenizer,
    train_sentencepiece,
    verify,
)

MEASURED_WINDOWS = 32
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


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What a run reads and how.

    Attributes:
        tokens: how many tokens the run reads in all. A resumed run may be given another figure.
        stages: as `Stage.parse` reads them. None: short windows first in a run from scratch, and long ones
            all along in one that goes on from a checkpoint.
        constant: the share of the run at the full learning rate, before it falls in a straight line.
        average_tokens: how far back the average of the weights reaches.
        batch_tokens: tokens a step.
        shape: the size of a new model.
        start: a checkpoint of ours to go on from, with its tokenizer and its size, in a new run.
        average_start: a checkpoint that the average starts from where a run's state has none.
        seed: of the initial weights and of the order of the text.
    """

    tokens: int = 40_000_000
    stages: Sequence[str] = ()
    constant: float = 0.5
    average_tokens: int = 5_000_000
    batch_tokens: int = 4_096
    shape: ModelShape = ModelShape()
    start: Path | None = None
    average_start: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """How a call ended: after `tokens`; `released` is the loss of what ships, None where it was stopped."""

    tokens: int
    released: Loss | None


def train(
    sources: Sequence[str],
    out: Path,
    options: TrainingOptions = TrainingOptions(),
    *,
    compute: Compute | None = None,
    threads: int | None = None,
    report: Callable[[str], None] = tqdm.write,
    stopped: Callable[[], object] = lambda: None,
) -> Trained:
    """Train, or go on training, in `out`.

    `out/best` holds the best weights so far, `out/release` the same in bfloat16 once the run is over, and
    `out/loss.png` its curve.

    Args:
        sources: corpus files, `FILE` or `FILE=SHARE`; held-out loss is measured on the first one's works.
        out: the run's folder; one that holds a run is gone on with.
        options: what the run reads and how.
        compute: where it computes, and in what; None: what is fastest here.
        threads: CPU threads; None takes every core.
        report: gets a line at each measuring.
        stopped: asked after each step; once it is so, the state is saved and the call returns.

    Raises:
        CorpusError: a file cannot be read, or there is too little text to hold some out.
        ScheduleError: the stages cannot be read, or do not fit the model.
        TokenizerError: tokenizer.json and SentencePiece disagree.
        CheckpointError: `start` or `average_start` is no checkpoint of ours.
    """
    torch.set_num_threads(threads or os.cpu_count() or 1)
    torch.manual_seed(options.seed)
    corpora = [Corpus.read(CorpusSource.parse(source)) for source in sources]
    with tqdm(total=options.tokens, unit="token", unit_scale=True, smoothing=0.05, disable=None) as bar:
        run = _prepare(corpora, out, options, compute or Compute.choose(), _reporter(bar, report), stopped)
        average = load_checkpoint(options.average_start) if options.average_start else None
        bar.update(run.resume(average) * options.batch_tokens)
        report(f"step {run.step} of {run.plan.steps}: {' '.join(map(str, run.plan.stages))}")
        run.train()
    tokens = run.step * options.batch_tokens
    if not run.finished:
        return Trained(tokens, None)
    log.plot(out / LOG_FILE, out / CURVE_FILE)
    release_checkpoint(out / BEST, out / RELEASE)
    return Trained(tokens, measure_checkpoint(out / RELEASE, corpora[0].held_out))


@contextmanager
def count_stop_signals() -> Iterator[Callable[[], int]]:
    """Which of SIGTERM and SIGINT came, or 0. After the first they do what they always do: a second kills."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    came: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        restore()

    def restore() -> None:
        for number in numbers:
            signal.signal(number, before[number])

    for number in numbers:
        signal.signal(number, ask)
    try:
        yield lambda: came[0] if came else 0
    finally:
        restore()


def _prepare(
    corpora: Sequence[Corpus],
    out: Path,
    options: TrainingOptions,
    compute: Compute,
    report: Callable[[Progress], None],
    stopped: Callable[[], object],
) -> Run:
    model = load_checkpoint(options.start) if options.start else None
    context = model.config.max_position_embeddings if model else options.shape.context
    plan = _plan(options, context)
    if options.start is not None:
        copy_tokenizer(options.start, out / BEST)
    processor = _tokenizer(out / BEST, corpora, options.shape.pieces, torch.get_num_threads())
    streams = [_stream(out / f"stream-{i}.npy", corpus, processor) for i, corpus in enumerate(corpora)]
    held_out = held_out_windows(corpora[0].held_out, processor, context - 1, MEASURED_WINDOWS)
    return Run(
        model or _new(options.shape, processor.get_piece_size()),
        out,
        plan,
        Batches(streams, context, options.seed),
        held_out,
        report,
        compute=compute,
        stopped=stopped,
    )


def _plan(options: TrainingOptions, context: int) -> Plan:
    default = stages_from_checkpoint if options.start else stages_from_scratch
    return Plan(
        options.tokens,
        parse_stages(options.stages, context) if options.stages else default(context),
        batch_tokens=options.batch_tokens,
        constant=options.constant,
        average_tokens=options.average_tokens,
        seed=options.seed,
    )


def _new(shape: ModelShape, pieces: int) -> XGLMForCausalLM:
    vocabulary = pieces + MADEUP_WORDS
    model = XGLMForCausalLM(
        network.config(vocabulary, shape.d_model, shape.layers, shape.heads, shape.context)
    )
    network.initialise(model)
    return model


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


def _reporter(bar: tqdm[None], report: Callable[[str], None]) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        bar.update(progress.tokens - bar.n)
        bar.set_postfix(loss=f"{progress.loss:.3f}")
        for name, loss in (("held out", progress.held_out), ("their average", progress.average)):
            if loss is not None:
                report(
                    f"{progress.tokens / 1e6:.2f} M tokens: {name}: {loss.per_character:.4f} nats a character"
                    f", early {loss.early:.3f} and late {loss.late:.3f} a token "
                    f"({progress.tokens_per_s:,.0f} tokens/s)"
                )

    return tell
