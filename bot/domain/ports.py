"""What the core needs of what does the work: the engine, the platforms (and the store: `repositories`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from bot.domain.chat import Room
from bot.domain.inference import ContextWindow, Delta, GenerationRequest, Health, TokenCount
from bot.domain.replies import Reply


class Translate(Protocol):
    """Looks up the sentence `key` in a language and fills in `values`."""

    def __call__(self, key: str, locale: str, **values: object) -> str:
        """The sentence, in `locale` where it is there, else in English."""


class Engine(Protocol):
    """A worker, wherever it runs. Every method raises `EngineError` for what goes wrong there."""

    def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Stream a continuation; closing the iterator frees the worker's slot.

        Raises:
            EngineLoading, EngineFailed, EngineBusy, EngineUnavailable, RequestRejected, NotFinite
        """

    async def health(self) -> Health:
        """The worker's state. Raises EngineUnavailable where nothing answers."""

    async def count_tokens(self, text: str) -> TokenCount:
        """How the model reads `text`."""

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """What the model would see of a request, exactly."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform takes: message size in `measure`d units, and how often one room may be changed."""

    max_units: int
    changes_per_period: int
    period_s: float


class Platform(Protocol):
    """A connected platform, as the outbox uses it."""

    name: str
    limits: Limits

    def measure(self, text: str) -> int:
        """How many of the platform's units `text` takes once escaped."""

    async def post(self, room: Room, draft: Reply, key: str) -> str:
        """Post a message and return its id. `key` is the same when the same post is tried again.

        Raises:
            RetryLater, Undeliverable
            RoomMoved: the room's story was moved to another room; it is to be posted there.
        """

    async def edit(self, room: Room, message_id: str, draft: Reply) -> None:
        """Make an earlier message show `draft`. Raises RetryLater or Undeliverable."""

    async def remove(self, room: Room, message_id: str) -> None:
        """Take away a message of ours; one that is gone is no error. Raises RetryLater or Undeliverable."""

    async def seconds_until_due(self, room: Room, message_id: str, draft: Reply) -> float:
        """For how many seconds yet a message that is not finished should leave the others their turn.

        `draft` (it waits, or grows) is what it would show; it is read again after, and this asked again.
        0: it may be shown now. Raises Undeliverable.
        """
