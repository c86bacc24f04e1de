"""The judges find what is wrong, and leave real prose alone."""

from __future__ import annotations

import pytest

from bench.judges import FAULTS, distinct_2, unbalanced
from bench.prompts import PASSAGE

PROMPT = "それは九月初旬のある蒸し暑い晩のことであった。"


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("unknown", "蒸し暑い<unk>のことであった。"),
        ("unbalanced", "「行くよ。と彼は言った。"),
        ("unbalanced", "行くよ。」と彼は言った。"),
        ("unbalanced", "「彼は『行くよ」と言った。"),
        ("unfinished", "彼は笑った。そして"),
        ("debris", "彼は笑った。 #小説"),
        ("debris", "続きは https://example.com へ。"),
        ("repeated", "彼は戸をそっと開けてみた。風が吹いた。「彼は戸を、そっと開けてみた。」"),
        ("repeated", PROMPT),
        ("script", "彼は笑った。그는 웃었다."),
        ("script", "彼は笑った。Then he went down the road to the sea."),
        ("empty", " \n"),
    ],
)
def test_a_fault_is_found(fault: str, text: str) -> None:
    """Each by its judge."""
    assert FAULTS[fault](text, PROMPT)


def test_real_prose_has_none() -> None:
    """The story that was written for this bench."""
    text = PASSAGE.read_text(encoding="utf-8").strip()
    assert [fault for fault, has in FAULTS.items() if has(text, PROMPT)] == []


def test_what_the_writer_opened_counts() -> None:
    """The continuation has to close it."""
    assert not unbalanced("待て。」と叫んだ。", "彼は「")
    assert unbalanced("待て。", "彼は「")


def test_variety() -> None:
    """Different pairs of neighbours to all of them."""
    assert distinct_2(["ああああ", ""]) == pytest.approx(1 / 3)
    assert distinct_2(["あいうえ"]) == 1
    assert distinct_2([]) == 0
