"""The rules: what happens when somebody writes, asks for more, or has had enough."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.errors import (
    EmptyPrompt,
    EngineError,
    QueueFull,
    TextTooLong,
    TooManyWaiting,
    UnknownPreset,
    UnreadableText,
)
from bot.messages import (
    PRESET_NAMES,
    PRESETS,
    Ask,
    Author,
    Draft,
    DraftState,
    Job,
    JobState,
    Message,
    Room,
    Say,
    Story,
    Ticket,
)
from bot.queue import JobQueue
from bot.seams import Engine, Heard, Store
from bot.story import is_blank, writable

MAX_CANDIDATES = 5
SEEDS = 2**32
"""Drawn seeds are short enough to be typed again."""
_KEPT_SEEDS = 2**63
"""What the store holds of a seed that somebody chose."""
_PATIENCE_S = 0.5
"""How long a person waits for what the model says of their text; without it they get no hint."""
_SHOWN_UNREADABLE = 20

Show = Callable[[Job, Draft], None]


def draw_seed() -> int:
    """A seed that nobody chose."""
    return secrets.randbelow(SEEDS)


class StoryPlay:
    """`adapters.base.Play`: keeps what people write and queues what they ask for.

    A request is refused before anything of it is kept, so that sending it again is all that is needed; once
    it is kept, its job is in the queue before anybody else has a turn.
    """

    def __init__(
        self,
        store: Store,
        queue: JobQueue,
        engine: Engine,
        show: Show,
        say: Say,
        *,
        max_characters: int = 4000,
        patience_s: float = _PATIENCE_S,
        draw: Callable[[], int] = draw_seed,
    ) -> None:
        self._store = store
        self._queue = queue
        self._engine = engine
        self._show = show
        self._say = say
        self._max_characters = max_characters
        self._patience_s = patience_s
        self._draw = draw

    async def hear(self, message: Message, ask: Ask | None) -> Ticket | None:
        """Add a message to its room's story and, with `ask`, queue a continuation.

        Returns None where nothing was asked for.

        Raises:
            EmptyPrompt, TextTooLong, UnknownPreset, UnreadableText, QueueFull, TooManyWaiting
        """
        message = self._readable(message)
        if ask is None:
            if message.text:
                await self._store.hear(message, None, "", 0)
            return None
        ask = _understood(ask, message.author)
        unknown = await self._require_prompt(message)
        # Shielded: a caller that goes away must not leave a kept job that is in no queue.
        queued = asyncio.create_task(self._queue_up(message, ask, unknown))
        try:
            return await asyncio.shield(queued)
        except (QueueFull, TooManyWaiting):
            # A platform that sends an event twice must not see its accepted request refused.
            known = await self._store.heard(message.room.platform, message.event_id)
            if known is None or known.job is None:
                raise
            return self._ticket(known, known.job, unknown)

    async def read(self, room: Room) -> Story | None:
        """The story told in a room, if there is one."""
        return await self._store.story(room)

    async def stories(self, platform: str) -> Sequence[Story]:
        """The stories of a platform, latest first, without passages."""
        return await self._store.stories(platform)

    async def cancel(self, room: Room) -> bool:
        """Stop what runs or waits in a room; False if nothing did.

        A running job is only told to stop: whoever runs it keeps what was written and shows how it ended.
        """
        story = await self._store.story(room)
        if story is None:
            return False
        jobs = self._queue.jobs_of(story.id)
        waiting = [job for job in jobs if self._queue.place(job.id) is not None]
        for job in jobs:
            self._queue.cancel(job.id)
        for job in waiting:
            await self._store.finish(job.id, JobState.CANCELLED)
            note = self._say("play.cancelled", job.author.locale)
            self._show(job, Draft(DraftState.CANCELLED, note=note))
        return bool(jobs)

    def _readable(self, message: Message) -> Message:
        """The message with a text that can be kept; nothing but spaces is no text."""
        text = "" if is_blank(message.text) else writable(message.text)
        if len(text) > self._max_characters:
            raise TextTooLong(limit=self._max_characters, length=len(text))
        return replace(message, text=text)

    async def _require_prompt(self, message: Message) -> tuple[str, ...]:
        """Make sure that there is something to go on from; returns the characters the model cannot see."""
        if message.text:
            return await self._unknown(message.text)
        story = await self._store.story(message.room)
        if story is None or not any(passage.text for passage in story.passages):
            raise EmptyPrompt
        return ()

    async def _unknown(self, text: str) -> tuple[str, ...]:
        """Characters of `text` that the model cannot see, as far as it tells in time."""
        try:
            async with asyncio.timeout(self._patience_s):
                count = await self._engine.count(text)
        except (EngineError, TimeoutError):
            return ()
        unseen = set("".join(count.unknown))
        if all(character in unseen or _is_invisible(character) for character in text):
            raise UnreadableText(characters="".join(count.unknown)[:_SHOWN_UNREADABLE])
        return count.unknown

    async def _queue_up(self, message: Message, ask: Ask, unknown: tuple[str, ...]) -> Ticket:
        seed = self._draw() if ask.seed is None else ask.seed
        with self._queue.seat(message.author) as put:
            heard = await self._store.hear(message, ask, uuid.uuid4().hex, seed)
            if heard.job is None:
                # The event was heard before as a message that asked for nothing.
                return Ticket("", heard.story_id, 0, repeated=True, unknown=unknown)
            if not heard.repeated:
                put(heard.job)
                self._show(heard.job, self._waiting(heard.job))
            return self._ticket(heard, heard.job, unknown)

    def _ticket(self, heard: Heard, job: Job, unknown: tuple[str, ...]) -> Ticket:
        place = self._queue.place(job.id) or 0
        return Ticket(job.id, heard.story_id, place, repeated=heard.repeated, unknown=unknown)

    def _waiting(self, job: Job) -> Draft:
        place = self._queue.place(job.id) or 0
        if place:
            note = self._say("play.place", job.author.locale, place=place)
        else:
            note = self._say("play.starting", job.author.locale)
        return Draft(DraftState.WAITING, note=note)


def _understood(ask: Ask, author: Author) -> Ask:
    """The ask with the preset's own name and a number of candidates that can be had."""
    candidates = min(max(ask.candidates, 1), MAX_CANDIDATES)
    seed = None if ask.seed is None else ask.seed % _KEPT_SEEDS
    return replace(ask, preset=_preset(ask.preset, author), candidates=candidates, seed=seed)


def _preset(name: str, author: Author) -> str:
    typed = unicodedata.normalize("NFKC", name).strip().casefold()
    preset = PRESET_NAMES.get(typed, typed)
    if preset in PRESETS:
        return preset
    names = PRESET_NAMES if author.locale == "ja" else PRESETS
    raise UnknownPreset(name=name, known=("、" if author.locale == "ja" else ", ").join(names))


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character)[0] in "ZC"
