"""Somebody writes, wants a continuation, wants it otherwise, or has had enough."""

from __future__ import annotations

import asyncio
import re
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.core.dispatcher import Dispatcher
from bot.core.outbox import Outbox
from bot.core.permissions import require_permission
from bot.core.queue import JobQueue
from bot.core.quota import DailyQuota
from bot.core.reply_delivery import place_note
from bot.core.settings_resolver import SettingsResolver
from bot.core.settings_values import length_named, preset_named
from bot.core.validation import NOT_COUNTED, PromptCheck, TextLimits, checked_title
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import (
    NoStory,
    PassageGone,
    QueueFull,
    QuotaReached,
    StoryMoved,
    TooManyWaiting,
    UserError,
)
from bot.domain.inference import TokenCount
from bot.domain.jobs import MAX_CANDIDATES, GenerationOptions, Job, JobReceipt
from bot.domain.ports import Translate
from bot.domain.replies import Reply, ReplyState
from bot.domain.repositories import ReceivedMessage, Repositories
from bot.domain.room_settings import RoomSettings, has_preset, preset_of
from bot.story.joining import last_passage
from bot.text.out_of_character import is_out_of_character

SEEDS = 2**32
"""Drawn seeds are short enough to be typed again."""
_KEPT_SEEDS = 2**63
"""What the store holds of a seed that somebody chose."""
_RETRY_READS = 3
"""How often the story's end is read anew, because a reply came in between, for who named no passage."""
_READABLE = re.compile("[A-Za-zぁ-んァ-ン]")
"""Of these every checkpoint reads some: a text that has one is never refused as unreadable."""


def draw_seed() -> int:
    """A seed that nobody chose."""
    return secrets.randbelow(SEEDS)


class GenerationService:
    """Keeps what people write and queues what they ask for.

    A request is refused before anything of it is kept, so that sending it again is all that is needed; once
    it is kept, its job is in the queue before anybody else has a turn. All but `withdraw` and what only looks
    require that the room's settings let the person act, else NotPermitted.
    """

    def __init__(
        self,
        store: Repositories,
        queue: JobQueue,
        replies: Outbox,
        runner: Dispatcher,
        translate: Translate,
        settings: SettingsResolver,
        limits: TextLimits,
        prompts: PromptCheck,
        quota: DailyQuota,
        begins_story: asyncio.Lock,
        draw: Callable[[], int],
    ) -> None:
        self._store = store
        self._queue = queue
        self._replies = replies
        self._runner = runner
        self._translate = translate
        self._settings = settings
        self._limits = limits
        self._prompts = prompts
        self._quota = quota
        self._begins_story = begins_story
        self._draw = draw

    async def receive_message(
        self, message: Message, options: GenerationOptions | None, earlier: Sequence[Message] = ()
    ) -> JobReceipt | None:
        """Add a message to its room's story and, with `options`, queue a continuation.

        `earlier` is what was written in the room before there was a story: it is kept with the message or not
        at all, each line once; one that the story cannot have does not keep out the others.
        Returns None where nothing was asked for. The reply appears through the platform's `post` and `edit`.
        Lines that are out of character (`bot.text.out_of_character`) stay in the story; the model never sees
        them.

        Raises:
            EmptyPrompt, TextTooLong, UnreadableText, FilteredText, QueueFull, TooManyWaiting, UnknownPreset,
            QuotaReached, StoryMoved
        """
        self._limits.require_size(message)
        settings = await self._settings.permitted(message.room, message.author)
        title = checked_title(message.title, settings, message.room)
        message = self._limits.checked_message(replace(message, title=title), settings)
        lines = [line for one in earlier if (line := self._fitting(one, settings)) is not None]
        if options is not None:
            return await self._request(message, options, settings, lines)
        if message.text:
            aside = settings.parentheses_aside
            received = await self._store.messages.receive(
                message, None, "", 0, parentheses_aside=aside, earlier=lines
            )
            # A repeated one is further up by now; one beside the story leaves the buttons where they are.
            if not received.repeated and not await self.is_out_of_character(message):
                await self._replies.remove_buttons(message.room)
        return None

    def _fitting(self, message: Message, settings: RoomSettings) -> Message | None:
        """An earlier line as it can be kept; one that cannot does not keep out the others."""
        try:
            require_permission(settings, message.room, message.author)
            kept = self._limits.checked_message(message, settings)
        except UserError:
            return None
        return kept if kept.text else None

    async def is_out_of_character(self, message: Message) -> bool:
        """Whether a message says something beside the story of its room, and nothing else."""
        return is_out_of_character(
            message.whole, parentheses=await self._prompts.parentheses_aside(message.room)
        )

    async def validate(self, message: Message) -> None:
        """Raise what `receive_message` would refuse of a person and their text: before others are shown it.

        Raises:
            TextTooLong, FilteredText
        """
        self._limits.require_size(message)
        settings = await self._settings.permitted(message.room, message.author)
        self._limits.checked_message(message, settings)

    async def count_tokens(self, message: Message) -> TokenCount:
        """How the model reads a message that nothing will be asked with; ask before it is received.

        A receipt says the same of other messages. Characters that its writer used in the story before are
        not named again, and none are where the engine does not tell in time.
        """
        self._limits.require_size(message)
        return await self._prompts.count_tokens(message)

    async def retry(self, message: Message, options: GenerationOptions) -> JobReceipt:
        """Queue another continuation instead of the story's last, which stays as an alternative.

        Where a person wrote last this is a continuation. The message has no text; `after` names the passage
        under which the button was pressed, where there is one. Raises as `receive_message` does.
        """
        settings = await self._settings.permitted(message.room, message.author)
        for _ in range(_RETRY_READS):
            try:
                return await self._retry(message, options, settings)
            except StoryMoved:
                if message.after is not None:
                    raise
        raise StoryMoved

    async def _retry(
        self, message: Message, options: GenerationOptions, settings: RoomSettings
    ) -> JobReceipt:
        story = await self._store.stories.open_in(message.room)
        if story is None:
            raise NoStory
        last = last_passage(story)
        instead_of = last.id if last is not None and last.by_model else None
        return await self._request(
            replace(message, text=""), replace(options, instead_of=instead_of), settings
        )

    async def resubmit(self, message: Message, job_id: str) -> JobReceipt:
        """Queue anew what a job of the room came to nothing for.

        As it was asked for then, and instead of the same passage where the story still ends with that. The
        message has no text. Raises as `receive_message` does.
        """
        settings = await self._settings.permitted(message.room, message.author)
        job = await self._store.jobs.get(job_id)
        options = (
            replace(job.options, seed=None)
            if job is not None and job.room == message.room
            else GenerationOptions()
        )
        if not has_preset(options.preset, settings):
            options = replace(options, preset="")
        try:
            return await self._request(message, options, settings)
        except (StoryMoved, PassageGone):
            return await self._request(message, replace(options, instead_of=None), settings)

    async def cancel(self, room: Room, by: Author) -> bool:
        """Stop what runs or waits in a room; False if nothing did."""
        await self._settings.permitted(room, by)
        story = await self._store.stories.open_in(room)
        if story is None:
            return False
        jobs = self._queue.jobs_of(story.id)
        for job in jobs:
            await self._stop(job)
        return bool(jobs)

    async def stop(self, job_id: str, by: Author) -> bool:
        """Stop one job; False if it was over."""
        job = await self._store.jobs.get(job_id)
        if job is None or job.state.final:
            return False
        await self._settings.permitted(job.room, by)
        return await self._stop(job)

    async def withdraw(self, platform: str, message_id: str) -> bool:
        """Stop the reply that somebody deleted while it is written, and keep nothing; False if it is none."""
        job = await self._store.jobs.by_message(platform, message_id)
        if job is None or job.state.final:
            return False
        await self._runner.discard(job)
        return True

    async def _stop(self, job: Job) -> bool:
        """A running job is only told to stop: whoever runs it keeps what was written, and shows the end."""
        waits = self._queue.place(job.id) is not None
        known = self._queue.cancel(job.id)
        if known and waits:
            await self._runner.stopped(job)
        return known

    async def _request(
        self,
        message: Message,
        options: GenerationOptions,
        settings: RoomSettings,
        earlier: Sequence[Message] = (),
    ) -> JobReceipt:
        options = _completed(options, settings, message.author)
        # What the model can read is kept at once; only what it may see nothing of waits for its answer.
        text = await self._prompts.in_character(message.room, message.text)
        readable = _READABLE.search(text) is not None
        count = NOT_COUNTED if readable else await self._prompts.require_prompt(message, options, earlier)
        # Shielded: a caller that goes away must not leave a kept job that is in no queue.
        queued = asyncio.create_task(self._queue_up(message, options, settings, earlier))
        try:
            received = await asyncio.shield(queued)
        except (QueueFull, TooManyWaiting, QuotaReached):
            known = await self._under_way(message)
            if known is None or known.job is None:
                raise
            return self._receipt(known, count)
        if readable:
            passage = None if received.repeated else received.passage
            count = await self._prompts.count_tokens(message, passage.id if passage else "")
        return self._receipt(received, count)

    async def _under_way(self, message: Message) -> ReceivedMessage | None:
        """What was accepted already must not be refused: an event sent twice, a button pressed by two."""
        known = await self._store.messages.find(message.room.platform, message.event_id)
        story = await self._store.stories.open_in(message.room) if known is None and message.after else None
        jobs = self._queue.jobs_of(story.id) if story is not None else []
        return ReceivedMessage(jobs[0].story_id, None, jobs[0], repeated=True) if jobs else known

    async def _queue_up(
        self,
        message: Message,
        options: GenerationOptions,
        settings: RoomSettings,
        earlier: Sequence[Message],
    ) -> ReceivedMessage:
        seed = self._draw() if options.seed is None else options.seed
        with self._queue.reserve(message.author) as put:
            async with self._begins_story:  # of two requests at once the second counts the first
                await self._quota.require_left(message.room, message.author, settings)
                aside = settings.parentheses_aside
                job_id = uuid.uuid4().hex
                received = await self._store.messages.receive(
                    message, options, job_id, seed, parentheses_aside=aside, earlier=earlier
                )
            if received.job is not None and not received.repeated:
                put(received.job)
                note = place_note(received.job, self._queue.place(received.job.id), self._translate)
                self._replies.show(received.job, Reply(ReplyState.WAITING, note=note))
            return received

    def _receipt(self, received: ReceivedMessage, count: TokenCount) -> JobReceipt:
        # Without a job the event was received before as a message that asked for nothing.
        job, repeated = received.job, received.repeated or received.job is None
        place = job and self._queue.place(job.id)
        job_id = job.id if job else ""
        return JobReceipt(
            job_id,
            received.story_id,
            place or 0,
            repeated,
            count.unknown,
            count.read_as,
            count.unwritable,
            count.languages_needed,
        )


def _completed(options: GenerationOptions, settings: RoomSettings, author: Author) -> GenerationOptions:
    """The options with nothing left open, and a number of candidates that can be had."""
    return replace(
        options,
        length=length_named(options.length, author.locale) if options.length else settings.length,
        preset=preset_named(options.preset, settings, author.locale)
        if options.preset
        else preset_of(settings),
        candidates=min(max(options.candidates, 1), MAX_CANDIDATES),
        seed=None if options.seed is None else options.seed % _KEPT_SEEDS,
    )
