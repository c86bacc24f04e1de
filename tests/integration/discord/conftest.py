"""Fixtures: a loopback Discord with the adapter connected to it, in this process or in one of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.discord.stage import Stage, staged
from tests.integration.discord.whole import BotRuns
from tests.servers.discord import LoopbackDiscord
from tests.servers.gated_worker import FIRST, SECOND, gated_worker


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The adapter in a Japanese guild."""
    async with staged(LoopbackDiscord()) as ready:
        yield ready


@pytest.fixture
async def runs(tmp_path: Path) -> AsyncIterator[BotRuns]:
    """Processes of the bot on one store; the worker stops behind its first sentence."""
    async with LoopbackDiscord() as discord, gated_worker(FIRST, SECOND) as worker:
        yield BotRuns(discord, worker, tmp_path)
