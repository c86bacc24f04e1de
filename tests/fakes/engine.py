"""An engine that does what a test wrote down for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot.messages import Delta, EngineStatus, Health, Request, TokenCount

Step = Delta | Exception | asyncio.Event | str
"""A delta, or the text of one of candidate 0; an error to end with; an event to wait for."""


class ScriptedEngine:
    """`bot.seams.Engine`: each `generate` plays the next of `scripts`.

    `state` is what `health` says, or the error it raises. `requests` are those made, `open` the streams that
    nobody has closed yet.
    """

    def __init__(self, *scripts: list[Step]) -> None:
        self.scripts = list(scripts)
        self.requests: list[Request] = []
        self.open = 0
        self.state: Health | Exception = Health(EngineStatus.READY, 1.0)

    async def generate(self, request: Request) -> AsyncIterator[Delta]:
        """Play the next script; without one, the worker has died."""
        self.requests.append(request)
        self.open += 1
        try:
            for step in self.scripts.pop(0):
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield Delta(0, step) if isinstance(step, str) else step
        finally:
            self.open -= 1

    async def health(self) -> Health:
        """What the test says."""
        if isinstance(self.state, Exception):
            raise self.state
        return self.state

    async def count(self, text: str) -> TokenCount:
        """One token a character, all of them known."""
        return TokenCount(len(text))
