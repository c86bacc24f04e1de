"""What people set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class ScopedSettings(Protocol):
    """Room settings as they were set at each scope (see `bot.domain.scopes`)."""

    async def get(self, platform: str, scopes: Sequence[str]) -> Sequence[Mapping[str, object]]:
        """What is set at each scope, in their order; empty where nothing is."""
        ...

    async def save(self, platform: str, scope: str, values: Mapping[str, object]) -> None:
        """Replace what is set at a scope."""
        ...
