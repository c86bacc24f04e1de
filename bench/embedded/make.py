"""The embedded model's folder, step by step."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from transformers import AutoTokenizer

from bench import children, craft
from bench.embedded import samples
from bench.embedded.card import Findings, Released, render
from bench.embedded.presets import CANDIDATES, END, QUOTES, Candidate, judge, tune
from bench.process import Running, Settings, started
from bot.train import log
from bot.train.checkpoint import release_checkpoint
from bot.train.corpus import Corpus, CorpusSource
from bot.train.loop import BEST, LOG_FILE
from bot.train.measure import Loss, measure_checkpoint
from bot.worker.sampling.presets import FILE as PRESETS_FILE

BOOKS = "the books themselves"
GENERAL = "the general standard"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a model is made of.

    `run`: the folder of a run. `held_out`: the corpus whose held-out works judge it, at so many `places`;
    `also`: one in another language. `candidates` of each preset; `seeds` of each sample's beginning.
    """

    run: Path
    held_out: Path
    also: Path | None
    places: int
    candidates: Mapping[str, Sequence[Candidate]] = field(default_factory=lambda: CANDIDATES)
    seeds: int = samples.SEEDS


@dataclass(frozen=True, slots=True)
class Work:
    """Where and with what a model is made; `report` gets a line now and then."""

    scratch: Path
    threads: int
    report: Callable[[str], None]


def make_model(recipe: Recipe, work: Work, accept: Callable[[Loss], None]) -> tuple[Path, Loss]:
    """Weights, tokenizer, presets, curve and card in a folder under `scratch`, and the model's loss.

    `accept` raises where the loss is not good enough: that is known long before the rest is made.

    Raises:
        CheckpointError: the run has no best weights yet.
        CorpusError: a corpus cannot be read.
        ValueError: there are too few places to go on from, or nothing was measured yet.
    """
    folder = work.scratch / "model"
    released = Released.read(recipe.run / LOG_FILE)
    release_checkpoint(recipe.run / BEST, folder)
    loss, works = _measured(folder, recipe.held_out)
    work.report(f"on {works} held-out works: {loss}")
    accept(loss)
    english, english_works = _measured(folder, recipe.also) if recipe.also else (None, 0)
    given = craft.held_out_prompts(recipe.held_out, recipe.places)
    prompts = [one.prompt for one in given]
    texts = {BOOKS: [one.after for one in given]}
    presets, texts[GENERAL] = _tuned(folder, work, recipe.candidates, prompts, texts[BOOKS])
    rows = {name: candidate.row() for name, candidate in presets.items()}
    (folder / PRESETS_FILE).write_text(
        json.dumps(rows, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    with _worker(folder, work) as worker:
        worker.wait_until_ready()
        for preset in presets:
            texts[f"this model's {preset}"] = _written(worker, prompts, preset)
        written = samples.write(worker.url, folder, work.threads, recipe.seeds)
    log.plot(recipe.run / LOG_FILE, folder / "loss.png")
    found = Findings(
        released=released,
        japanese=loss,
        works=works,
        english=english,
        english_works=english_works,
        judged={name: judge(prompts, each) for name, each in texts.items()},
        nats=_surprisal(folder, work, prompts, texts),
        places=len(given),
        samples=written,
    )
    (folder / "README.md").write_text(render(found), encoding="utf-8")
    return folder, loss


def _measured(folder: Path, corpus: Path) -> tuple[Loss, int]:
    works = Corpus.read(CorpusSource(corpus)).held_out
    return measure_checkpoint(folder, works), len(works)


def _tuned(
    folder: Path,
    work: Work,
    candidates: Mapping[str, Sequence[Candidate]],
    prompts: Sequence[str],
    after: Sequence[str],
) -> tuple[dict[str, Candidate], list[str]]:
    """The presets, and what the model writes with the one that is the default elsewhere."""
    # In a folder of its own: a worker knows a converted checkpoint by its files.
    bare = shutil.copytree(folder, work.scratch / "bare")
    vocabulary = AutoTokenizer.from_pretrained(folder).get_vocab()
    ids = {piece: vocabulary[piece] for piece in (*QUOTES, END)}
    with _worker(bare, work) as worker:
        worker.wait_until_ready()
        general = _written(worker, prompts, "standard")
        books = judge(prompts, after)
        chosen = tune(worker.url, candidates, prompts, books, ids, work.report)
    return chosen, general


def _worker(folder: Path, work: Work) -> AbstractContextManager[Running]:
    return started(Settings(folder, work.scratch / "cache", threads=work.threads), work.scratch)


def _written(worker: Running, prompts: Sequence[str], preset: str) -> list[str]:
    raw = asyncio.run(craft.continued(worker.url, prompts, {"preset": preset}))
    return craft.kept(prompts, raw)


def _surprisal(
    folder: Path, work: Work, prompts: Sequence[str], texts: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    spec = {"folder": str(folder), "threads": work.threads, "prompts": prompts, "texts": texts}
    return children.ask("bench.surprisal", spec)
