"""A story taken out of the store, as a text to keep."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bot.errors import NoSuchStory, SeveralStories, UnknownFormat
from bot.messages import Story
from bot.seams import Say
from bot.store import SqlStore, open_store
from bot.story import text_of

PLATFORMS = ("web", "discord", "slack", "console")
SHORT_ID = 8
FORMATS = ("txt", "md")

_MARKDOWN = re.compile(r"([\\`*_<>\[\]#|~])|^(\s*)([-+]|\d+[.)])(?=\s)", re.MULTILINE)
"""What Markdown would read as its own."""


async def list_stories(url: str, say: Say, locale: str) -> str:
    """A line for each story: how to name it, where it is told, its title."""
    async with _opened(url) as store:
        stories = await _all(store)
    if not stories:
        return say("export.none_yet", locale)
    return "\n".join(
        f"{story.id[:SHORT_ID]}  {story.room.platform:<8}  {story.title or say('export.untitled', locale)}"
        for story in stories
    )


async def export_story(url: str, story_id: str, form: str, say: Say, locale: str) -> str:
    """The whole story as `txt` (its text exactly as written) or `md` (with title and authors).

    Raises:
        NoSuchStory, SeveralStories, UnknownFormat
    """
    if form not in FORMATS:
        raise UnknownFormat(name=form, known=", ".join(FORMATS))
    async with _opened(url) as store:
        story = await store.story_by_id(_chosen(await _all(store), story_id))
    return as_text(story) if form == "txt" else as_markdown(story, say("export.untitled", locale))


def as_text(story: Story) -> str:
    """The story exactly as written, ending in a newline."""
    text = text_of(story.passages)
    return text if text.endswith("\n") else text + "\n"


def as_markdown(story: Story, untitled: str) -> str:
    """The story under its title, a paragraph for each line, and who wrote it."""
    lines = [f"# {_escaped(story.title or untitled)}"]
    lines += [_escaped(line) for line in text_of(story.passages).splitlines() if line.strip()]
    names = dict.fromkeys(passage.author.name for passage in story.passages)
    lines += ["---", _escaped("、".join(names))]
    return "\n\n".join(lines) + "\n"


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[SqlStore]:
    store = await open_store(url)
    try:
        yield store
    finally:
        await store.close()


async def _all(store: SqlStore) -> list[Story]:
    return [story for platform in PLATFORMS for story in await store.stories(platform, limit=None)]


def _chosen(stories: Sequence[Story], wanted: str) -> str:
    found = [story.id for story in stories if story.id.startswith(wanted)]
    if wanted in found:
        return wanted
    if not found:
        raise NoSuchStory(story=wanted)
    if len(found) > 1:
        raise SeveralStories(story=wanted, ids=", ".join(story_id[:SHORT_ID] for story_id in found))
    return found[0]


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(lambda found: _escape(found.group(1), found.group(2), found.group(3)), text)


def _escape(special: str | None, indent: str | None, marker: str | None) -> str:
    if special is not None:
        return "\\" + special
    marker = marker or ""
    return (indent or "") + (marker[:-1] + "\\" + marker[-1])
