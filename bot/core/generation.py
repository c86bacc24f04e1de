"""Asking: somebody writes, wants more, wants it otherwise, or has had enough."""

from __future__ import annotations

import asyncio
import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.core.ground import Ground
from bot.core.permissions import require
from bot.core.settings_resolver import length_named, preset_named, set_at
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import (
    EmptyPrompt,
    EngineError,
    PassageGone,
    QueueFull,
    QuotaReached,
    StoryMoved,
    TooManyWaiting,
    UnreadableText,
    UserError,
)
from bot.domain.inference import TokenCount
from bot.domain.jobs import GenerationOptions, Job, JobReceipt
from bot.domain.ports import ReceivedMessage
from bot.domain.replies import Reply, ReplyState
from bot.domain.room_settings import RoomSettings, has_preset, preset_of
from bot.domain.scopes import scopes_of
from bot.domain.story import Story
from bot.story.joining import WINDOW_CHARACTERS, ending, told_text
from bot.text.character_names import named
from bot.text.out_of_character import is_aside, without_asides
from bot.text.ruby import without_ruby

MAX_CANDIDATES = 5
QUOTA_TIME = timedelta(hours=24)
_KEPT_SEEDS = 2**63
"""What the store holds of a seed that somebody chose."""
_SHOWN_UNREADABLE = 20
_RETRY_READS = 3
"""How often the story's end is read anew, because a reply came in between, for who named no passage."""
_READABLE = re.compile("[A-Za-zぁ-んァ-ン]")
"""Of these every checkpoint reads some: a text that has one is never refused as unreadable."""
NOTHING_READ = TokenCount(0)
_Who = tuple[Room, tuple[str, str]]
"""A person in a room."""


class Asking(Ground):
    """Keeps what people write and queues what they ask for.

    A request is refused before anything of it is kept, so that sending it again is all that is needed; once
    it is kept, its job is in the queue before anybody else has a turn.
    """

    async def receive_message(
        self, message: Message, ask: GenerationOptions | None, earlier: Sequence[Message] = ()
    ) -> JobReceipt | None:
        """Add a message to its room's story and, with `ask`, queue a continuation."""
        self._require_size(message)
        rules = await self._permitted(message.room, message.author)
        title = self._titled(message.title, rules, message.room)
        message = self._kept(replace(message, title=title), rules)
        lines = [line for one in earlier if (line := self._fitting(one, rules)) is not None]
        if ask is not None:
            return await self._ask(message, ask, rules, lines)
        if message.text:
            aside = rules.parentheses_aside
            heard = await self._store.receive_message(
                message, None, "", 0, parentheses_aside=aside, earlier=lines
            )
            # A repeated one is further up by now; one beside the story leaves the buttons where they are.
            if not heard.repeated and not await self.is_aside(message):
                await self._replies.remove_buttons(message.room)
        return None

    def _fitting(self, message: Message, rules: RoomSettings) -> Message | None:
        """An earlier line as it can be kept; one that cannot does not keep out the others."""
        try:
            require(rules, message.room, message.author)
            kept = self._kept(message, rules)
        except UserError:
            return None
        return kept if kept.text else None

    async def is_aside(self, message: Message) -> bool:
        """Whether a message says something beside the story of its room, and nothing else."""
        return is_aside(message.whole, parentheses=await self._parentheses_aside(message.room))

    async def check(self, message: Message) -> None:
        """Raise what `hear` would refuse of a person and their text, before anybody else is shown it."""
        self._require_size(message)
        rules = await self._permitted(message.room, message.author)
        self._kept(message, rules)

    async def count_tokens(self, message: Message) -> TokenCount:
        """How the model reads a message that is about to be only written, for what is new to its writer."""
        self._require_size(message)
        said = without_ruby(await self._said(message.room, message.whole))
        return await self._told_once(message, await self._count(said)) if said else NOTHING_READ

    async def retry(self, message: Message, ask: GenerationOptions) -> JobReceipt:
        """Queue another continuation instead of the story's last, which stays as an alternative."""
        rules = await self._permitted(message.room, message.author)
        for _ in range(_RETRY_READS):
            try:
                return await self._retry(message, ask, rules)
            except StoryMoved:
                if message.after is not None:
                    raise
        raise StoryMoved

    async def _retry(self, message: Message, ask: GenerationOptions, rules: RoomSettings) -> JobReceipt:
        story = await self._open(message.room)
        last = ending(story)
        instead_of = last.id if last is not None and last.by_model else None
        return await self._ask(replace(message, text=""), replace(ask, instead_of=instead_of), rules)

    async def again(self, message: Message, job_id: str) -> JobReceipt:
        """Ask anew for what a job of the room came to nothing for."""
        rules = await self._permitted(message.room, message.author)
        job = await self._store.job(job_id)
        ask = (
            replace(job.options, seed=None)
            if job is not None and job.room == message.room
            else GenerationOptions()
        )
        if not has_preset(ask.preset, rules):
            ask = replace(ask, preset="")
        try:
            return await self._ask(message, ask, rules)
        except (StoryMoved, PassageGone):
            return await self._ask(message, replace(ask, instead_of=None), rules)

    async def cancel(self, room: Room, by: Author) -> bool:
        """Stop what runs or waits in a room; False if nothing did."""
        await self._permitted(room, by)
        story = await self._store.story(room)
        if story is None:
            return False
        jobs = self._queue.jobs_of(story.id)
        for job in jobs:
            await self._stop(job)
        return bool(jobs)

    async def stop(self, job_id: str, by: Author) -> bool:
        """Stop one job; False if it was over."""
        job = await self._store.job(job_id)
        if job is None or job.state.final:
            return False
        await self._permitted(job.room, by)
        return await self._stop(job)

    async def withdraw(self, platform: str, message_id: str) -> bool:
        """Stop the reply that somebody deleted while it is written, and keep nothing; False if it is none."""
        job = await self._store.job_of_message(platform, message_id)
        if job is None or job.state.final:
            return False
        await self._writer.discard(job)
        return True

    async def _stop(self, job: Job) -> bool:
        """A running job is only told to stop: whoever runs it keeps what was written, and shows the end."""
        waits = self._queue.place(job.id) is not None
        known = self._queue.cancel(job.id)
        if known and waits:
            await self._writer.stopped(job)
        return known

    async def _ask(
        self, message: Message, ask: GenerationOptions, rules: RoomSettings, earlier: Sequence[Message] = ()
    ) -> JobReceipt:
        ask = _understood(ask, rules, message.author)
        # What the model can read is kept at once; only what it may see nothing of waits for its answer.
        readable = _READABLE.search(await self._said(message.room, message.text)) is not None
        read = NOTHING_READ if readable else await self._require_prompt(message, ask, earlier)
        # Shielded: a caller that goes away must not leave a kept job that is in no queue.
        queued = asyncio.create_task(self._queue_up(message, ask, rules, earlier))
        try:
            heard = await asyncio.shield(queued)
        except (QueueFull, TooManyWaiting, QuotaReached):
            known = await self._under_way(message)
            if known is None or known.job is None:
                raise
            return self._ticket(known, read)
        return self._ticket(heard, await self._read_after(message, heard) if readable else read)

    async def _read_after(self, message: Message, heard: ReceivedMessage) -> TokenCount:
        """How the model reads a message that is kept already."""
        count = await self._count(without_ruby(await self._said(message.room, message.text)))
        kept = heard.passage.id if heard.passage is not None and not heard.repeated else ""
        return await self._told_once(message, count, but=kept)

    async def _under_way(self, message: Message) -> ReceivedMessage | None:
        """What was accepted already must not be refused: an event sent twice, a button pressed by two."""
        known = await self._store.received(message.room.platform, message.event_id)
        story = await self._store.story(message.room) if known is None and message.after else None
        jobs = self._queue.jobs_of(story.id) if story is not None else []
        return ReceivedMessage(jobs[0].story_id, None, jobs[0], repeated=True) if jobs else known

    async def _require_prompt(
        self, message: Message, ask: GenerationOptions, earlier: Sequence[Message]
    ) -> TokenCount:
        """Make sure that there is something to go on from; returns how the model reads the message."""
        if said := await self._said(message.room, message.text):
            return await self._told_once(message, await self._reading(without_ruby(said)))
        story = await self._store.story(message.room)
        told = story is not None and _has_text(story, ask)
        if not told and not any([await self._said(one.room, one.text) for one in earlier]):
            raise EmptyPrompt
        return await self._told_once(message, TokenCount(0))

    async def _said(self, room: Room, text: str) -> str:
        """What of a person's text belongs to the story of a room."""
        return without_asides(text, parentheses=await self._parentheses_aside(room))

    async def _parentheses_aside(self, room: Room) -> bool:
        """As the room's story keeps it; where none is open, as one that begins now would."""
        story = await self._store.story(room)
        return (await self.rules(room) if story is None else story).parentheses_aside

    async def _reading(self, text: str) -> TokenCount:
        """How the model reads `text`. Raises UnreadableText where it sees nothing of it."""
        count = await self._count(text)
        unseen = set("".join(count.unknown))
        if count is not NOTHING_READ and all(
            character in unseen or _is_invisible(character) for character in text
        ):
            raise UnreadableText(characters=named(count.unknown[:_SHOWN_UNREADABLE]))
        return count

    async def _count(self, text: str) -> TokenCount:
        """How the model reads `text`, as far as it tells in time."""
        try:
            async with asyncio.timeout(self._bounds.patience_s):
                return await self._engine.count_tokens(text)
        except (EngineError, TimeoutError):
            return NOTHING_READ

    async def _told_once(self, message: Message, read: TokenCount, but: str = "") -> TokenCount:
        """Without the characters that this person wrote in this story before: they know.

        `but`: the passage that the message became.

        What could not be read in time (a model takes a while to load) is read when they ask the next time.
        """
        who = (message.room, message.author.person)
        if read is NOTHING_READ:
            self._unread.add(who)
            return read
        late = who in self._unread
        story = await self._store.story(message.room) if read.unknown or late else None
        if story is None:
            return read
        mine = message.author.person
        theirs = (one.text for one in story.passages if one.author.person == mine and one.id != but)
        own = "\n".join(theirs)
        if late:
            late_text = f"{own}\n{message.text}"[-WINDOW_CHARACTERS:]
            return await self._read_late(who, await self._said(message.room, late_text))
        known = frozenset(own)
        new = tuple(character for character in read.unknown if character not in known)
        return TokenCount(read.tokens, new, read.read_as if new else "")

    async def _read_late(self, who: _Who, text: str) -> TokenCount:
        read = await self._count(without_ruby(text))
        if read is not NOTHING_READ:
            self._unread.discard(who)
        return read

    async def _require_quota(self, message: Message, rules: RoomSettings) -> None:
        """A limit counts what was asked for wherever the rule that sets it holds."""
        if rules.daily_per_person:
            await self._require_less(message, rules.daily_per_person, "daily_per_person", message.author)
        if rules.daily_in_all:
            await self._require_less(message, rules.daily_in_all, "daily_in_all", None)

    async def _require_less(self, message: Message, limit: int, rule: str, author: Author | None) -> None:
        room, since = message.room, self._clock() - QUOTA_TIME
        scope = set_at(rule, await self._store.rules(room.platform, scopes_of(room)), room)
        asked = await self._store.asked_since(room.platform, since, author=author, scope=scope)
        if asked >= limit:
            raise QuotaReached(limit=limit, who="place" if author is None else "person")

    async def _queue_up(
        self, message: Message, ask: GenerationOptions, rules: RoomSettings, earlier: Sequence[Message]
    ) -> ReceivedMessage:
        seed = self._draw() if ask.seed is None else ask.seed
        with self._queue.seat(message.author) as put:
            async with self._one_by_one:  # of two requests at once the second counts the first
                await self._require_quota(message, rules)
                aside = rules.parentheses_aside
                job_id = uuid.uuid4().hex
                heard = await self._store.receive_message(
                    message, ask, job_id, seed, parentheses_aside=aside, earlier=earlier
                )
            if heard.job is not None and not heard.repeated:
                put(heard.job)
                self._replies.show(heard.job, self._waiting(heard.job))
            return heard

    def _ticket(self, heard: ReceivedMessage, read: TokenCount) -> JobReceipt:
        if heard.job is None:
            # The event was heard before as a message that asked for nothing.
            return JobReceipt(
                "", heard.story_id, 0, repeated=True, unknown=read.unknown, read_as=read.read_as
            )
        place = self._queue.place(heard.job.id) or 0
        return JobReceipt(heard.job.id, heard.story_id, place, heard.repeated, read.unknown, read.read_as)

    def _waiting(self, job: Job) -> Reply:
        place = self._queue.place(job.id) or 0
        if place:
            note = self._say("play.place", job.author.locale, place=place)
        else:
            note = self._say("play.starting", job.author.locale)
        return Reply(ReplyState.WAITING, note=note)


def _understood(ask: GenerationOptions, rules: RoomSettings, author: Author) -> GenerationOptions:
    """The ask with nothing left open, and a number of candidates that can be had."""
    return replace(
        ask,
        length=length_named(ask.length, author.locale) if ask.length else rules.length,
        preset=preset_named(ask.preset, rules, author.locale) if ask.preset else preset_of(rules),
        candidates=min(max(ask.candidates, 1), MAX_CANDIDATES),
        seed=None if ask.seed is None else ask.seed % _KEPT_SEEDS,
    )


def _has_text(story: Story, ask: GenerationOptions) -> bool:
    passages = [passage for passage in story.passages if passage.id != ask.instead_of]
    return any(told_text(story, passage) for passage in passages)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character)[0] in "ZC"
