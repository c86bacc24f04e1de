"""An engine that tells what the test gives it, piece by piece, when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot.domain.inference import ContextWindow, Delta, EngineStatus, GenerationRequest, Health, TokenCount


class SteppedEngine:
    """An `Engine`: continuations in order, each a tuple of pieces; `go_on` lets the next piece out."""

    def __init__(self, *continuations: tuple[str, ...]) -> None:
        self._continuations = list(continuations)
        self._pieces = asyncio.Semaphore(0)
        self.requests: list[GenerationRequest] = []

    def go_on(self, pieces: int = 1) -> None:
        """Let so many pieces out."""
        for _ in range(pieces):
            self._pieces.release()

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """The next continuation."""
        self.requests.append(request)
        pieces = self._continuations.pop(0)
        for piece in pieces:
            await self._pieces.acquire()
            yield Delta(0, piece)
        for index in range(1, request.n):
            yield Delta(index, f"{index + 1}番目の夜。", "stop")
        yield Delta(0, "", "stop")

    async def health(self) -> Health:
        """Ready."""
        return Health(EngineStatus.READY, 1.0, model="storyteller")

    async def count_tokens(self, text: str) -> TokenCount:
        """A token a character, and nothing unknown."""
        return TokenCount(len(text))

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """Nothing worth telling."""
        return ContextWindow((), len(request.prompt), 2048, 0)
