"""Slack's and the network's errors, translated at one border, and which of them are tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.aio.clock import Clock
from bot.aio.retry import Backoff, BeforeWait, retry
from bot.domain.errors import DeliveryError, MessageGone, RetryLater, Undeliverable

_TRANSIENT = {
    "fatal_error",
    "internal_error",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
    "message_limit_exceeded",
}
_LIMITED = {"ratelimited", "rate_limited", "message_limit_exceeded"}
TOO_MANY_REQUESTS = 429
_PROXY_TIMEOUTS = {408, 499}
"""Something in between did not wait for the answer."""
CLIENT_ERROR = 400
SERVER_ERROR = 500

_BRIEFLY = Backoff(first_s=1.0, longest_s=30.0)
_TRIES = 4

Result = TypeVar("Result")


class ResponseLost(RetryLater):
    """The request may have been done: its answer did not come."""


class UnsupportedMethod(ResponseLost):
    """A client's error without a word of Slack's: something in between does not know the method."""


class Refused(Undeliverable):
    """Slack said no, for good; `code` is its word for why."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.code = code


class MessageNotFound(Refused, MessageGone):
    """It said no because somebody deleted the message."""


def to_delivery_error(method: str, error: Exception) -> DeliveryError:
    """What a failed call means for whoever wanted something delivered. Never carries a token or a text."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return RetryLater(f"{method}: Slack cannot be reached")
    if not isinstance(error, SlackApiError):
        return ResponseLost(f"{method}: {type(error).__name__}")
    status, code = _status(error), _code(error)
    if status == TOO_MANY_REQUESTS or code in _LIMITED:
        return RetryLater(f"{method}: too many requests", _retry_after(error))
    if CLIENT_ERROR <= status < SERVER_ERROR and status not in _PROXY_TIMEOUTS and not code:
        return UnsupportedMethod(f"{method}: HTTP {status}")
    if status >= SERVER_ERROR or code in _TRANSIENT or not code:
        return ResponseLost(f"{method}: HTTP {status} {code}".rstrip())
    return MessageNotFound(method, code) if code == "message_not_found" else Refused(method, code)


SDK_ERRORS = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""What a call of the SDK raises; ValueError where an answer is not JSON."""


def _status(error: SlackApiError) -> int:
    # The SDK hands over its own response, or aiohttp's where the body was not readable.
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    return int(status) if status else 0


def _code(error: SlackApiError) -> str:
    data = getattr(error.response, "data", error.response)
    return str(data.get("error") or "") if isinstance(data, Mapping) else ""


def _retry_after(error: SlackApiError) -> float | None:
    headers = getattr(error.response, "headers", None) or {}
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None


async def retry_briefly(
    call: Callable[[], Awaitable[Result]], clock: Clock, before_wait: BeforeWait | None = None
) -> Result:
    """`call`, tried again a few times while Slack says "later": somebody waits for it.

    Raises:
        RetryLater, Undeliverable
    """
    return await retry(
        call,
        on=RetryLater,
        unless=UnsupportedMethod,
        backoff=_BRIEFLY,
        clock=clock,
        tries=_TRIES,
        before_wait=before_wait,
        longest_after_s=_BRIEFLY.longest_s,
    )
