"""The notebook beside a story: branches, notes, what the model sees, the settings, the room's stories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace

from adapters.web import payloads
from adapters.web.payloads import BadRequest
from adapters.web.render import settings
from adapters.web.render.values import branch_view
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.story import Notes
from bot.story.export_formats import export_text, file_name
from bot.story.tree import outline
from bot.text.code_points import names

Leaf = dict[str, object]


@dataclass(frozen=True, slots=True)
class Notebook:
    """What stands on each leaf of one room's notebook."""

    services: Services
    room: Room

    async def leaf(self, name: str) -> Leaf:
        """What a leaf shows. Raises UserError where it cannot be had, BadRequest where there is none."""
        leaves: dict[str, Callable[[], Awaitable[Leaf]]] = {
            "tree": self._tree,
            "notes": self._notes,
            "window": self._window,
            "rules": self._settings,
            "stories": self._stories,
        }
        if name not in leaves:
            raise BadRequest("leaf")
        return await leaves[name]()

    async def text_of_story(self, story_id: str, form: str) -> tuple[str, str]:
        """A story to keep: the name of its file, and its text. Raises NoSuchStory, UnknownFormat."""
        story = await self.services.stories.get(story_id)
        return file_name(story, form), export_text(story, form)

    async def _tree(self) -> Leaf:
        story = await self.services.stories.open_in(self.room)
        if story is None:
            return {"branches": []}
        lines = outline(story, await self.services.passages.of_story(story.id))
        return {"branches": [asdict(branch_view(line)) for line in lines]}

    async def _notes(self) -> Leaf:
        story = await self.services.stories.open_in(self.room)
        return notes_payload(story.notes if story else Notes())

    async def _window(self) -> Leaf:
        if await self.services.stories.open_in(self.room) is None:
            return {"window": None}
        window = await self.services.prompts.context_window(self.room)
        return {"window": asdict(replace(window, unknown=names(window.unknown)))}

    async def _settings(self) -> Leaf:
        return {"rules": settings.settings_payload(await self.services.settings.resolve(self.room))}

    async def _stories(self) -> Leaf:
        now = await self.services.stories.open_in(self.room)
        stories = await self.services.stories.find(payloads.PLATFORM, room=self.room)
        return {
            "stories": [
                {"id": story.id, "title": story.title, "open": now is not None and story.id == now.id}
                for story in stories
            ]
        }


def notes_payload(notes: Notes) -> Leaf:
    """Notes as the notebook shows and sends them."""
    lore = [
        {"keywords": "、".join(entry.keywords), "text": entry.text, "priority": entry.priority}
        for entry in notes.lore
    ]
    return {"memory": notes.memory, "note": notes.note, "lore": lore}
