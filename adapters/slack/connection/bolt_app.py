"""The Bolt app and the SDK's client, kept from what they would do by themselves."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import Undeliverable

if TYPE_CHECKING:
    from adapters.slack.workspaces import Workspaces

SLACK_API = AsyncWebClient.BASE_URL
_TICKET = re.compile(r"(ticket=)[^&'\s]+")
_READ_BY_BOLT = ("SLACK_BOT_TOKEN", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_VERIFICATION_TOKEN")


def sdk_logger() -> logging.Logger:
    """The logger of the SDK: warnings only, at any setting of ours.

    Below that it writes people's messages, request bodies and connection tickets.
    """
    logger = logging.getLogger("adapters.slack.sdk")
    # What answers commands takes no logger of ours and writes to its own.
    for each in (logger, logging.getLogger("slack_sdk")):
        each.setLevel(logging.WARNING)
    logger.addFilter(_without_tickets)  # adding the same filter again changes nothing
    return logger


def _without_tickets(record: logging.LogRecord) -> bool:
    # A failed connection is logged with its address, and with it the ticket, also in the traceback.
    record.msg, record.args = _TICKET.sub(r"\1...", record.getMessage()), ()
    record.exc_info = None
    return True


def web_client(token: str | None, api_url: str | None) -> AsyncWebClient:
    """A client that never repeats a call by itself: a post whose answer was lost would appear twice."""
    return AsyncWebClient(token=token, base_url=api_url or SLACK_API, logger=sdk_logger(), retry_handlers=[])


def bolt_app(signing_secret: str | None, api_url: str | None, workspaces: Workspaces) -> AsyncApp:
    """An app for all workspaces. Authorization is answered from what is known, not by a call of its own."""

    async def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult | None:
        try:
            workspace = await workspaces.get(team_id or "")
        except Undeliverable:
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_id=workspace.bot.bot_id,
            bot_user_id=workspace.bot.user_id,
            bot_token=workspace.client.token,
        )

    with hidden_environment():
        return AsyncApp(
            name="tsuzuki",
            logger=sdk_logger(),
            client=web_client(None, api_url),
            signing_secret=signing_secret or "unused in Socket Mode",
            # Bolt would take a deleted message of ours for one that we write. Ours are sorted out later.
            ignoring_self_events_enabled=False,
            authorize=authorize,  # type: ignore[arg-type]  # None: not installed there
        )


@contextmanager
def hidden_environment() -> Iterator[None]:
    """Keep Bolt from reading the environment."""
    # With SLACK_CLIENT_ID and SLACK_CLIENT_SECRET around, Bolt becomes an OAuth app with a store of files in
    # the home folder, and no argument prevents it. Nothing is awaited meanwhile: nobody else sees them gone.
    hidden = {name: os.environ.pop(name) for name in _READ_BY_BOLT if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)
