"""A story taken out of the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import NoSuchStory, SeveralStories, UnknownFormat
from bot.export import as_markdown, as_text, export_story, list_stories
from bot.messages import MODEL, Author, Message, Passage, Room, Story
from bot.store import open_store
from config.phrases import Phrases

MEI = Author("web", "1", "芽衣")
say = Phrases.load()


def story(*texts: tuple[Author, str], title: str = "夜") -> Story:
    """A story of these passages."""
    passages = tuple(
        Passage(str(i), "s1", str(i - 1) if i else None, author, text)
        for i, (author, text) in enumerate(texts)
    )
    return Story("s1", Room("web", "a"), title, passages)


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A store with a story in two rooms of the web and one of Slack."""
    url = f"sqlite:///{tmp_path / 'stories.db'}"
    store = await open_store(url)
    for number, (platform, room) in enumerate([("web", "a"), ("web", "b"), ("slack", "T/C/1")]):
        text = f"第{number}の夜。ＡＢＣ……　星"
        await store.hear(Message(f"e{number}", Room(platform, room), MEI, text), None, f"j{number}", 0)
    await store.close()
    return url


def test_text_is_exactly_what_was_written() -> None:
    """Full-width letters, spaces and dots stay; the model goes on in the same line."""
    told = story((MEI, "　ＡＢＣ……"), (MODEL, "晩だった。"))
    assert as_text(told) == "　ＡＢＣ……晩だった。\n"


def test_markdown_has_title_paragraphs_and_authors_and_reads_nothing_as_markup() -> None:
    """What a writer typed is not turned into headings, lists or emphasis."""
    told = story((MEI, "# 題*一*\n- 二\n1. 三"), (MODEL, "終わり。"), title="夜<の>道")
    assert as_markdown(told, "（題なし）") == (
        "# 夜\\<の\\>道\n\n\\# 題\\*一\\*\n\n\\- 二\n\n1\\. 三終わり。\n\n---\n\n芽衣、続き\n"
    )


async def test_the_list_names_every_story_with_its_platform(url: str) -> None:
    """Each line begins with what `export` takes."""
    lines = (await list_stories(url, say, "en")).splitlines()
    assert sorted(line.split()[1] for line in lines) == ["slack", "web", "web"]
    exported = [await export_story(url, line.split()[0], "txt", say, "en") for line in lines]
    assert sorted(exported) == [f"第{number}の夜。ＡＢＣ……　星\n" for number in range(3)]


async def test_an_empty_store_says_so(tmp_path: Path) -> None:
    """Nothing to list is no error."""
    listed = await list_stories(f"sqlite:///{tmp_path / 'new.db'}", say, "ja")
    assert listed == "まだ物語はありません。"


async def test_an_id_that_fits_none_or_several_is_refused(url: str) -> None:
    """A wrong or too short id names what is the matter."""
    with pytest.raises(NoSuchStory):
        await export_story(url, "nothing-like-this", "txt", say, "en")
    with pytest.raises(SeveralStories):
        await export_story(url, "", "txt", say, "en")


async def test_an_unknown_format_is_refused(url: str) -> None:
    """Before anything is looked for."""
    with pytest.raises(UnknownFormat):
        await export_story(url, "x", "docx", say, "en")
