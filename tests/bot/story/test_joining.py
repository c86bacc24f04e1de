"""How passages are joined, cut and named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.chat import MODEL, Author
from bot.domain.story import Passage
from bot.story.joining import is_blank, prompt_of, separator, text_of, text_window, title_of, writable

AKI = Author("web", "aki", "秋")


def by_aki(text: str) -> Passage:
    """A person's passage."""
    return Passage("p", "s", None, AKI, text)


def by_model(text: str) -> Passage:
    """The model's passage."""
    return Passage("m", "s", None, MODEL, text)


passages = st.lists(
    st.builds(lambda text, model: by_model(text) if model else by_aki(text), st.text(), st.booleans())
)


class TestJoining:
    """What a reader sees between two passages."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("雨が降っている。", "傘はない。"),
            ("「行こう」", "彼は立った。"),
            ("誰だ！？", "返事はない。"),
            ("そして……", "静かだった。"),
            ("雨が降っていた", "傘はなかった"),
            ("ちょっと待って", "彼は言った。"),
            ("It was dark.", "the rain fell."),
            ("It was dark", "Rain fell."),
            ("それは、", "　翌朝のことだった。"),
            ("「行こう。", "「どこへ」"),
        ],
    )
    def test_a_person_begins_a_paragraph(self, before: str, after: str) -> None:
        """After a sentence that may be over, and wherever the new text is indented."""
        assert text_of([by_aki(before), by_aki(after)]) == f"{before}\n{after}"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("それは、", "九月の晩のことだった。"),
            ("それは九月の", "晩のことだった。"),
            ("彼は", "「待て」と言った。"),
            ("「待て", "よ」と彼は言った。"),
            ("彼女は言った：", "もう遅い。"),
            ("（", "静かに）"),
            ("もう遅い", "、と彼は言った。"),
            ("もう遅い。", "」と彼は言った。"),
        ],
    )
    def test_a_person_finishes_an_open_sentence(self, before: str, after: str) -> None:
        """Whoever is left with half a sentence goes on in its line."""
        assert text_of([by_aki(before), by_aki(after)]) == before + after

    @pytest.mark.parametrize(
        ("before", "after", "joined"),
        [
            ("It was a dark and", "stormy night.", "It was a dark and stormy night."),
            ("It was dark,", "But warm.", "It was dark, But warm."),
            ("It was dark and ", "stormy.", "It was dark and stormy."),
            ("It was dark", ", and it rained.", "It was dark, and it rained."),
        ],
    )
    def test_words_do_not_run_together(self, before: str, after: str, joined: str) -> None:
        """Latin words are set apart by one space."""
        assert text_of([by_aki(before), by_aki(after)]) == joined

    def test_the_model_goes_on_in_the_same_line(self) -> None:
        """Whatever comes before it."""
        assert text_of([by_aki("雨が。"), by_model("風も。"), by_aki("海。")]) == "雨が。風も。\n海。"

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (by_aki("雨。\n"), by_aki("風。")),
            (by_aki("雨。"), by_aki("\n風。")),
            (by_aki("雨。\n\n"), by_aki("風。")),
            (by_aki("雨。"), by_model("\n風。")),
            (by_aki("それは、\n"), by_aki("風。")),
        ],
    )
    def test_a_typed_newline_decides(self, first: Passage, second: Passage) -> None:
        """None is added to it, and none is taken away."""
        assert text_of([first, second]) == first.text + second.text

    @given(passages)
    def test_nothing_that_was_written_is_changed(self, story: list[Passage]) -> None:
        """Every passage is in the story as written, in order, with at most one character between two."""
        text = text_of(story)
        position = 0
        for passage in story:
            start = text.index(passage.text, position)
            assert start - position <= 1
            assert text[position:start].strip() == ""
            position = start + len(passage.text)
        assert position == len(text)

    @given(passages, st.text(), st.booleans())
    def test_a_story_can_be_shown_piece_by_piece(self, story: list[Passage], text: str, model: bool) -> None:
        """What stands before a new passage follows from the text so far."""
        new = by_model(text) if model else by_aki(text)
        so_far = text_of(story)

        assert text_of([*story, new]) == so_far + separator(so_far, new) + text


class TestWindow:
    """The coarse cut before the worker's exact one."""

    def test_a_short_story_is_sent_whole(self) -> None:
        """Up to the limit itself."""
        assert text_window("一。\n二。", 5) == "一。\n二。"

    def test_a_window_begins_with_a_paragraph(self) -> None:
        """The first that fits."""
        assert text_window("一一一一。\n二二。\n三三三三。", 9) == "二二。\n三三三三。"

    def test_a_paragraph_that_fits_exactly_is_kept(self) -> None:
        """The newline before it is outside the room."""
        assert text_window("一。\n二二。三。", 5) == "二二。三。"

    def test_a_window_begins_with_a_sentence(self) -> None:
        """Where a paragraph would cost too much; closing brackets stay with their sentence."""
        text = "あ" * 50 + "「はい。」" + "い" * 80 + "。" + "う" * 5

        assert text_window(text, 100) == "い" * 80 + "。" + "う" * 5

    def test_a_sentence_that_fits_exactly_is_kept(self) -> None:
        """Its predecessor ends just outside the room."""
        assert text_window("ああああ。いいいい。う", 6) == "いいいい。う"

    def test_an_unbroken_text_is_cut_anywhere(self) -> None:
        """But not before a mark that belongs to the character left of it."""
        assert text_window("あ" * 100, 10) == "あ" * 10
        assert text_window("あか\u3099き\u3099く", 4) == "き\u3099く"

    def test_an_english_sentence_ends_with_its_point(self) -> None:
        """A point inside a number is none."""
        assert text_window("The price was 3.50 then. It rose later on.", 24) == " It rose later on."

    def test_a_window_needs_room(self) -> None:
        """None at all is a mistake."""
        with pytest.raises(ValueError, match="positive"):
            text_window("あ", 0)

    @given(st.text(alphabet="あい。\n「」.a \u3099"), st.integers(1, 40))
    def test_a_window_is_the_storys_end(self, text: str, room: int) -> None:
        """At most as long as allowed, and nothing is left out inside."""
        cut = text_window(text, room)

        assert text.endswith(cut)
        assert len(cut) <= room
        assert len(cut) == len(text) or room < len(text)

    @given(passages, st.integers(1, 60))
    def test_the_prompt_is_the_end_of_the_story(self, story: list[Passage], room: int) -> None:
        """Long stories are cut without being joined, to a window of the same text."""
        prompt = prompt_of(story, room)

        assert text_of(story).endswith(prompt)
        assert len(prompt) <= room

    def test_a_very_long_story_is_not_joined(self) -> None:
        """Only the passages of the window are looked at."""
        story = [by_aki("雨が降っている。" * 100) for _ in range(1250)]

        assert 11_000 < len(prompt_of(story)) <= 16_000


class TestTitle:
    """What a story is called."""

    @pytest.mark.parametrize(
        ("text", "title"),
        [
            ("雨が降っている。傘はない。", "雨が降っている"),
            ("\n　　吾輩は猫である\n名前はまだ無い。", "吾輩は猫である"),
            ("「誰だ！？」と彼は言った。", "「誰だ！？」"),
            ("It was 3.5 miles away. He ran.", "It was 3.5 miles away"),
            ("  a\tb   c  ", "a b c"),
            ("", ""),
            ("　\n\u200b", ""),
            ("。", "。"),
        ],
    )
    def test_a_title_is_the_first_sentence(self, text: str, title: str) -> None:
        """Without its full stop and on one line."""
        assert title_of(text) == title

    def test_a_long_title_is_cut_at_a_pause(self) -> None:
        """Where one is in its second half."""
        text = "それは九月初旬のある蒸し暑い晩の、誰もいない海辺の町でのことであった。"

        assert title_of(text) == "それは九月初旬のある蒸し暑い晩の…"

    @given(st.text())
    def test_a_title_is_short_and_on_one_line(self, text: str) -> None:
        """Whatever was written."""
        title = title_of(text)

        assert len(title) <= 30
        assert "\n" not in title


class TestCharacters:
    """What can be kept and what can be seen."""

    def test_unwritable_characters_are_replaced(self) -> None:
        """NUL and lone surrogates only."""
        assert writable("あ\x00\ud800\udfff𠮷\n") == "あ\ufffd\ufffd\ufffd𠮷\n"

    @given(st.text(alphabet=st.characters(exclude_categories=())))
    def test_writable_text_is_utf8(self, text: str) -> None:
        """Whatever came in."""
        assert writable(text).encode().decode().count("\x00") == 0

    @pytest.mark.parametrize("text", ["", " \n\t", "\u3000", "\u200b\ufeff", "\x00"])
    def test_blank_text_shows_nothing(self, text: str) -> None:
        """Spaces, controls and zero-width characters."""
        assert is_blank(text)

    @pytest.mark.parametrize("text", ["あ", "。", " - ", "👍"])
    def test_other_text_shows_something(self, text: str) -> None:
        """Even a single mark."""
        assert not is_blank(text)
