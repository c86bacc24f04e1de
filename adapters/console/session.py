"""A story at the terminal, line by line: passages as they are typed, commands behind a slash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from adapters.console import listing
from adapters.console.adapter import ROOM, ConsoleAdapter
from adapters.console.commands import Command, NoSuchCommand, NoSuchNumber, TypedCommand, command_of
from adapters.console.notes_commands import NotesCommands
from adapters.console.output import SessionOutput
from adapters.shared.atomic_file import write_atomically
from adapters.shared.candidates import by_number
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import NoStory, NoSuchStory, SeveralStories, SpokenError, UserError
from bot.domain.inference import TokenCount
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.ports import Translate
from bot.domain.story import Passage, Story
from bot.story.export_formats import export_text
from bot.story.joining import in_character_passages, joined_pieces, last_passage
from bot.story.tree import first_words
from bot.text.code_points import named

SHORT_ID = 8
STOP = "stop"


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
        # Where the output holds the story itself, a look at it is no part of that.
        look = out if console.transcript is None else err
        self._output = SessionOutput(look, err, translate, author.locale)
        self._reads_along = out.isatty() and console.transcript is None
        self._writing = ""
        self._labelled = ("", 0)
        notes = NotesCommands(services, author, self._output)
        self.commands = (
            Command(("continue", "続き", "more"), self._continue),
            Command(("retry", "やり直し"), self._retry),
            Command(("undo", "取り消し", "戻す"), self._undo),
            Command(("redo", "進める"), self._redo),
            Command(("candidates", "候補"), self._candidates),
            Command(("choose", "選ぶ"), self._choose),
            Command(("branch", "分岐"), self._branch),
            Command(("edit", "直す", "編集"), self._edit),
            Command(("delete", "消す", "削除"), self._delete),
            Command(("show", "読む"), self._show),
            Command(("tree", "枝"), self._tree),
            Command(("memory", "記憶"), notes.memory),
            Command(("note", "注"), notes.note),
            Command(("lore", "設定集"), notes.lore),
            Command(("window", "見えるもの"), notes.window),
            Command(("settings", "設定"), notes.settings),
            Command(("title", "題"), self._title),
            Command(("new", "新しく"), self._new),
            Command(("list", "一覧"), self._list),
            Command(("open", "開く"), self._open),
            Command(("close", "閉じる"), self._close),
            Command(("export", "書き出す"), self._export),
            Command((STOP, "止める"), self._stop),
            Command(("help", "ヘルプ", "?"), self._help),
            Command(("quit", "終わる", "exit"), self._quit),
        )
        self._by_name = {name: command for command in self.commands for name in command.names}
        self._quitting = False

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
        story = await self._services.stories.open_in(ROOM)
        if story is None:
            self._output.print_sentence("console.welcome_new")
        else:
            self._output.print_sentence("console.welcome", title=self._title_of(story))
            if self._reads_along:
                await self._show("")

    async def run(self, lines: AsyncIterator[str]) -> bool:
        """Take lines until they end or one says so; whether all that was asked for could be done."""
        well = True
        await self._transcribe()
        async for line in lines:
            typed = command_of(line)
            if typed is None or self._by_name.get(typed.name) != self._by_name[STOP]:
                await self.wait_idle()
            well &= await self._run_line(line, typed)
            if self._quitting:
                break
            if not self._writing:
                await self._transcribe()
        await self.wait_idle()
        if self._console.transcript is not None:
            self._console.transcript.end()
        return well

    async def _transcribe(self, instead_of: Passage | None = None) -> None:
        """Let what is not read at a terminal hold the story as it stands, or as it stood before a passage."""
        story = await self._services.stories.open_in(ROOM) if self._console.transcript is not None else None
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

    async def _run_line(self, line: str, typed: TypedCommand | None) -> bool:
        try:
            if typed is None:
                await self._write(line)
            elif typed.name in self._by_name:
                await self._by_name[typed.name].run(typed.argument)
            else:
                raise NoSuchCommand(name=typed.name)
        except SpokenError as error:
            self._output.print_sentence(error.key, **error.values)
            return False
        return True

    # Writing

    async def _write(self, line: str) -> None:
        message = self._message(line)
        read = await self._services.generation.count_tokens(message)
        await self._services.generation.receive_message(message, None)
        self._warn_of_unseen(read)

    async def _continue(self, text: str, candidates: int = 0) -> None:
        options = GenerationOptions(candidates=candidates)
        await self._follow_job(await self._services.generation.receive_message(self._message(text), options))

    async def _candidates(self, argument: str) -> None:
        held = await self._services.settings.resolve(ROOM)
        count = self._number(argument) if argument else held.candidates
        await self._continue("", count)
        self._labelled = (self._writing, count)
        if count > 1:
            self._output.print_sentence("console.candidate", number=1)

    async def _retry(self, _: str) -> None:
        story = await self._story()
        last = last_passage(story)
        receipt = await self._services.generation.retry(
            replace(self._message(""), after=story.head), GenerationOptions()
        )
        await self._follow_job(receipt, last if last is not None and last.by_model else None)

    async def _stop(self, _: str) -> None:
        if not await self.stop():
            self._output.print_sentence("console.nothing_to_stop")

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
            self._output.print_sentence(key, characters=named(read.unknown), read_as=read.read_as)
        if read.unwritable:
            needed = ", ".join(read.languages_needed)
            self._output.print_sentence(
                "languages.unwritable", characters=named(read.unwritable), languages=needed
            )

    # The tree

    async def _undo(self, _: str) -> None:
        await self._print_position(await self._services.editing.undo(ROOM, self._author))

    async def _redo(self, _: str) -> None:
        await self._print_position(await self._services.editing.redo(ROOM, self._author))

    async def _choose(self, argument: str) -> None:
        story = await self._story()
        last = last_passage(story)
        beside = await self._services.passages.alternatives(last.id) if last is not None else ()
        choices = by_number(beside, *self._labelled)
        if not argument:
            self._output.print_lines(*listing.numbered(choices, last.id if last is not None else None))
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
        self._output.print_sentence("console.edited", number=(await self._numbers())[passage.id])

    async def _delete(self, argument: str) -> None:
        passage, _ = await self._passage(argument)
        await self._print_position(await self._services.editing.delete(ROOM, self._author, passage.id))

    async def _show(self, _: str) -> None:
        story = await self._story()
        numbers = await self._numbers()
        for passage in story.passages:
            self._output.print_lines(f"[{numbers[passage.id]}] {passage.author.name}")
            self._output.print_story(passage.text)

    async def _tree(self, _: str) -> None:
        self._output.print_lines(*listing.branches(await self._story(), await self._all_passages()))

    async def _print_position(self, story: Story) -> None:
        """Say where the story ends now."""
        if not story.passages:
            self._output.print_sentence("console.at_the_beginning")
            return
        last = story.passages[-1]
        number = (await self._numbers())[last.id]
        self._output.print_sentence("console.moved", number=number, text=first_words(last))

    async def _numbers(self) -> dict[str, int]:
        return listing.numbers(await self._all_passages())

    async def _passage(self, argument: str) -> tuple[Passage, str]:
        """The passage that an argument begins with the number of, and the rest of it."""
        number, _, rest = argument.partition(" ")
        return self._nth(await self._all_passages(), number), rest

    async def _all_passages(self) -> Sequence[Passage]:
        return await self._services.passages.of_story((await self._story()).id)

    # Stories

    async def _title(self, title: str) -> None:
        editing = self._services.editing
        story = await (editing.rename(ROOM, self._author, title) if title else self._story())
        self._output.print_lines(self._title_of(story))

    async def _new(self, title: str) -> None:
        story = await self._services.editing.begin(ROOM, self._author, title)
        self._output.print_lines(self._title_of(story))

    async def _list(self, _: str) -> None:
        here = await self._services.stories.open_in(ROOM)
        for story in await self._services.stories.find(ROOM.platform):
            mark = "*" if here and here.id == story.id else " "
            self._output.print_lines(f"{mark} {story.id[:SHORT_ID]}  {self._title_of(story)}")

    async def _open(self, wanted: str) -> None:
        stories = await self._services.stories.find(ROOM.platform)
        found = [story.id for story in stories if story.id.startswith(wanted)]
        if not found or not wanted:
            raise NoSuchStory(story=wanted)
        if len(found) > 1 and wanted not in found:
            raise SeveralStories(story=wanted, ids=", ".join(each[:SHORT_ID] for each in found))
        story_id = wanted if wanted in found else found[0]
        here = await self._services.stories.open_in(ROOM)
        if here is None or here.id != story_id:
            here = await self._services.editing.reopen(ROOM, self._author, story_id)
        self._output.print_sentence("console.welcome", title=self._title_of(here))

    async def _close(self, _: str) -> None:
        story = await self._services.editing.close(ROOM, self._author)
        self._output.print_sentence("console.closed", title=self._title_of(story))

    async def _export(self, path: str) -> None:
        form = "md" if path.casefold().endswith(".md") else "txt"
        text = export_text(await self._story(), form)
        if not path:
            self._output.print_story(text)
            return
        try:
            await asyncio.to_thread(write_atomically, Path(path), text)
        except OSError as error:
            raise NotWritten(path=path, reason=error.strerror or str(error)) from error
        self._output.print_sentence("export.written", path=path)

    async def _quit(self, _: str) -> None:
        self._quitting = True

    async def _help(self, _: str) -> None:
        self._output.print_lines(self._output.sentence("console.help"))

    async def _story(self) -> Story:
        story = await self._services.stories.open_in(ROOM)
        if story is None:
            raise NoStory
        return story

    def _title_of(self, story: Story) -> str:
        return story.title or self._output.sentence("export.untitled")

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
