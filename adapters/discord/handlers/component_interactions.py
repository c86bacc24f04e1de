"""What happens when someone presses a button or sends a form."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any, cast

import discord

from adapters.discord.api.errors import delivery
from adapters.discord.delivery.interaction_response import Answers, Interaction, locale_of
from adapters.discord.delivery.posts import Posts
from adapters.discord.handlers.continue_command import Continuing
from adapters.discord.handlers.interaction_context import Scene, scene_of, where_told
from adapters.discord.handlers.settings_command import Settings
from adapters.discord.handlers.story_actions import Stories
from adapters.discord.handlers.tree_actions import Moves, Telling
from adapters.discord.render.modals import NAME, ask_of, edit_form, field_of, lore_of, require_unchanged
from adapters.discord.render.replies import MAX_CONTENT, candidate
from adapters.discord.render.story_lines import split
from adapters.discord.render.views import Press, Verb, pick_button, read_id
from adapters.shared.candidates import by_number
from adapters.shared.double_clicks import DoubleClicks
from adapters.shared.ports import Play
from bot.domain.errors import NotYours
from bot.domain.jobs import GenerationOptions
from bot.domain.ports import Translate
from bot.domain.story import Notes, Passage

_log = logging.getLogger(__name__)

MIN_SEVERAL = 2
ASKS = {Verb.MORE, Verb.RETRY, Verb.SEVERAL, Verb.RESUBMIT}
"""What a reply comes of."""
TEXTS = {Verb.EDIT, Verb.MEMORY, Verb.NOTE, Verb.LORE}
"""Forms whose text goes into the story or its notes."""


class Presses:
    """Buttons under replies and forms, by the ids that they carry."""

    def __init__(
        self,
        play: Play,
        say: Translate,
        posts: Posts,
        answers: Answers,
        moves: Moves,
        telling: Telling,
        stories: Stories,
        continuing: Continuing,
        settings: Settings,
        clicks: DoubleClicks,
    ) -> None:
        self._play = play
        self._say = say
        self._posts = posts
        self._answers = answers
        self._moves = moves
        self._telling = telling
        self._stories = stories
        self._continuing = continuing
        self._settings = settings
        self._clicks = clicks

    async def came(self, interaction: Interaction) -> None:
        """A button was pressed or a form was sent."""
        data = cast("dict[str, Any]", interaction.data or {})
        press = read_id(str(data.get("custom_id", "")))
        if press is None:
            await self._answers.whisper(
                interaction, self._say("discord.unknown_button", locale_of(interaction))
            )
            return
        form = interaction.type is discord.InteractionType.modal_submit
        text = field_of(data) if form else ""
        deed = self._sent(interaction, press, data) if form else self._pressed(interaction, press)
        await self._answers.carry_out(interaction, deed, text)

    # Buttons

    async def _pressed(self, interaction: Interaction, press: Press) -> None:
        scene = scene_of(interaction, self._posts)
        deeds = {
            Verb.MORE: self._more,
            Verb.RESUBMIT: self._resubmit,
            Verb.RETRY: self._retry,
            Verb.SEVERAL: self._several,
            Verb.UNDO: self._moves.undo,
            Verb.REDO: self._moves.redo,
            Verb.TAKE_BACK: self._telling.take_back,
            Verb.PICK: self._moves.pick,
            Verb.READ: self._read,
            Verb.STOP: self._stop,
            Verb.EDIT: self._edit,
            Verb.FORGET: self._forget,
        }
        deed = deeds.get(press.verb)
        if deed is None:
            await self._answers.whisper(interaction, self._say("discord.unknown_button", scene.locale))
            return
        if deed == self._edit:  # brings a form, which nobody double-clicks
            await self._edit(scene, press.about)
            return
        message = interaction.message
        with self._clicks.first(scene.author.id, (message.id if message else 0, press)) as first:
            keeping = deed(scene, press.about) if first else _nothing()
            if press.verb in ASKS and not scene.abroad:
                await self._answers.kept_first(interaction, keeping, self._answers.note)
                return
            # Abroad, and of what is told to everybody, nothing can be shown before it is acknowledged.
            await self._answers.note(interaction)
            await keeping

    async def _more(self, scene: Scene, passage: str) -> None:
        await self._play.receive_message(scene.message(after=passage), GenerationOptions())

    async def _resubmit(self, scene: Scene, job: str) -> None:
        # One job that came to nothing is asked for again once, however often the button is pressed.
        await self._play.again(scene.message(event_id=f"again {job}"), job)

    async def _retry(self, scene: Scene, passage: str) -> None:
        await self._play.retry(scene.message(after=passage), GenerationOptions())

    async def _several(self, scene: Scene, passage: str) -> None:
        wanted = (await self._play.rules(scene.room)).candidates
        await self._play.retry(
            scene.message(after=passage), GenerationOptions(candidates=max(MIN_SEVERAL, wanted))
        )

    async def _read(self, scene: Scene, passage: str) -> None:
        """Every candidate in full, each with its button under its last piece."""
        job = passage.rpartition(".")[0]
        choices = by_number(await self._play.alternatives(passage), job)
        for number, other in sorted(choices.items()):
            pieces = split(candidate(number, other.text), MAX_CONTENT)
            for piece in pieces[:-1]:
                await self._answers.whisper(scene.interaction, piece)
            view = pick_button(other.id, number, self._say, scene.locale)
            await self._answers.whisper(scene.interaction, pieces[-1], view=view)

    async def _stop(self, scene: Scene, job: str) -> None:
        if not await self._play.stop(job, scene.author):
            await self._answers.whisper(scene.interaction, self._say("discord.over", scene.locale))

    async def _edit(self, scene: Scene, about: str) -> None:
        await self.open_edit(scene, await self._play.passage(about))

    async def open_edit(self, scene: Scene, passage: Passage) -> None:
        """Bring the form for a passage to whom it belongs. Raises NotYours, TooLongForForm."""
        owner = passage.asker or passage.author
        if scene.author.person != owner.person:
            raise NotYours
        with delivery():
            await scene.interaction.response.send_modal(edit_form(passage, self._say, scene.locale))

    async def _forget(self, scene: Scene, person: str) -> None:
        if person != scene.author.id:
            raise NotYours
        count = await self._play.forget(scene.author)
        key = "discord.forgotten" if count else "discord.nothing_to_forget"
        values = {"count": count} if count else {}
        await self._answers.whisper(scene.interaction, self._say(key, scene.locale, **values))

    # Forms

    async def _sent(self, interaction: Interaction, press: Press, data: Mapping[str, Any]) -> None:
        text = field_of(data)
        if press.verb is Verb.BEGIN:
            await self._continuing.asked(interaction, text, ask_of(press.about))
            return
        scene = scene_of(interaction, self._posts)
        if press.verb in TEXTS:
            keeping = self._keep(scene, press, text)
            await self._answers.kept_first(interaction, keeping, self._answers.think)
            done = self._say(f"discord.form.{press.verb}.done", scene.locale)
            await self._answers.whisper(interaction, done)
            return
        if press.verb is Verb.BEGIN_ANEW:
            await self._stories.begin_anew(scene, text, press.about)
            return
        await self._answers.think(interaction)
        if press.verb is Verb.RULE:
            scope, _, rule = press.about.partition(",")
            await self._settings.change(scene, scope, rule, text, lines=True)
        elif press.verb is Verb.PRESET:
            scope, _, former = press.about.partition(",")
            await self._settings.keep_preset(scene, scope, former, field_of(data, NAME), text)
        else:
            await self._answers.whisper(interaction, self._say("discord.unknown_button", scene.locale))

    async def _keep(self, scene: Scene, press: Press, text: str) -> None:
        if press.verb is Verb.EDIT:
            told = await where_told(self._play, scene, await self._play.passage(press.about))
            await self._play.edit(told.room, scene.author, press.about, text)
        else:
            await self._annotate(scene, press, text)

    async def _annotate(self, scene: Scene, press: Press, text: str) -> None:
        story = await self._play.read(scene.room)
        notes, verb = story.notes if story is not None else Notes(), press.verb
        require_unchanged(press, notes)
        changed = {
            Verb.MEMORY: dataclasses.replace(notes, memory=text),
            Verb.NOTE: dataclasses.replace(notes, note=text),
            Verb.LORE: dataclasses.replace(notes, lore=lore_of(text) if verb is Verb.LORE else ()),
        }
        await self._play.annotate(scene.room, scene.author, changed[verb], notes)


async def _nothing() -> None:
    """What the second of two clicks does."""
