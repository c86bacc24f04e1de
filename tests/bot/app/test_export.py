"""A story taken out of the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app.export import export_story, list_stories
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import NoSuchStory, SeveralStories, UnknownFormat
from bot.store import open_store
from bot.story.export_formats import FORMATS, export_text
from config.i18n import Translations

MEI = Author("web", "1", "芽衣")
say = Translations.load()


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A store with a story in two rooms of the web and one of Slack."""
    url = f"sqlite:///{tmp_path / 'stories.db'}"
    store = await open_store(url)
    for number, (platform, room) in enumerate([("web", "a"), ("web", "b"), ("slack", "T/C/1")]):
        text = f"第{number}の夜。ＡＢＣ……　星"
        await store.messages.receive(
            Message(f"e{number}", Room(platform, room), MEI, text), None, f"j{number}", 0
        )
    await store.close()
    return url


async def test_the_list_names_every_story_with_its_platform(url: str) -> None:
    """Each line begins with what `export` takes."""
    lines = (await list_stories(url, say, "en")).splitlines()
    assert sorted(line.split()[1] for line in lines) == ["slack", "web", "web"]
    export_text = [await export_story(url, line.split()[0], "txt") for line in lines]
    assert sorted(export_text) == [
        f"第{number}の夜\n\n第{number}の夜。ＡＢＣ……　星\n\n芽衣\n" for number in range(3)
    ]


async def test_an_empty_store_says_so(tmp_path: Path) -> None:
    """Nothing to list is no error."""
    listed = await list_stories(f"sqlite:///{tmp_path / 'new.db'}", say, "ja")
    assert listed == "まだ物語はありません。"


async def test_an_id_that_fits_none_or_several_is_refused(url: str) -> None:
    """A wrong or too short id names what is the matter."""
    with pytest.raises(NoSuchStory):
        await export_story(url, "nothing-like-this", "txt")
    with pytest.raises(SeveralStories):
        await export_story(url, "", "txt")


async def test_an_unknown_format_is_refused(url: str) -> None:
    """Before anything is looked for."""
    with pytest.raises(UnknownFormat):
        await export_story(url, "x", "docx")


async def test_what_the_command_gives_out_is_what_every_door_does(url: str) -> None:
    """To the character, in each form."""
    store = await open_store(url)
    (story,) = await store.stories.find("slack")
    story = await store.stories.get(story.id)
    await store.close()
    for form in FORMATS:
        assert await export_story(url, story.id, form) == export_text(story, form)
