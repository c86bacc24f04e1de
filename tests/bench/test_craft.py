"""Continuations of held-out stories, judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import children, craft
from bench.judges import FAULTS
from bench.process import Settings, started
from bench.prompts import PASSAGE
from bot.domain.sampling import PRESETS
from bot.train.corpus import Work
from bot.worker.checkpoints.loader import embedded_model


def test_prompts_are_of_held_out_works_only(tmp_path: Path) -> None:
    """The works take turns, and what follows a prompt is what really came next."""
    works = {f"w{number}": f"これは{number}番の作品である。" * 100 for number in range(300)}
    file = tmp_path / "corpus.jsonl"
    lines = (json.dumps({"id": name, "text": text}, ensure_ascii=False) for name, text in works.items())
    file.write_text("\n".join(lines), encoding="utf-8")
    held_out = [text for name, text in works.items() if Work(name, text).held_out]
    given = craft.held_out_prompts(file, len(held_out))
    assert 1 < len(held_out) < 30
    for one, text in zip(given, held_out, strict=True):
        assert one.prompt + one.after in text
        assert len(one.prompt) == craft.PROMPT_CHARACTERS
        assert one.prompt.endswith("。")
    assert craft.held_out_prompts(file, len(held_out)) == given


def test_too_few_places_are_said() -> None:
    """With how many there are."""
    with pytest.raises(ValueError, match="1000000 are wanted"):
        craft.held_out_prompts(PASSAGE, 1_000_000)


def test_presets_are_judged_beside_the_real_passage(tmp_path: Path) -> None:
    """Through a worker with the embedded model: every kind of text has all its figures."""
    import asyncio

    given = craft.held_out_prompts(PASSAGE, 2)
    with started(Settings(None, tmp_path / "cache", backend="torch"), tmp_path) as worker:
        worker.wait_until_ready()
        texts = asyncio.run(craft.written(worker.url, given))
    texts[craft.REAL] = [one.after for one in given]
    prompts = [one.prompt for one in given]
    spec = {"folder": str(embedded_model()), "threads": 1, "prompts": prompts, "texts": texts}
    found = {one.key: one for one in craft.figures(given, texts, children.ask("bench.surprisal", spec))}
    assert set(texts) == {*PRESETS, craft.RAW, craft.REAL}
    assert set(found) == {
        f"craft.{name}.{kind}" for name in texts for kind in (*FAULTS, "length", "distinct_2", "nats")
    }
    assert all(found[f"craft.standard.{fault}"].met for fault in ("unknown", "unbalanced", "unfinished"))
    assert all(0.5 < found[f"craft.{name}.nats"].middle < 6 for name in texts)
