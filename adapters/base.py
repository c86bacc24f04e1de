"""What every platform gives, and what it gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.messages import Ask, Message, Room, Story, Ticket
from bot.seams import Limits, Platform

__all__ = ["Adapter", "Limits", "Platform", "Play"]


class Play(Protocol):
    """The rules, as adapters use them. Every method raises `UserError` for what a person did wrong."""

    async def hear(self, message: Message, ask: Ask | None) -> Ticket | None:
        """Add a message to its room's story and, with `ask`, queue a continuation.

        Returns None where nothing was asked for. The reply appears through the platform's `post` and `edit`.

        Raises:
            EmptyPrompt, TextTooLong, QueueFull, TooManyWaiting, UnknownPreset
        """
        ...

    async def read(self, room: Room) -> Story | None:
        """The story told in a room, if there is one."""
        ...

    async def stories(self, platform: str) -> Sequence[Story]:
        """The stories of a platform, latest first, without passages."""
        ...

    async def cancel(self, room: Room) -> bool:
        """Stop what runs or waits in a room; False if nothing did."""
        ...


class Adapter(Platform, Protocol):
    """A platform with a connection of its own."""

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigurationError: a token is bad; the message says which one and where to get it.
        """
        ...
