"""What becomes of what a person sends: taken, or refused with the reason, and the text stays in the box."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from nicegui import ui
from nicegui.events import GenericEventArguments

from adapters.shared.error_boundary import Failure, error_boundary
from adapters.web import payloads
from adapters.web.elements import ComposerPart
from adapters.web.render.settings import word_of_setting
from adapters.web.visitor import Visitor
from bot.core.services import Services
from bot.domain.chat import Room
from bot.domain.errors import BadRule, EmptyPrompt
from bot.domain.inference import TokenCount
from bot.domain.jobs import JobReceipt
from bot.domain.ports import Translate
from bot.domain.room_settings import SETTINGS
from bot.text.code_points import named

NOTICE_MS = 7000
OWN_WORDS = {"error.story_moved": "web.story_moved"}
"""What is said otherwise here than where the buttons stand under each message."""


def payload_of(event: GenericEventArguments) -> Mapping[str, object]:
    """What an event carries, as far as it is what our pages send."""
    return event.args if isinstance(event.args, dict) else {}


async def run_action(work: Awaitable[None], translate: Translate, locale: str) -> bool:
    """Whether what a click asked for was done. The person is told why it was not."""

    async def tell(failure: Failure) -> None:
        key = OWN_WORDS.get(failure.key, failure.key)
        notify(translate(key, locale, **_in_words(failure, translate, locale)))

    what = "What was asked for in the web room could not be done"
    async with error_boundary(what, tell, trouble="web.trouble") as outcome:
        await work
    return outcome.done


def _in_words(failure: Failure, translate: Translate, locale: str) -> Mapping[str, object]:
    """The values of an error, with the setting that it names called as the page calls it."""
    name = str(failure.values.get("name"))
    if not isinstance(failure.error, BadRule) or name not in SETTINGS or not SETTINGS[name].in_web:
        return failure.values
    return {**failure.values, "name": translate(f"web.{word_of_setting(name)}", locale)}


def notify(sentence: str) -> None:
    """Show a sentence to the person of the current page, long enough to read it."""
    # At the top, away from the box and its buttons; as text, for it may hold what somebody typed.
    # `textColor` names no colour of Quasar's, whose own would win over the style sheet.
    ui.notify(
        sentence,
        position="top",
        classes="tz-notice",
        textColor="ink",
        timeout=NOTICE_MS,
        multi_line=True,
        close_button="×",
        html=False,
    )


@dataclass(frozen=True, slots=True)
class Submissions:
    """Takes the events of one composer. `then` runs once a message was taken, before the box is emptied.

    `notify`: how the person is told what there is to say of their text.
    """

    services: Services
    translate: Translate
    visitor: Visitor
    room: Room
    composer: ComposerPart
    on_accepted: Callable[[], Awaitable[None]]
    notify: Callable[[str], None] = notify

    async def submit(self, event: GenericEventArguments) -> None:
        """Take what the composer sent."""
        payload = payload_of(event)
        event_id = str(payload.get("event_id", ""))
        if await run_action(self._submit(payload), self.translate, self.visitor.locale):
            self.composer.accepted(event_id)
        else:
            self.composer.refused(event_id)

    async def _submit(self, payload: Mapping[str, object]) -> None:
        self.visitor.rename(payload)
        self.visitor.require_name(written=bool(payloads.text_of(payload).strip()))
        read = await self._retry(payload) if payload.get("retry") else await self._receive_message(payload)
        if read:
            self._warn_of_unseen(read)
        await self.on_accepted()

    async def _receive_message(self, payload: Mapping[str, object]) -> JobReceipt | TokenCount | None:
        message = payloads.message_of(payload, self.room, self.visitor.author)
        options = payloads.generation_options_of(payload)
        if options is not None:
            return await self.services.generation.receive_message(message, options)
        if not message.text.strip():
            raise EmptyPrompt
        read = await self.services.generation.count_tokens(message)
        await self.services.generation.receive_message(message, None)
        return read

    async def _retry(self, payload: Mapping[str, object]) -> JobReceipt:
        message = payloads.message_of({**payload, "text": ""}, self.room, self.visitor.author)
        options = payloads.generation_options_of(payload)
        if options is None:
            raise payloads.BadRequest("ask")
        return await self.services.generation.retry(message, options)

    def _warn_of_unseen(self, read: JobReceipt | TokenCount) -> None:
        if read.unknown:
            key = "web.unseen_as" if read.read_as else "web.unseen"
            characters = named(read.unknown)
            self.notify(self.translate(key, self.visitor.locale, characters=characters, read_as=read.read_as))
        if read.unwritable:
            characters, needed = named(read.unwritable), ", ".join(read.languages_needed)
            self.notify(
                self.translate(
                    "languages.unwritable", self.visitor.locale, characters=characters, languages=needed
                )
            )
