"""A story taken out of the store, as a text to keep."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bot.domain.errors import NoSuchStory, SeveralStories, UnknownFormat
from bot.domain.ports import Translate
from bot.domain.story import Story
from bot.store import Store, open_store
from bot.story.export_formats import FORMATS, export_text

PLATFORMS = ("web", "discord", "slack", "console")
SHORT_ID = 8


async def list_stories(url: str, translate: Translate, locale: str) -> str:
    """A line for each story: how to name it, where it is told, its title."""
    async with _opened(url) as store:
        stories = await _all(store)
    if not stories:
        return translate("export.none_yet", locale)
    untitled = translate("export.untitled", locale)
    return "\n".join(
        f"{story.id[:SHORT_ID]}  {story.room.platform:<8}  {story.title or untitled}" for story in stories
    )


async def export_story(url: str, story_id: str, form: str) -> str:
    """The whole story in a form of `bot.story.export_formats`, as every other door gives it out.

    Raises:
        NoSuchStory, SeveralStories, UnknownFormat
    """
    if form not in FORMATS:
        raise UnknownFormat(name=form, known=", ".join(FORMATS))
    async with _opened(url) as store:
        story = await store.stories.get(_chosen(await _all(store), story_id))
    return export_text(story, form)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Store]:
    store = await open_store(url)
    try:
        yield store
    finally:
        await store.close()


async def _all(store: Store) -> list[Story]:
    return [story for platform in PLATFORMS for story in await store.stories.find(platform, limit=None)]


def _chosen(stories: Sequence[Story], wanted: str) -> str:
    found = [story.id for story in stories if story.id.startswith(wanted)]
    if wanted in found:
        return wanted
    if not found:
        raise NoSuchStory(story=wanted)
    if len(found) > 1:
        raise SeveralStories(story=wanted, ids=", ".join(story_id[:SHORT_ID] for story_id in found))
    return found[0]
