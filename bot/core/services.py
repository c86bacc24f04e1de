"""What adapters are given to work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bot.aio.clock import UtcClock, utc_now
from bot.core.dispatcher import Dispatcher
from bot.core.editing import EditingService
from bot.core.generation import GenerationService, draw_seed
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.quota import DailyQuota
from bot.core.reply_refresh import ReplyRefresh
from bot.core.settings_resolver import DEFAULTS, SettingsResolver
from bot.core.validation import DEFAULT_LIMITS, PATIENCE_S, PromptCheck, TextLimits
from bot.domain.ports import Engine, Translate
from bot.domain.repositories import PassageReads, Repositories, StoryReads
from bot.domain.room_settings import RoomSettings


@dataclass(frozen=True, slots=True)
class Services:
    """Every method of the parts raises `UserError` for what a person did wrong.

    Of the store adapters only read; what only looks needs no permission.
    """

    generation: GenerationService
    editing: EditingService
    stories: StoryReads
    passages: PassageReads
    prompts: PromptCheck
    settings: SettingsResolver
    limits: TextLimits


def build_services(
    store: Repositories,
    queue: JobQueue,
    engine: Engine,
    replies: Outbox,
    runner: Dispatcher,
    translate: Translate,
    *,
    limits: TextLimits = DEFAULT_LIMITS,
    defaults: RoomSettings = DEFAULTS,
    patience_s: float = PATIENCE_S,
    clock: UtcClock = utc_now,
    draw: Callable[[], int] = draw_seed,
) -> Services:
    """Put the services together on one store, queue and engine."""
    settings = SettingsResolver(store, defaults)
    refresh = ReplyRefresh(store, queue, replies, translate)
    prompts, quota = PromptCheck(store, settings, engine, patience_s), DailyQuota(store, clock)
    begins_story = asyncio.Lock()  # of two who begin a room's story at once the second finds the first's
    return Services(
        GenerationService(
            store, queue, replies, runner, translate, settings, limits, prompts, quota, begins_story, draw
        ),
        EditingService(store, settings, refresh, limits, begins_story),
        store.stories,
        store.passages,
        prompts,
        settings,
        limits,
    )
