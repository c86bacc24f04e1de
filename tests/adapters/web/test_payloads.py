"""What a browser sends, as the values of the house."""

from __future__ import annotations

import pytest

from adapters.web import payloads as translate
from adapters.web.payloads import BadRequest
from bot.domain.chat import Author, Message
from bot.domain.jobs import GenerationOptions, Length
from bot.domain.story import Lore, Notes

ROOM = translate.room_of("a-room")
MIO = Author("web", "1", "澪")
EVENT = "5b1f7c7e-4e0f-4f0e-8c57-2a4c1d1f2b3a"


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("de-DE,ja;q=0.5,en;q=0.4", "ja"),
        ("de,fr;q=0.9", "en"),
        ("ja;q=broken,en;q=0.1", "en"),
        ("en;q=0.2, JA ; q=0.3", "ja"),
    ],
)
def test_the_preferred_of_two_languages(header: str, locale: str) -> None:
    """The heavier of ja and en wins; people who read neither get English."""
    assert locale == translate.locale_of(header)


def test_names_and_titles_are_one_visible_line() -> None:
    """Control and direction characters cannot forge another line or another name."""
    assert translate.clean_line("\u202e 澪\n\tさん\u200b ", 30) == "澪 さん"
    assert translate.clean_line("澪" * 31, 30) == "澪" * 30


def test_a_name_comes_back_from_its_cookie() -> None:
    """The cookie holds the name percent-encoded; a browser without one has no name."""
    assert translate.name_from_cookies({"tsuzuki_name": "%E6%BE%AA"}) == "澪"
    assert translate.name_from_cookies({}) == ""


def test_story_text_is_left_alone() -> None:
    """Nothing of the text changes but a browser's line ends."""
    text = "　「ｱ……」\r\n\u3000――\u200b "
    heard = translate.message_of({"event_id": EVENT, "text": text, "title": " 題 "}, ROOM, MIO)
    assert Message(EVENT, ROOM, MIO, "　「ｱ……」\n\u3000――\u200b ", "題") == heard


def test_no_ask_is_only_writing() -> None:
    """A person may write without letting the model go on."""
    assert translate.generation_options_of({"ask": None}) is None


def test_an_ask_carries_the_choices() -> None:
    """Length, preset and candidates; an unknown preset is for the rules to refuse, in words."""
    ask = {"length": "long", "preset": "wild", "candidates": 3, "scores": True}
    assert GenerationOptions(Length.LONG, "wild", 3, scores=True) == translate.generation_options_of(
        {"ask": ask}
    )


def test_what_is_not_chosen_is_left_to_the_room() -> None:
    """An ask may be all open."""
    assert (
        translate.generation_options_of({"ask": {"length": "", "preset": "", "candidates": 0}})
        == GenerationOptions()
    )


def test_notes_come_with_keywords_apart() -> None:
    """Japanese and Latin commas part keywords; an entry without anything in it is none."""
    lore = [
        {"keywords": "夜、 喫茶店,cafe", "text": "白梅軒。", "priority": 2},
        {"keywords": " ", "text": ""},
    ]
    notes = translate.notes_of({"memory": "記憶\r\n。", "note": "注", "lore": lore})
    assert notes == Notes("記憶\n。", "注", (Lore(("夜", "喫茶店", "cafe"), "白梅軒。", 2),))


@pytest.mark.parametrize("lore", ["x", [{"keywords": 1}], [{"priority": "1"}]])
def test_notes_that_no_page_sends_are_refused(lore: object) -> None:
    """Likewise."""
    with pytest.raises(BadRequest):
        translate.notes_of({"lore": lore})


@pytest.mark.parametrize(
    "ask",
    [
        "more",
        {"length": "endless", "preset": "bold", "candidates": 1},
        {"length": "long", "preset": "bold", "candidates": -1},
        {"length": "long", "preset": "bold", "candidates": 99},
        {"length": "long", "preset": "bold", "candidates": "2"},
        {"length": "long", "preset": 7, "candidates": 1},
    ],
)
def test_an_ask_that_no_page_sends_is_refused(ask: object) -> None:
    """What did not come from our page does not reach the rules."""
    with pytest.raises(BadRequest):
        translate.generation_options_of({"ask": ask})


@pytest.mark.parametrize("payload", [{}, {"event_id": "x"}, {"event_id": EVENT, "text": 1}])
def test_a_message_that_no_page_sends_is_refused(payload: dict[str, object]) -> None:
    """Likewise."""
    with pytest.raises(BadRequest):
        translate.message_of(payload, ROOM, MIO)


def test_new_rooms_have_addresses_of_their_own() -> None:
    """Each is an address that the room page accepts, and none comes twice."""
    slugs = {translate.new_slug() for _ in range(200)}
    assert len(slugs) == 200
    assert all(map(translate.is_slug, slugs))


@pytest.mark.parametrize("slug", ["", "-a", "A", "あ", "a/b", "a" * 65, "a b"])
def test_other_addresses_are_none(slug: str) -> None:
    """A room's address is short, lower-case and plain."""
    assert not translate.is_slug(slug)
