"""Places where the bot is no member, only installed by a person: it speaks through what they just did.

Each interaction brings a token that lives fifteen minutes and takes five new messages. A story there
belongs to a person and a channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import discord
from cachetools import FIFOCache

from adapters.discord.api.requests import UNAUTHORIZED, as_delivery_errors, redirected_webhooks
from adapters.discord.delivery.edit_pacing import MinimumInterval
from bot.aio.clock import Clock
from bot.domain.chat import Room
from bot.domain.errors import RetryLater, Undeliverable

TOKEN_LIFE_S = 14 * 60.0
"""A minute less than Discord's, for what is on its way."""
CHANGE_EVERY_S = 2.1
"""Webhooks take 30 changes a minute in a channel."""
REMEMBERED = 1000


class UserInstalledRooms:
    """Rooms that are reached through interactions only. Their ids are no channel's: `CHANNEL/PERSON`."""

    def __init__(self, clock: Clock, api_url: str | None) -> None:
        self._clock = clock
        self._spacing = MinimumInterval(clock, CHANGE_EVERY_S)
        self._api_url = api_url
        self._webhooks = FIFOCache[str, tuple[discord.Webhook, float]](REMEMBERED)
        """The way into each room, and until when it is open."""

    def register_webhook(self, room: Room, webhook: discord.Webhook) -> None:
        """Speak in `room` through this webhook, as long as it takes us."""
        self._webhooks[room.id] = webhook, self._clock.now() + TOKEN_LIFE_S

    def has(self, room: Room) -> bool:
        """Whether this is how to speak there."""
        return room.id in self._webhooks

    def seconds_until_due(self, room: Room) -> float:
        """How long the room's webhook takes nothing. What can wait does so before it is sent."""
        return self._spacing.seconds_until_due(room)

    async def post(self, room: Room, content: str, view: discord.ui.View | None) -> str:
        """A new message. Raises RetryLater or Undeliverable."""
        with self._webhook_of(room) as webhook:
            message = await webhook.send(
                content,
                wait=True,
                view=view or discord.utils.MISSING,
                allowed_mentions=discord.AllowedMentions.none(),
                suppress_embeds=True,
            )
        return str(message.id)

    async def edit(self, room: Room, message_id: str, content: str, view: discord.ui.View | None) -> None:
        """Change a message. Raises RetryLater or Undeliverable."""
        with self._webhook_of(room) as webhook:
            await webhook.edit_message(
                int(message_id), content=content, view=view, allowed_mentions=discord.AllowedMentions.none()
            )

    async def remove(self, room: Room, message_id: str) -> None:
        """Take a message away. Raises RetryLater or Undeliverable."""
        with self._webhook_of(room) as webhook:
            await webhook.delete_message(int(message_id))

    @contextmanager
    def _webhook_of(self, room: Room) -> Iterator[discord.Webhook]:
        webhook, until_s = self._webhooks[room.id]
        if self._clock.now() > until_s:
            raise Undeliverable("the interaction is over")
        wait_s = self._spacing.acquire(room)
        if wait_s:
            # Not waited for here: who asks again has a later text.
            raise RetryLater("a webhook's turn", wait_s)
        try:
            with redirected_webhooks(self._api_url), as_delivery_errors():
                yield webhook
        except RetryLater as error:
            cause = error.__cause__
            if isinstance(cause, discord.HTTPException) and cause.status == UNAUTHORIZED:
                # A token that Discord does not know any more will not be known later either.
                raise Undeliverable("the interaction is over") from cause
            raise
