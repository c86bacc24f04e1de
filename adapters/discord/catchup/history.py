"""Asks Discord for what was written before: few requests, one after the other, and patiently."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import discord

from adapters.discord.api.errors import as_delivery_errors
from adapters.discord.api.rate_limits import Priority, RequestBudget
from adapters.discord.payloads.rooms import Sleep
from bot.domain.errors import DeliveryError, RetryLater

PAGE = 100
EVERY_S = 0.2
"""Between two requests: what is written now has Discord's fifty a second to itself."""
TRIES = 8
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0

_log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class ChannelHistory:
    """Reads channels, threads and members, at the pace of one."""

    def __init__(self, client: discord.Client, sleep: Sleep, budget: RequestBudget) -> None:
        self._client = client
        self._budget = budget
        self._sleep = sleep
        self._one_by_one = asyncio.Lock()
        self._members: dict[tuple[int, int], discord.Member | None] = {}

    async def back_to(
        self, channel: discord.abc.Messageable, after: int, most: int
    ) -> list[discord.Message] | None:
        """The messages of a place, oldest first: those after an id, and what a page holds besides.

        About `most` of them; None: Discord does not tell.
        """
        found: list[discord.Message] = []
        page: list[discord.Message] | None = None
        while page is None or (len(page) == PAGE and page[-1].id > after and len(found) < most):
            page = await self._page(channel, found[-1] if found else None)
            if page is None:
                return None
            found += page
        return found[::-1]

    async def _page(
        self, channel: discord.abc.Messageable, before: discord.Message | None
    ) -> list[discord.Message] | None:
        return await self._request(lambda: _all(channel.history(limit=PAGE, before=before)))

    async def channel(self, channel_id: int) -> discord.abc.Messageable | None:
        """A channel, thread or direct message that is not known; None where Discord does not tell."""
        found = await self._request(lambda: self._client.fetch_channel(channel_id))
        return found if isinstance(found, discord.abc.Messageable) else None

    async def archived(self, parent: discord.TextChannel | discord.ForumChannel) -> list[discord.Thread]:
        """The public threads of a channel that were archived last."""
        return await self._request(lambda: _all(parent.archived_threads(limit=PAGE))) or []

    async def with_member(self, message: discord.Message) -> None:
        """Give a message of a server its author's name and roles there, which come with live ones only."""
        guild, author = message.guild, message.author
        if guild is None or isinstance(author, discord.Member):
            return
        who = guild.id, author.id
        if who not in self._members:
            known = guild.get_member(author.id)
            self._members[who] = known or await self._request(lambda: guild.fetch_member(author.id))
        message.author = self._members[who] or author

    async def _request(self, ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
        async with self._one_by_one:
            for attempt in range(TRIES):
                try:
                    async with self._budget.turn(Priority.HISTORY):
                        with as_delivery_errors():
                            return await ask()
                except RetryLater as error:
                    _log.info("Discord does not tell what was written: %s", error)
                    await self._sleep(error.after_s or min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt))
                except (DeliveryError, discord.DiscordException) as error:
                    _log.warning("Discord does not tell what was written: %s", error)
                    return None
                finally:
                    await self._sleep(EVERY_S)
        _log.warning("Discord did not tell what was written, and it is not asked again")
        return None


async def _all(things: AsyncIterator[Answer]) -> list[Answer]:
    return [thing async for thing in things]
