"""Everything that outlives a restart, by subject. Each method is one transaction, kept when it returns."""

from __future__ import annotations

from typing import Protocol

from bot.domain.repositories.authors import Authors
from bot.domain.repositories.jobs import Jobs, OutboxRows
from bot.domain.repositories.messages import Messages
from bot.domain.repositories.passages import Passages
from bot.domain.repositories.settings import ScopedSettings
from bot.domain.repositories.stories import History, Stories


class Repositories(Protocol):
    """What the core keeps. Any method raises StoreError where it cannot be kept."""

    @property
    def stories(self) -> Stories:
        """The stories of all rooms."""
        ...

    @property
    def history(self) -> History:
        """Where they end."""
        ...

    @property
    def passages(self) -> Passages:
        """What they are made of."""
        ...

    @property
    def messages(self) -> Messages:
        """What people wrote."""
        ...

    @property
    def jobs(self) -> Jobs:
        """What the model is to write."""
        ...

    @property
    def outbox(self) -> OutboxRows:
        """What it wrote, as people are shown it."""
        ...

    @property
    def settings(self) -> ScopedSettings:
        """What people set."""
        ...

    @property
    def authors(self) -> Authors:
        """What is kept of people."""
        ...
