"""What words in a thread do: stop, be quiet, listen again, export, settings, help."""

from __future__ import annotations

from adapters.slack.connection.manifest import COMMAND
from adapters.slack.listeners.export import Exports
from adapters.slack.payloads.events import Place
from adapters.slack.payloads.thread_words import Word
from adapters.slack.workspace import Workspace
from bot.core.permissions import require
from bot.core.services import Services
from bot.domain.chat import Author
from bot.domain.errors import DeliveryError

_FORMS = {Word.EXPORT: "txt", Word.EXPORT_MARKDOWN: "md"}
_DEEDS = frozenset({Word.STOP, Word.MUTE, Word.UNMUTE, *_FORMS})
"""Words that change something for others, so that not everybody may say them."""


def without_story(word: Word) -> str:
    """The sentence for who says `word` where no story is told that it could be about."""
    answers = {Word.HELP: "slack.help", Word.SETTINGS: "slack.settings_where"}
    return answers.get(word, "slack.word_elsewhere")


class ThreadWords:
    """Obeys words in a story's thread."""

    def __init__(self, services: Services, exports: Exports) -> None:
        self._services = services
        self._exports = exports

    async def obey(self, workspace: Workspace, place: Place, author: Author, word: Word) -> None:
        """Do what `word` asks for. Raises UserError, RetryLater."""
        tell = workspace.telling.privately
        if word in _DEEDS:
            await self._require_permission(place, author)
        if word is Word.STOP:
            if not await self._services.generation.cancel(place.room, author):
                await tell(place, author, "slack.nothing_to_stop")
        elif word is Word.MUTE:
            await self._services.settings.change(place.room, "", {"listens": False})
            await tell(place, author, "slack.muted")
        elif word is Word.UNMUTE:
            await self._services.settings.change(place.room, "", {"listens": True})
            await tell(place, author, "slack.unmuted")
        elif word in _FORMS:
            await self._export(workspace, place, author, _FORMS[word])
        elif word is Word.SETTINGS:
            await workspace.telling.offer(place, author, "slack.settings_where", "settings", command=COMMAND)
        else:
            await tell(place, author, "slack.help_thread", command=COMMAND)

    async def _require_permission(self, place: Place, author: Author) -> None:
        require(await self._services.settings.resolve(place.room), place.room, author)

    async def _export(self, workspace: Workspace, place: Place, author: Author, form: str) -> None:
        try:
            await self._exports.of_room(workspace, place, form)
        except DeliveryError:
            await workspace.telling.privately(place, author, "slack.no_export")
