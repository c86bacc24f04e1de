"""The border where discord.py's errors become ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord
import structlog

from bot.domain.errors import DeliveryError, MessageGone, RetryLater, Undeliverable

UNAUTHORIZED = 401
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500
THREAD_EXISTS = 160004
TITLE_BLOCKED = 200001
UNKNOWN_CHANNEL = 10003
AUTHOR_FIRST = 40058
"""The author of a forum's post has not written its first message yet."""
NO_HISTORY = 160002
UNKNOWN_MESSAGE = 10008
ARCHIVED = 50083
CONNECTION_ERRORS = (aiohttp.ClientError, OSError, TimeoutError)
"""What a connection that breaks raises; discord.py repeats only a part of them by itself."""


_log = structlog.get_logger(__name__)


@contextmanager
def as_delivery_errors() -> Iterator[None]:
    """Raise RetryLater for what may work later, and Undeliverable for what never will."""
    try:
        yield
    except discord.RateLimited as error:
        raise RetryLater("Discord asks to wait", error.retry_after) from error
    except discord.HTTPException as error:
        raise _translated(error) from error
    except CONNECTION_ERRORS as error:
        raise RetryLater(f"the connection to Discord broke: {type(error).__name__}") from error


@contextmanager
def logged_delivery_errors(trouble: str, level: int = logging.WARNING) -> Iterator[None]:
    """Log what keeps something from being sent, where the rest goes on without it."""
    try:
        with as_delivery_errors():
            yield
    except DeliveryError as error:
        _log.log(level, "%s: %s", trouble, error)


def _translated(error: discord.HTTPException) -> RetryLater | Undeliverable:
    told = f"Discord answered {error.status} (code {error.code}): {error.text}"
    if error.status == TOO_MANY_REQUESTS:
        return RetryLater(told, _wait_s(error))
    if error.status >= SERVER_ERROR or error.status == UNAUTHORIZED:
        # A token that was replaced while we run: the next start has the new one, and no text is given up.
        return RetryLater(told)
    if error.code == UNKNOWN_MESSAGE:
        return MessageGone(told)
    return Undeliverable(told)


def _wait_s(error: discord.HTTPException) -> float | None:
    try:
        return float(error.response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def is_archived(error: Undeliverable) -> bool:
    """Whether the thread is archived."""
    return code_of(error) == ARCHIVED


def is_forbidden(error: DeliveryError) -> bool:
    """Whether a permission is missing."""
    return isinstance(error.__cause__, discord.Forbidden)


def code_of(error: DeliveryError) -> int | None:
    """Discord's own number for what is wrong."""
    cause = error.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else None
