"""A story as a text to keep: what every door gives out, in plain text and in Markdown."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain.chat import MODEL, Author, Room
from bot.domain.errors import UnknownFormat
from bot.domain.story import Passage, Story
from bot.story.export_formats import FILE_NAME_CHARACTERS, export_text, file_name
from bot.story.joining import is_blank

MEI, BEN = Author("web", "1", "芽衣"), Author("web", "2", "Ben")
READERS = ("commonmark", "gfm-like")
"""Readers of Markdown; the second one knows tables, strikethrough and bare addresses."""


def story(*texts: tuple[Author, str], title: str = "夜") -> Story:
    """A story of these passages."""
    passages = tuple(
        Passage(str(i), "s1", str(i - 1) if i else None, author, text)
        for i, (author, text) in enumerate(texts)
    )
    return Story("s1", Room("web", "a"), title, passages)


class Page(HTMLParser):
    """What a browser shows of a page of text: lines, and which elements there are besides."""

    PLAIN = frozenset({"p", "br", "h1", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.title, self.paragraphs, self.others = "", list[str](), set[str]()
        self._within = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        """A paragraph begins, a line, or something that nobody wrote."""
        if tag in {"p", "h1"}:
            self._within = tag
            self.paragraphs += [""] if tag == "p" else []
        elif tag == "br":
            self.paragraphs[-1] += "\n"
        elif tag not in self.PLAIN:
            self.others.add(tag)

    def handle_endtag(self, tag: str) -> None:
        """Outside of a paragraph nothing is shown."""
        self._within = "" if tag in {"p", "h1"} else self._within

    def handle_data(self, data: str) -> None:
        """A browser takes a line's end in the source for a space, and many spaces for one."""
        shown = data.replace("\n", "").replace("\u00a0", " ").replace("\u2003", "\t")
        if self._within == "h1":
            self.title += shown
        elif self._within == "p":
            self.paragraphs[-1] += shown

    @property
    def lines(self) -> list[str]:
        """The text, with an empty line between two paragraphs; the last paragraph names the writers."""
        lines: list[str] = []
        for paragraph in self.paragraphs[:-1]:
            lines += [] if not lines else [""]
            lines += [] if not paragraph.strip() and lines else paragraph.split("\n")
        return lines


def shown(markdown: str, reader: str = "commonmark") -> Page:
    """The page that somebody sees."""
    return Page(MarkdownIt(reader, {"linkify": False}).render(markdown))


def test_text_has_title_passages_and_writers() -> None:
    """Full-width letters, spaces and dots stay; the model goes on in the same line and comes last."""
    told = story((MODEL, "　ＡＢＣ……"), (BEN, "晩だった。"), (MEI, "星。"))
    assert export_text(told) == "夜\n\n　ＡＢＣ……\n晩だった。\n星。\n\nBen、芽衣、続き\n"
    assert export_text(replace(told, title="")) == export_text(told).removeprefix("夜\n\n")


@pytest.mark.parametrize("form", ["txt", "md"])
def test_nothing_beside_the_story_is_given_out(form: str) -> None:
    """Nor the name of who wrote nothing else; what only looks like it stays."""
    told = story((MEI, "雨。\n// メモ"), (BEN, "（（どうする？））"), (MEI, "（まさか）"))
    assert [word in export_text(told, form) for word in ("メモ", "どうする", "Ben", "（まさか）")] == [
        False, False, False, True,
    ]  # fmt: skip


def test_an_unknown_form_is_refused() -> None:
    """It says which there are."""
    with pytest.raises(UnknownFormat) as caught:
        export_text(story((MEI, "雨。")), "docx")
    assert caught.value.values == {"name": "docx", "known": "txt, md"}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "text",
    [
        "# 題*一*\n- 二\n1. 三\n2) 四\n+ 五\n> 六",
        "一。\n二。\n\n三。\n\n\n\n四。",
        "一。\n　\n***\n\n---\n===\n二。",
        "　字下げ。\n　　二字下げ。\n    四つの空白。\n\tタブ。",
        "題\n===\n題\n---",
        "|a|b|\n|-|-|\n|1|2|",
        "~~消~~ ``x`` ![絵](u) [^1] <b>&amp;</b> $x$ \\ \\*",
        "```\ncode\n```\n~~~",
        "a  b   c",
        "末尾の逆斜線\\\n次。",
        "｜漢字《かんじ》",
    ],
)
def test_markdown_is_read_as_it_was_written(reader: str, text: str) -> None:
    """Scene breaks, spaces at a line's beginning, and signs that Markdown has a use for."""
    page = shown(export_text(story((MEI, text)), "md"), reader)
    assert page.lines == ["" if is_blank(line) else line for line in text.split("\n")]
    assert (page.title, page.paragraphs[-1], page.others) == ("夜", "芽衣", set())


@given(st.text(alphabet="あ。#*_-+=`~|<>&[]()!$\\:.1a\u3000 \n", min_size=1), st.sampled_from(READERS))
@example("1.\n\n-", "gfm-like")
def test_whatever_is_written(text: str, reader: str) -> None:
    """No text is read as anything but itself."""
    page = shown(export_text(story((MEI, "始。\n" + text + "\n終。")), "md"), reader)
    wanted = ["" if is_blank(line) else line.rstrip() for line in f"始。\n{text}\n終。".split("\n")]
    assert page.lines == wanted
    assert page.others == set()


def test_a_title_is_no_markup() -> None:
    """Nor are the writers' names; a story without a title has none."""
    told = story((replace(MEI, name="*芽衣*"), "雨。"), title="1. 夜<の>*道* #")
    page = shown(export_text(told, "md"))
    assert (page.title, page.paragraphs) == ("1. 夜<の>*道* #", ["雨。", "*芽衣*"])
    assert export_text(replace(told, title=""), "md").startswith("雨。")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("夜の道", "夜の道.md"),
        ('a/b\\c:d*e?f"g<h>i|j\nk', "a_b_c_d_e_f_g_h_i_j_k.md"),
        ("...", "story.md"),
        ("", "story.md"),
        ("夜" * 80, "夜" * FILE_NAME_CHARACTERS + ".md"),
        ("\u202e夜", "夜.md"),
    ],
)
def test_a_file_is_called_after_its_story(title: str, name: str) -> None:
    """As far as every file system takes it."""
    assert file_name(story(title=title), "md") == name
