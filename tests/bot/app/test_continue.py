"""`tsuzuki continue` with the embedded model: what a person sees who types the first line of a novel."""

from __future__ import annotations

import re

import pytest

from bot.app.doctor import EMBEDDED_MODEL
from tests.bot.app.conftest import Command

FIRST_LINE = "それは九月初旬のある蒸し暑い晩のことであった。"
SENTENCE_END = re.compile(r"[。！？…―」』）.!?][」』）]*\s*\Z")
SENTENCE = re.compile(r"[^。！？]+[。！？]+")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (EMBEDDED_MODEL / "config.json").exists(), reason="the embedded model has not been trained yet"
    ),
]


def test_the_first_line_of_a_novel_goes_on(tsuzuki: Command) -> None:
    """The writer's text stands there unchanged, and whole Japanese sentences follow.

    What the model writes is chance; that most of three draws go on for two sentences is not.
    """
    good = 0
    for seed in ("1", "2", "3"):
        result = tsuzuki("continue", FIRST_LINE, "--seed", seed)
        assert result.returncode == 0, result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout.startswith(FIRST_LINE)
        added = result.stdout.removeprefix(FIRST_LINE)
        assert "<unk>" not in added
        assert re.search(r"[\u3041-\u3096]", added), added
        good += len(SENTENCE.findall(added)) >= 2 and bool(SENTENCE_END.search(added))
    assert good >= 2


def test_standard_input_goes_on_unchanged_and_a_seed_repeats(tsuzuki: Command) -> None:
    """Full-width letters, dots and odd kanji come out as they went in; the same seed writes the same."""
    text = "　ＡＢＣと書いた紙が……惚れ惚れする晩だった。</s>彼は「"
    runs = [
        tsuzuki("continue", "-", "--seed", "3", "--length", "short", stdin=text.encode()) for _ in range(2)
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert runs[0].stdout.startswith(text)
    assert len(runs[0].stdout.rstrip()) > len(text)
    assert runs[0].stdout == runs[1].stdout


def test_several_candidates_are_all_shown(tsuzuki: Command) -> None:
    """With --candidates each continuation can be read."""
    result = tsuzuki("continue", FIRST_LINE, "--candidates", "2", "--seed", "5", "--preset", "冒険")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(FIRST_LINE)
    assert len(result.stdout) > len(FIRST_LINE) + 40


def test_a_model_that_is_not_there_is_said_in_one_line(tsuzuki: Command) -> None:
    """The reason stands on standard error, and the exit code is 1."""
    result = tsuzuki("continue", FIRST_LINE, "--model", "/nowhere/at/all")
    assert result.returncode == 1
    assert "/nowhere/at/all" in result.stderr
    assert "Traceback" not in result.stderr
