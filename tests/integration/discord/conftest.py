"""Fixtures: a loopback Discord with the adapter connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.discord.stage import Stage, staged
from tests.servers.discord import LoopbackDiscord


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The adapter in a Japanese guild."""
    async with staged(LoopbackDiscord()) as ready:
        yield ready
