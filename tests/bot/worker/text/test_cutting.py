"""How a story that is too long for the model is cut."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.bot.worker.text.test_encoding import PASSAGES, story_text

LINE = "雨が降りはじめると、町はしずかになり、猫だけが歩いていく。"
PARAGRAPHS = [f"{LINE}「{n}」" for n in "一二三四五六七八九"]


def test_a_text_that_fits_is_not_cut() -> None:
    """Up to the last token of room, nothing is dropped."""
    text = story_text()
    whole = text.encode("雨が降る。\n猫が歩く。", 256)
    exact = text.encode("雨が降る。\n猫が歩く。", len(whole.ids))
    assert exact.dropped_characters == 0
    assert whole == exact


def test_paragraphs_are_dropped_whole() -> None:
    """Where a paragraph begins close by, the window begins with it."""
    story = "\n".join(PARAGRAPHS)
    encoded = story_text(context=1_000).encode(story, 200)
    kept = story[encoded.dropped_characters :]
    assert len(encoded.ids) <= 200
    assert kept.startswith("雨が降りはじめると")
    assert story[encoded.dropped_characters - 1] == "\n"


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    """Within one paragraph the window begins with a sentence, behind a closing bracket."""
    sentences = [f"「猫が歩いていく{n}。」" for n in "一二三四五六七八九"] * 3
    story = "".join(sentences)
    encoded = story_text(context=1_000).encode(story, 100)
    assert encoded.dropped_characters > 0
    assert story[encoded.dropped_characters :].startswith("「")
    assert story[: encoded.dropped_characters].endswith("。」")


def test_english_is_cut_between_sentences_too() -> None:
    """A full stop before a space ends a sentence; the space is dropped with it."""
    story = "She opened the door. He walked into the room. " * 12 + "The wind blew."
    encoded = story_text(context=1_000).encode(story, 150)
    assert story[encoded.dropped_characters :].startswith(("She opened", "He walked"))


def test_text_without_any_sentence_end_is_cut_between_tokens() -> None:
    """A wall of text still fits, and most of the window is used."""
    encoded = story_text(context=1_000).encode("猫だけが歩いていく" * 50, 100)
    assert 50 <= len(encoded.ids) <= 100
    assert encoded.dropped_characters > 0


def test_the_context_is_a_limit_of_its_own() -> None:
    """However many tokens are asked for, no context is longer than the model's positions."""
    assert len(story_text(context=40).encode("猫が。" * 200, 10_000).ids) <= 40


def test_a_growing_story_keeps_its_start_for_a_while() -> None:
    """Positions are absolute: the front is cut rarely and in large pieces."""
    text = story_text(context=1_000)
    story, starts = "", []
    for turn in range(60):
        story += PARAGRAPHS[turn % len(PARAGRAPHS)] + "\n"
        starts.append(text.encode(story, 300).dropped_characters)
    cuts = len(set(starts))
    assert starts == sorted(starts)
    assert 60 // cuts >= 2


@pytest.mark.parametrize("room", [-1, 0, 1])
def test_no_room_is_an_error(room: int) -> None:
    """Less than `</s>` and one token cannot be asked for."""
    with pytest.raises(ValueError, match="two tokens"):
        story_text().encode("雨", room)


@pytest.mark.parametrize("published", [False, True], ids=["embedded", "published"])
@settings(deadline=None, max_examples=100)
@given(passage=PASSAGES, room=st.integers(2, 60))
def test_a_cut_context_is_what_is_left_encoded_alone(published: bool, passage: str, room: int) -> None:
    """It fits, and the kept text encodes to the very same ids: nothing is lost or glued at the cut."""
    # A tab inside a paragraph is a space there, and nothing where a text begins with it.
    assume("\t" not in passage)
    text = story_text(published=published, context=10_000)
    encoded = text.encode(passage, room)
    assert 1 <= len(encoded.ids) <= room
    if encoded.dropped_characters:
        rest = passage[encoded.dropped_characters :]
        assert text.encode(rest, 10_000).ids == encoded.ids
