"""A story told at the terminal, line by line: passages as they are typed, commands behind a slash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from adapters.console import listing
from adapters.console.adapter import ROOM, ConsoleAdapter
from adapters.console.commands import ALIASES, NoSuchCommand, NoSuchNumber, TypedCommand, command_of
from adapters.shared.atomic_file import write_atomically
from adapters.shared.candidates import by_number
from adapters.shared.settings_codec import from_typed
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import NoStory, NoSuchStory, SeveralStories, SpokenError, UserError
from bot.domain.inference import TokenCount
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.ports import Translate
from bot.domain.story import Notes, Passage, Story
from bot.story.joining import in_character_passages, joined_pieces, last_passage
from bot.story.tree import first_words
from bot.text.code_points import named

SHORT_ID = 8


class NotWritten(UserError):
    """The file cannot be written. Values: `path`, `reason`."""

    key = "console.not_written"


class Session:
    """Takes lines one after the other. `out` gets the story's text, `err` all that is said about it.

    Passages have the numbers that `/show` and `/tree` tell: in the order in which they were made, so that a
    number stays a passage's own.
    """

    def __init__(
        self,
        services: Services,
        console: ConsoleAdapter,
        author: Author,
        translate: Translate,
        out: TextIO,
        err: TextIO,
    ) -> None:
        self._services = services
        self._console = console
        self._author = author
        self._translate = translate
        self._out = out
        self._err = err
        self._writing = ""
        self._labelled = ("", 0)
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            name: getattr(self, f"_{name}") for name in ALIASES if name != "quit"
        }

    @property
    def writing(self) -> bool:
        """Whether the model writes, or will."""
        return bool(self._writing)

    async def enter(self, wanted: str | None) -> None:
        """Begin with the story that stands open here, or with another one by its id's beginning.

        Raises:
            NoSuchStory, SeveralStories, StoryBusy
        """
        if wanted is not None:
            await self._open(wanted)
            return
        story = await self._services.stories.read(ROOM)
        if story is None:
            self._print_sentence("console.welcome_new")
        else:
            self._print_sentence("console.welcome", title=self._title_of(story))
            if self._out.isatty() and self._console.transcript is None:
                await self._show("")

    async def run(self, lines: AsyncIterator[str]) -> bool:
        """Take lines until they end or one says so; whether all that was asked for could be done."""
        well = True
        await self._transcribe()
        async for line in lines:
            command = command_of(line)
            if command is None or command.name != "stop":
                await self.wait_idle()
            if command == TypedCommand("quit"):
                break
            well &= await self._run_line(line, command)
            if not self._writing:
                await self._transcribe()
        await self.wait_idle()
        if self._console.transcript is not None:
            self._console.transcript.end()
        return well

    async def _transcribe(self, instead_of: Passage | None = None) -> None:
        """Let what is not read at a terminal hold the story as it stands, or as it stood before a passage."""
        story = await self._services.stories.read(ROOM) if self._console.transcript is not None else None
        if story is not None:
            passages = takewhile(
                lambda one: instead_of is None or one.id != instead_of.id, in_character_passages(story)
            )
            self._console.show_story(story.id, list(joined_pieces(passages)))

    async def wait_idle(self) -> None:
        """Wait until nothing is written any more."""
        if self._writing:
            await self._console.wait_ended(self._writing)
            self._writing = ""
            await self._transcribe()

    async def stop(self) -> bool:
        """Stop what is being written; whether anything was."""
        return await self._services.generation.cancel(ROOM, self._author)

    async def _run_line(self, line: str, command: TypedCommand | None) -> bool:
        try:
            if command is None:
                await self._write(line)
            elif command.name in self._commands:
                await self._commands[command.name](command.argument)
            else:
                raise NoSuchCommand(name=command.name)
        except SpokenError as error:
            self._print_sentence(error.key, **error.values)
            return False
        return True

    # Writing

    async def _write(self, line: str) -> None:
        message = self._message(line)
        read = await self._services.generation.count_tokens(message)
        await self._services.generation.receive_message(message, None)
        self._warn_of_unseen(read)

    async def _continue(self, text: str) -> None:
        await self._follow_job(
            await self._services.generation.receive_message(self._message(text), GenerationOptions())
        )

    async def _candidates(self, argument: str) -> None:
        count = (
            self._number(argument) if argument else (await self._services.settings.resolve(ROOM)).candidates
        )
        await self._follow_job(
            await self._services.generation.receive_message(
                self._message(""), GenerationOptions(candidates=count)
            )
        )
        self._labelled = (self._writing, count)
        if count > 1:
            self._print_sentence("console.candidate", number=1)

    async def _retry(self, _: str) -> None:
        story = await self._story()
        last = last_passage(story)
        receipt = await self._services.generation.retry(
            replace(self._message(""), after=story.head), GenerationOptions()
        )
        await self._follow_job(receipt, last if last is not None and last.by_model else None)

    async def _stop(self, _: str) -> None:
        if not await self.stop():
            self._print_sentence("console.nothing_to_stop")

    def _message(self, text: str) -> Message:
        return Message(uuid4().hex, ROOM, self._author, text)

    async def _follow_job(self, receipt: JobReceipt | None, instead_of: Passage | None = None) -> None:
        if receipt is not None:
            self._warn_of_unseen(receipt)
            self._writing = receipt.job_id
            await self._transcribe(instead_of)
            self._console.follow(receipt.job_id)

    def _warn_of_unseen(self, read: JobReceipt | TokenCount) -> None:
        if read.unknown:
            key = "solo.unseen_as" if read.read_as else "solo.unseen"
            self._print_sentence(key, characters=named(read.unknown), read_as=read.read_as)

    # The tree

    async def _undo(self, _: str) -> None:
        await self._print_position(await self._services.editing.undo(ROOM, self._author))

    async def _redo(self, _: str) -> None:
        await self._print_position(await self._services.editing.redo(ROOM, self._author))

    async def _choose(self, argument: str) -> None:
        story = await self._story()
        last = last_passage(story)
        beside = await self._services.stories.alternatives(last.id) if last is not None else ()
        choices = by_number(beside, *self._labelled)
        if not argument:
            for line in listing.numbered(choices, last.id if last is not None else None):
                self._print_line(line)
            return
        chosen = choices.get(self._number(argument))
        if chosen is None:
            raise NoSuchNumber(number=argument)
        await self._print_position(await self._services.editing.choose(ROOM, self._author, chosen.id))

    async def _branch(self, argument: str) -> None:
        passage, _ = await self._passage(argument)
        await self._print_position(await self._services.editing.branch(ROOM, self._author, passage.id))

    async def _edit(self, argument: str) -> None:
        passage, text = await self._passage(argument)
        await self._services.editing.edit(ROOM, self._author, passage.id, text)
        self._print_sentence("console.edited", number=(await self._numbers())[passage.id])

    async def _delete(self, argument: str) -> None:
        passage, _ = await self._passage(argument)
        await self._print_position(await self._services.editing.delete(ROOM, self._author, passage.id))

    async def _show(self, _: str) -> None:
        story = await self._story()
        numbers = await self._numbers()
        for passage in story.passages:
            self._print_line(f"[{numbers[passage.id]}] {passage.author.name}")
            self._print_story(passage.text)

    async def _tree(self, _: str) -> None:
        for line in listing.branches(await self._story(), await self._services.stories.tree(ROOM)):
            self._print_line(line)

    async def _print_position(self, story: Story) -> None:
        """Say where the story ends now."""
        if not story.passages:
            self._print_sentence("console.at_the_beginning")
            return
        last = story.passages[-1]
        self._print_sentence("console.moved", number=(await self._numbers())[last.id], text=first_words(last))

    async def _numbers(self) -> dict[str, int]:
        return listing.numbers(await self._services.stories.tree(ROOM))

    async def _passage(self, argument: str) -> tuple[Passage, str]:
        """The passage that an argument begins with the number of, and the rest of it."""
        number, _, rest = argument.partition(" ")
        return self._nth(await self._services.stories.tree(ROOM), number), rest

    # What the model is told besides

    async def _memory(self, text: str) -> None:
        await self._annotate("memory", text)

    async def _note(self, text: str) -> None:
        await self._annotate("note", text)

    async def _annotate(self, name: str, text: str) -> None:
        notes = await self._notes()
        if text:
            taken = "" if text == listing.NOTHING else text
            changed = replace(notes, memory=taken) if name == "memory" else replace(notes, note=taken)
            notes = (await self._services.editing.save_notes(ROOM, self._author, changed, notes)).notes
        self._print_line(
            (notes.memory if name == "memory" else notes.note) or self._sentence("console.nothing")
        )

    async def _lore(self, argument: str) -> None:
        notes = await self._notes()
        if argument:
            lore = listing.changed_lore(notes.lore, argument)
            if lore is None:
                raise NoSuchNumber(number=argument)
            changed = replace(notes, lore=lore)
            notes = (await self._services.editing.save_notes(ROOM, self._author, changed, notes)).notes
        for line in listing.lore(notes.lore) or [self._sentence("console.nothing")]:
            self._print_line(line)

    async def _window(self, _: str) -> None:
        window = await self._services.stories.context_window(ROOM)
        for seen in window.seen:
            self._print_line(f"── {self._sentence('console.piece_' + seen.piece.kind)} ({seen.tokens})")
            self._print_line(seen.piece.text.rstrip("\n"))
        self._print_sentence(
            "console.window", tokens=window.tokens, context=window.context, reserved=window.reserved
        )
        if window.left_out_characters:
            self._print_sentence("console.left_out", count=window.left_out_characters)
        for piece in window.left_out:
            self._print_sentence("console.left_out_piece", text=piece.text)
        if window.unknown:
            self._print_sentence("solo.unseen", characters=named(window.unknown))

    async def _settings(self, argument: str) -> None:
        rules = await self._services.settings.resolve(ROOM)
        if argument:
            name, _, value = argument.partition(" ")
            rules = await self._services.settings.change(ROOM, "", {name: from_typed(name, value)})
        for line in listing.settings(rules):
            self._print_line(line)

    async def _notes(self) -> Notes:
        story = await self._services.stories.read(ROOM)
        return story.notes if story else Notes()

    # Stories

    async def _title(self, title: str) -> None:
        story = (
            await self._services.stories.rename(ROOM, self._author, title) if title else await self._story()
        )
        self._print_line(self._title_of(story))

    async def _new(self, title: str) -> None:
        self._print_line(self._title_of(await self._services.stories.begin(ROOM, self._author, title)))

    async def _list(self, _: str) -> None:
        here = await self._services.stories.read(ROOM)
        for story in await self._services.stories.list_stories(ROOM.platform):
            mark = "*" if here and here.id == story.id else " "
            self._print_line(f"{mark} {story.id[:SHORT_ID]}  {self._title_of(story)}")

    async def _open(self, wanted: str) -> None:
        stories = await self._services.stories.list_stories(ROOM.platform)
        found = [story.id for story in stories if story.id.startswith(wanted)]
        if not found or not wanted:
            raise NoSuchStory(story=wanted)
        if len(found) > 1 and wanted not in found:
            raise SeveralStories(story=wanted, ids=", ".join(each[:SHORT_ID] for each in found))
        story_id = wanted if wanted in found else found[0]
        here = await self._services.stories.read(ROOM)
        if here is None or here.id != story_id:
            here = await self._services.stories.reopen(ROOM, self._author, story_id)
        self._print_sentence("console.welcome", title=self._title_of(here))

    async def _close(self, _: str) -> None:
        story = await self._services.stories.close(ROOM, self._author)
        self._print_sentence("console.closed", title=self._title_of(story))

    async def _export(self, path: str) -> None:
        form = "md" if path.casefold().endswith(".md") else "txt"
        text = await self._services.stories.export((await self._story()).id, form)
        if not path:
            self._print_story(text)
            return
        try:
            await asyncio.to_thread(write_atomically, Path(path), text)
        except OSError as error:
            raise NotWritten(path=path, reason=error.strerror or str(error)) from error
        self._print_sentence("export.written", path=path)

    async def _help(self, _: str) -> None:
        self._print_line(self._sentence("console.help"))

    # Saying

    async def _story(self) -> Story:
        story = await self._services.stories.read(ROOM)
        if story is None:
            raise NoStory
        return story

    def _title_of(self, story: Story) -> str:
        return story.title or self._sentence("export.untitled")

    def _nth(self, among: Sequence[Passage], argument: str) -> Passage:
        number = self._number(argument)
        if not 1 <= number <= len(among):
            raise NoSuchNumber(number=argument)
        return among[number - 1]

    def _number(self, argument: str) -> int:
        try:
            return int(argument)
        except ValueError:
            raise NoSuchNumber(number=argument) from None

    def _print_story(self, text: str) -> None:
        # Where the output holds the story itself, a look at it is no part of that.
        out = self._out if self._console.transcript is None else self._err
        out.write(text if text.endswith("\n") else text + "\n")
        out.flush()

    def _print_line(self, line: str) -> None:
        print(line, file=self._err, flush=True)

    def _print_sentence(self, key: str, **values: object) -> None:
        self._print_line(self._sentence(key, **values))

    def _sentence(self, key: str, **values: object) -> str:
        return self._translate(key, self._author.locale, **values)
