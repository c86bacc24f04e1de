"""The terminal's commands for what the model reads besides the story, and for the settings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adapters.console import listing
from adapters.console.adapter import ROOM
from adapters.console.commands import NoSuchNumber
from adapters.console.output import SessionOutput
from adapters.shared.settings_codec import from_typed
from bot.core.services import Services
from bot.domain.chat import Author
from bot.domain.story import Notes
from bot.text.code_points import named


@dataclass(frozen=True, slots=True)
class NotesCommands:
    """Each takes what was typed behind its name; with nothing behind it, it shows what there is."""

    services: Services
    author: Author
    output: SessionOutput

    async def memory(self, text: str) -> None:
        """What always stands before the story."""
        notes = await self._notes()
        if text:
            notes = await self._save(replace(notes, memory=_unless_nothing(text)), notes)
        self._print_or_nothing(notes.memory)

    async def note(self, text: str) -> None:
        """What stands a little before its end."""
        notes = await self._notes()
        if text:
            notes = await self._save(replace(notes, note=_unless_nothing(text)), notes)
        self._print_or_nothing(notes.note)

    async def lore(self, argument: str) -> None:
        """What stands there where one of its keywords does. See `listing.changed_lore`."""
        notes = await self._notes()
        if argument:
            lore = listing.changed_lore(notes.lore, argument)
            if lore is None:
                raise NoSuchNumber(number=argument)
            notes = await self._save(replace(notes, lore=lore), notes)
        self._print_or_nothing(*listing.lore(notes.lore))

    async def window(self, _: str) -> None:
        """What the model reads of the story."""
        window, output = await self.services.prompts.context_window(ROOM), self.output
        for seen in window.seen:
            kind = output.sentence("console.piece_" + seen.piece.kind)
            output.print_lines(f"── {kind} ({seen.tokens})", seen.piece.text.rstrip("\n"))
        output.print_sentence(
            "console.window", tokens=window.tokens, context=window.context, reserved=window.reserved
        )
        if window.left_out_characters:
            output.print_sentence("console.left_out", count=window.left_out_characters)
        for piece in window.left_out:
            output.print_sentence("console.left_out_piece", text=piece.text)
        if window.unknown:
            output.print_sentence("solo.unseen", characters=named(window.unknown))

    async def settings(self, argument: str) -> None:
        """What holds here; `NAME VALUE` sets it."""
        held = await self.services.settings.resolve(ROOM)
        if argument:
            name, _, value = argument.partition(" ")
            held = await self.services.settings.change(ROOM, "", {name: from_typed(name, value)})
        self.output.print_lines(*listing.settings(held))

    async def _notes(self) -> Notes:
        story = await self.services.stories.open_in(ROOM)
        return story.notes if story else Notes()

    async def _save(self, notes: Notes, before: Notes) -> Notes:
        return (await self.services.editing.save_notes(ROOM, self.author, notes, before)).notes

    def _print_or_nothing(self, *lines: str) -> None:
        self.output.print_lines(*(lines if any(lines) else [self.output.sentence("console.nothing")]))


def _unless_nothing(text: str) -> str:
    return "" if text == listing.NOTHING else text
