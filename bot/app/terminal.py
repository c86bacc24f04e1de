"""The bot in the terminal: one reader, one worker.

`tsuzuki continue` keeps its one story in memory; `tsuzuki play` tells stories of the configured store.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import getpass
import os
import stat
import threading
from collections.abc import AsyncIterator
from typing import TextIO

from adapters.console import ROOM, ConsoleAdapter, Session, Transcript
from bot.app.bootstrap import Runtime, build
from bot.app.task_supervisor import TaskSupervisor, stop_on_signals
from bot.core.settings_values import length_named
from bot.domain.chat import Author, Message
from bot.domain.errors import EngineError, NotText
from bot.domain.jobs import GenerationOptions, JobReceipt, JobState
from bot.domain.ports import Translate
from bot.text.code_points import named
from bot.text.text_file import codec_of, text_of
from config.settings import Settings

MEMORY = "sqlite:///:memory:"
_CHUNK_BYTES = 65536


def options_from(
    length: str, preset: str, candidates: int, seed: int | None, locale: str
) -> GenerationOptions:
    """What the options say. The preset's name is looked up by the services.

    Raises:
        UnknownLength
    """
    return GenerationOptions(length_named(length, locale), preset, candidates, seed)


def typed_message(text: str, locale: str) -> Message:
    """What somebody wrote at the terminal."""
    return Message("continue", ROOM, _author(locale), text)


def file_message(text: str, locale: str) -> Message:
    """What a file or a pipe says, which may be longer than what is typed."""
    return Message("continue", ROOM, _author(locale), "", attached=text)


def with_model(settings: Settings, model: str | None) -> Settings:
    """The settings with a local worker for `model`, if one is named."""
    if model is None:
        return settings
    engine = settings.engine.model_copy(update={"model": model, "url": None})
    return settings.model_copy(update={"engine": engine})


async def continue_story(
    settings: Settings,
    translate: Translate,
    locale: str,
    story: Message,
    options: GenerationOptions,
    out: TextIO,
    err: TextIO,
) -> JobState:
    """Write a text and what comes next to `out`, everything else to `err`; returns how it ended.

    Raises:
        EmptyPrompt, TextTooLong, FileTooLong, UnknownPreset: before anything is started or written.
        OSError: nothing can be written to `out` any more.
    """
    console = ConsoleAdapter(out, err, translate, locale)
    stop = asyncio.Event()
    with stop_on_signals(stop):
        async with build(settings, translate, (console,), MEMORY) as runtime:
            author, text = story.author, story.whole
            receipt = await runtime.services.generation.receive_message(story, options)
            if receipt is None:
                raise RuntimeError("a continuation was asked for, and play made no job of it")
            console.set_beginning(text)
            tasks = TaskSupervisor()
            try:
                tasks.start(
                    "story",
                    _wait_written(runtime, console, receipt, text, translate, locale, err, stop),
                    needed=False,
                )
                runtime.start(tasks)
                await tasks.watch(stop)
                stopped = await _stopped(runtime, console, author, receipt, settings.grace_s)
                if console.write_error is not None:
                    raise console.write_error
                if stopped:
                    return JobState.CANCELLED
                job = await runtime.store.jobs.get(receipt.job_id)
            finally:
                await tasks.cancel("story", settings.grace_s)
                await runtime.stop(tasks, (), settings.grace_s)
    return job.state if job else JobState.CANCELLED


async def play_stories(
    settings: Settings,
    translate: Translate,
    locale: str,
    wanted: str | None,
    lines: AsyncIterator[str],
    out: TextIO,
    err: TextIO,
    *,
    whole: bool = False,
) -> bool:
    """Tell stories line by line, as they are typed; whether all went well.

    `wanted`: the beginning of a story's id; None: the one that stands open. The story's text goes to `out`,
    all of it with `whole` (without, the replies: a terminal shows what people type), everything else to
    `err`. SIGINT stops what is being written, else the program.

    Raises:
        NoSuchStory, SeveralStories, NotText
        OSError: nothing can be written to `out` any more.
    """
    console = ConsoleAdapter(
        out, err, translate, locale, labels=err, transcript=Transcript(out) if whole else None
    )
    async with build(settings, translate, (console,), settings.store.url) as runtime:
        session = Session(runtime.services, console, _author(locale), translate, out, err)
        await session.enter(wanted)
        story = asyncio.create_task(session.run(lines), name="story")
        await _play(story, runtime, session, console, settings.grace_s)
    if console.write_error is not None:
        raise console.write_error
    return story.result() if not story.cancelled() else False


async def _play(
    story: asyncio.Task[bool], runtime: Runtime, session: Session, console: ConsoleAdapter, grace_s: float
) -> None:
    """Let the parts work until a story's lines are at their end, or somebody has had enough."""
    stop, tasks = asyncio.Event(), TaskSupervisor()
    story.add_done_callback(lambda _: stop.set())
    stops: set[asyncio.Task[bool]] = set()

    def stop_writing() -> bool:
        if session.writing:
            stops.add(asyncio.create_task(session.stop()))
        return session.writing

    with stop_on_signals(stop, stop_writing):
        try:
            tasks.start("story", _until(story, console, stop), needed=False)
            runtime.start(tasks)
            await tasks.watch(stop)
            if console.write_error is not None:
                await session.stop()
        finally:
            story.cancel()
            await asyncio.gather(story, return_exceptions=True)
            await tasks.cancel("story", grace_s)
            await runtime.stop(tasks, (), grace_s)


async def _until(story: asyncio.Task[bool], console: ConsoleAdapter, stop: asyncio.Event) -> None:
    """Wait until the story is over, or nobody can read it any more, then end everything."""
    gone = asyncio.create_task(console.wait_write_error())
    try:
        await asyncio.wait({story, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
    stop.set()


async def _wait_written(
    runtime: Runtime,
    console: ConsoleAdapter,
    receipt: JobReceipt,
    text: str,
    translate: Translate,
    locale: str,
    err: TextIO,
    stop: asyncio.Event,
) -> None:
    """Wait until the continuation has been written out, or cannot be, then end everything."""
    await console.wait_ended(receipt.job_id)
    # Beside the story: where nobody hears it, or the worker is gone, the story was written all the same.
    with contextlib.suppress(EngineError, OSError):
        read = await runtime.engine.count_tokens(text)
        if read.unknown:
            key = "solo.unseen_as" if read.read_as else "solo.unseen"
            print(translate(key, locale, characters=named(read.unknown), read_as=read.read_as), file=err)
        if read.unwritable:
            characters, needed = named(read.unwritable), ", ".join(read.languages_needed)
            print(
                translate("languages.unwritable", locale, characters=characters, languages=needed), file=err
            )
    stop.set()


async def _stopped(
    runtime: Runtime, console: ConsoleAdapter, author: Author, receipt: JobReceipt, grace_s: float
) -> bool:
    """Whether somebody had enough before the end: then what there is stays, and they are told so."""
    if not await runtime.services.generation.cancel(ROOM, author):
        return False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_s):
            await console.wait_ended(receipt.job_id)
    return True


def _author(locale: str) -> Author:
    return Author(ROOM.platform, "-", _user(), locale)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "-"


async def typed_lines(descriptor: int, encoding: str = "") -> AsyncIterator[str]:
    """The lines of a terminal, a pipe or a file, without their ends, until it ends.

    A file's encoding is found out from what is in it; a pipe's is UTF-8 where nothing else is said.

    Raises:
        NotText: it is no text, or not in this encoding.
        UnknownEncoding: there is no `encoding` of that name.
    """
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        data = b"".join([chunk async for chunk in _chunks(descriptor)])
        text = text_of(data, len(data), encoding).removesuffix("\n")
        for line in text.split("\n") if text else ():
            yield line
        return
    decoder = codecs.getincrementaldecoder(codec_of(encoding or "utf-8-sig"))()
    rest = ""
    async for chunk in _chunks(descriptor):
        *lines, rest = (rest + _decoded(decoder, chunk)).split("\n")
        for line in lines:
            yield line.removesuffix("\r")
    if rest := rest + _decoded(decoder, b"", final=True):
        yield rest.removesuffix("\r")


async def _chunks(descriptor: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        # The system's own call, not Python's buffered reader: a process that ends while somebody may still
        # type must not wait for a lock that this thread holds.
        while True:
            try:
                chunk = os.read(descriptor, _CHUNK_BYTES)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:  # the loop is closed: nobody listens
                return
            if not chunk:
                return

    threading.Thread(target=read, name="typed", daemon=True).start()
    while chunk := await chunks.get():
        yield chunk


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> str:
    try:
        return decoder.decode(chunk, final)
    except UnicodeError:
        raise NotText from None
