"""An engine that does what a test wrote down for it, or what the test tells it on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from bot.domain.inference import (
    ContextPiece,
    ContextSpan,
    ContextWindow,
    Delta,
    EngineStatus,
    GenerationRequest,
    Health,
    TokenCount,
)

Step = Delta | Exception | asyncio.Event | str
"""A delta, or the text of one of candidate 0; an error to end with; an event to wait for."""

CONTEXT = 2_048

READY = Health(EngineStatus.READY, 1.0, model="scripted")


class Telling:
    """One request that was made, and what is answered to it. `closed`: nobody listens any longer."""

    def __init__(self, request: GenerationRequest, script: Iterable[Step] | None) -> None:
        self.request = request
        self.closed = False
        self._steps: asyncio.Queue[Step | None] = asyncio.Queue()
        if script is not None:
            for step in script:
                self._steps.put_nowait(step)
            self.end()

    def say(self, text: str, reason: str | None = None, index: int = 0) -> None:
        """Let a piece of text out."""
        self.put(Delta(index, text, reason))

    def put(self, delta: Delta) -> None:
        """Let a whole delta out."""
        self._steps.put_nowait(delta)

    def fail(self, error: Exception) -> None:
        """End with an error."""
        self._steps.put_nowait(error)

    def end(self) -> None:
        """End as a whole stream does."""
        self._steps.put_nowait(None)

    async def deltas(self) -> AsyncIterator[Delta]:
        """What was told, as soon as it is."""
        try:
            while (step := await self._steps.get()) is not None:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield Delta(0, step) if isinstance(step, str) else step
        finally:
            self.closed = True


class ScriptedEngine:
    """An `Engine`: each `generate` plays the next of `scripts`; without one the test tells it what.

    `state` is what `health` says, or the error it raises; `tellings` are the requests, first to last.
    """

    def __init__(self, *scripts: Iterable[Step]) -> None:
        self.scripts = list(scripts)
        self.tellings: list[Telling] = []
        self.state: Health | Exception = READY

    @property
    def requests(self) -> list[GenerationRequest]:
        """What was asked, first to last."""
        return [telling.request for telling in self.tellings]

    @property
    def open(self) -> int:
        """How many streams nobody has closed yet."""
        return sum(not telling.closed for telling in self.tellings)

    @property
    def last(self) -> Telling:
        """The latest request."""
        return self.tellings[-1]

    def loading(self, progress: float) -> None:
        """From now on it loads."""
        self.state = Health(EngineStatus.LOADING, progress)

    def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Play the next script, or wait for the test."""
        self.tellings.append(Telling(request, self.scripts.pop(0) if self.scripts else None))
        return self.last.deltas()

    async def health(self) -> Health:
        """What the test says."""
        if isinstance(self.state, Exception):
            raise self.state
        return self.state

    async def count_tokens(self, text: str) -> TokenCount:
        """One token a character, all of them known."""
        return TokenCount(len(text))

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """All of the pieces, the inset behind the story; one token a character."""
        pieces = (*request.prefix, ContextPiece("story", request.prompt), *request.depth_inserted)
        seen = tuple(ContextSpan(piece, len(piece.text)) for piece in pieces)
        return ContextWindow(seen, sum(one.tokens for one in seen), CONTEXT, request.max_tokens)
