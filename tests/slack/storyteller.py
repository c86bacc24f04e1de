"""An engine that tells what the test gives it, piece by piece, when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot.messages import Delta, EngineStatus, Health, Request, TokenCount, Window


class Storyteller:
    """`bot.seams.Engine`: continuations in order, each a tuple of pieces; `go_on` lets the next piece out."""

    def __init__(self, *continuations: tuple[str, ...]) -> None:
        self._continuations = list(continuations)
        self._pieces = asyncio.Semaphore(0)
        self.requests: list[Request] = []

    def go_on(self, pieces: int = 1) -> None:
        """Let so many pieces out."""
        for _ in range(pieces):
            self._pieces.release()

    async def generate(self, request: Request) -> AsyncIterator[Delta]:
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

    async def count(self, text: str) -> TokenCount:
        """A token a character, and nothing unknown."""
        return TokenCount(len(text))

    async def window(self, request: Request) -> Window:
        """Nothing worth telling."""
        return Window((), len(request.prompt), 2048, 0)
