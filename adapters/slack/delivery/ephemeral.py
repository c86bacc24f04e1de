"""Answers that only one person sees, through the address that came with what they did.

It works where the bot is no member, which chat.postEphemeral does not.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Protocol

import aiohttp
from slack_bolt.async_app import AsyncRespond
from slack_sdk.errors import SlackClientError

from adapters.slack.delivery.render import sentence
from bot.domain.chat import Author
from bot.domain.ports import Translate

_log = logging.getLogger(__name__)


class Respond(Protocol):
    """Says a sentence to whoever did something."""

    def __call__(self, key: str, author: Author, **values: object) -> Awaitable[None]:
        """The sentence `key`, in their language."""
        ...


def responding(respond: AsyncRespond, say: Translate) -> Respond:
    """A Respond by a payload's `response_url`. What cannot be said is logged, nothing more."""

    async def tell(key: str, author: Author, **values: object) -> None:
        shown = sentence(say(key, author.locale, **values))
        try:
            await respond(
                text=shown.text, blocks=shown.blocks, response_type="ephemeral", replace_original=False
            )
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            _log.warning("A person could not be answered: %s", type(error).__name__)

    return tell
