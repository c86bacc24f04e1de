"""The small house of `tsuzuki continue`: one story in memory, one reader at the terminal, one worker."""

from __future__ import annotations

import asyncio
import getpass
from typing import TextIO

from adapters.console import ROOM, ConsoleAdapter
from bot.app import House, build
from bot.crew import Crew
from bot.errors import EngineError, UnknownLength
from bot.messages import Ask, Author, JobState, Length, Message, Say, Ticket
from bot.queue import JobQueue
from bot.signals import stopping
from config.settings import Settings

MEMORY = "sqlite:///:memory:"


def ask_for(length: str, preset: str, candidates: int, seed: int | None) -> Ask:
    """What the options say. The preset's name is looked up by the rules of play.

    Raises:
        UnknownLength
    """
    try:
        return Ask(Length(length), preset, candidates, seed)
    except ValueError:
        raise UnknownLength(name=length, known=", ".join(Length)) from None


def with_model(settings: Settings, model: str | None) -> Settings:
    """The settings with a local worker for `model`, if one is named."""
    if model is None:
        return settings
    engine = settings.engine.model_copy(update={"model": model, "url": None})
    return settings.model_copy(update={"engine": engine})


async def continue_story(
    settings: Settings, say: Say, locale: str, text: str, ask: Ask, out: TextIO, err: TextIO
) -> JobState:
    """Write `text` and what comes next to `out`, everything else to `err`; returns how it ended.

    Raises:
        EmptyPrompt, TextTooLong, UnknownPreset: before anything is started or written.
    """
    console = ConsoleAdapter(out, err, say, locale)
    author = Author(ROOM.platform, "-", _user(), locale)
    stop = asyncio.Event()
    with stopping(stop):
        async with build(settings, say, (console,), MEMORY) as house:
            ticket = await house.play.hear(Message("continue", ROOM, author, text), ask)
            if ticket is None:
                raise RuntimeError("a continuation was asked for, and play made no job of it")
            console.begin(text)
            crew = Crew()
            try:
                crew.start("story", _tell(house, ticket, text, say, locale, err, stop), needed=False)
                house.start(crew)
                await crew.watch(stop)
                job = await house.store.job(ticket.job_id)
            finally:
                await house.stop(crew, (), settings.grace_s)
    return job.state if job else JobState.CANCELLED


async def _tell(
    house: House, ticket: Ticket, text: str, say: Say, locale: str, err: TextIO, stop: asyncio.Event
) -> None:
    """Wait until the continuation has been written out, then end everything."""
    await _finished(house.queue, ticket.story_id).wait()
    await house.outbox.flush(ticket.job_id)
    try:
        unknown = (await house.engine.count(text)).unknown
    except EngineError:
        unknown = ()
    if unknown:
        print(say("solo.unseen", locale, characters="".join(unknown)), file=err)
    stop.set()


def _finished(queue: JobQueue, story_id: str) -> asyncio.Event:
    """Set once the story has neither a running nor a waiting job."""
    finished = asyncio.Event()

    def look() -> None:
        if not queue.jobs_of(story_id):
            finished.set()

    queue.on_change(look)
    return finished


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "-"
