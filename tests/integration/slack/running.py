"""A running adapter for a test, and what stands around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import fields
from typing import Any

from adapters.slack import SlackAdapter
from adapters.slack.connection.credentials import Credentials
from bot.aio.clock import SystemClock
from bot.core.services import Services
from tests.servers.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackServer

_CREDENTIALS = {field.name for field in fields(Credentials)}


def say(key: str, locale: str, **values: object) -> str:
    """A sentence one can recognise: its key, its language, its values."""
    filled = " ".join(f"{name}={value}" for name, value in sorted(values.items()))
    return f"{key}/{locale} {filled}".rstrip()


class HastyClock(SystemClock):
    """The machine's clock, for who does not want to wait for the next beat."""

    async def sleep(self, seconds: float) -> None:
        """A moment."""
        await super().sleep(min(seconds, 0.02))


def adapter_for(slack: SlackServer, **changed: Any) -> SlackAdapter:
    """An adapter of the loopback Slack; `changed` replaces constructor arguments and credentials."""
    secrets: dict[str, Any] = {
        "bot_token": BOT_TOKEN,
        "app_token": APP_TOKEN,
        "signing_secret": SIGNING_SECRET,
    }
    credentials = Credentials(**(secrets | {name: changed.pop(name) for name in _CREDENTIALS & {*changed}}))
    arguments: dict[str, Any] = {
        "translate": say,
        "mode": "socket",
        "port": 0,
        "api_url": slack.api_url,
    } | changed
    return SlackAdapter(credentials, **arguments)


@asynccontextmanager
async def running(adapter: SlackAdapter, services: Services) -> AsyncIterator[SlackAdapter]:
    """Run an adapter until the block ends; its failure is the test's."""
    adapter.attach(services)
    task = asyncio.create_task(adapter.run())
    connected = asyncio.create_task(adapter.until_connected())
    try:
        await asyncio.wait({task, connected}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield adapter
    finally:
        connected.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
