"""Streams of completions, with the time of each event."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

SILENCE_TIMEOUT_S = 300
_DATA = b"data: {"


class StreamFailed(Exception):
    """The worker refused a request or broke a stream off; the message says why."""


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """One request. `at_s`: when it is made, after the others' beginning."""

    prompt: str
    tokens: int
    seed: int
    n: int = 1
    at_s: float = 0.0

    @property
    def body(self) -> dict[str, Any]:
        """The request as the worker reads it: exactly `tokens` new tokens, the bot's settings otherwise."""
        return {
            "prompt": self.prompt,
            "max_tokens": self.tokens,
            "min_tokens": self.tokens,
            "seed": self.seed,
            "n": self.n,
            "stream": True,
            "stream_options": {"include_usage": True},
            "user": f"writer {self.seed}",
        }


@dataclass(frozen=True, slots=True)
class Told:
    """One stream; all times on `time.perf_counter`.

    `stamps`: when each event with text came. `tokens`: how many the worker says it wrote.
    """

    asked_s: float
    stamps: tuple[float, ...]
    ended_s: float
    tokens: int

    @property
    def first_s(self) -> float:
        """From the request to the first text."""
        return self.stamps[0] - self.asked_s

    @property
    def whole_s(self) -> float:
        """From the request to the end."""
        return self.ended_s - self.asked_s

    @property
    def rate(self) -> float:
        """Tokens a second once the first was there."""
        return (self.tokens - 1) / (self.stamps[-1] - self.stamps[0])

    def longest_gap(self, since_s: float = float("-inf"), until_s: float = float("inf")) -> float | None:
        """The longest silence between two events that was, at least in part, within a time; None: no such."""
        gaps = [
            after - before
            for before, after in zip(self.stamps, self.stamps[1:], strict=False)
            if after > since_s and before < until_s
        ]
        return max(gaps, default=None)


class Worker:
    """The worker as its clients see it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def count(self, text: str) -> int:
        """How many tokens the model reads of a text."""
        async with self._session.post("/tokenize", json={"prompt": text}) as answer:
            answer.raise_for_status()
            return int((await answer.json())["count"])

    async def stream(self, ask: GenerationOptions) -> Told:
        """Ask, and read to the end. Raises StreamFailed."""
        return await self.stream_body(ask.body)

    async def stream_body(self, body: dict[str, Any]) -> Told:
        """The same for a request as it is sent.

        Raises:
            StreamFailed: the worker refused, or broke off.
        """
        asked_s = time.perf_counter()
        async with self._session.post("/v1/completions", json=body) as answer:
            if answer.status != 200:
                raise StreamFailed(await answer.text())
            # Events are looked into afterwards: that would take the worker's processor time.
            chunks = [(time.perf_counter(), chunk) async for chunk in answer.content.iter_any()]
        return _told(asked_s, time.perf_counter(), list(_lines(chunks)))

    async def write(self, body: dict[str, Any]) -> tuple[str, str]:
        """Ask for one text; the text, and why it ends.

        Raises:
            StreamFailed: the worker refused.
        """
        async with self._session.post("/v1/completions", json=body) as answer:
            if answer.status != 200:
                raise StreamFailed(await answer.text())
            choice = (await answer.json())["choices"][0]
        return str(choice["text"]), str(choice["finish_reason"])

    async def together(self, asks: Sequence[GenerationOptions]) -> list[Told]:
        """Several streams, each at its time; in the order of `asks`."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._later(ask)) for ask in asks]
        return [task.result() for task in tasks]

    async def _later(self, ask: GenerationOptions) -> Told:
        await asyncio.sleep(ask.at_s)
        return await self.stream(ask)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Worker]:
    """The worker at `url`, with as many connections as there are streams."""
    async with aiohttp.ClientSession(
        url,
        # A connection for each stream: the worker hangs up idle ones just when they are taken again.
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=None, sock_read=SILENCE_TIMEOUT_S),
    ) as session:
        yield Worker(session)


def total_rate(told: Sequence[Told]) -> float:
    """Tokens a second of several streams, from the first request to the last token."""
    return sum(one.tokens for one in told) / (
        max(one.ended_s for one in told) - min(one.asked_s for one in told)
    )


def _lines(chunks: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Lines, each with the time at which its end came."""
    rest = b""
    for stamp, chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield stamp, line


def _told(asked_s: float, ended_s: float, lines: Sequence[tuple[float, bytes]]) -> Told:
    stamps, tokens = [], 0
    for stamp, line in lines:
        if not line.startswith(_DATA):
            continue
        event = json.loads(line[len(_DATA) - 1 :])
        if "error" in event:
            raise StreamFailed(event["error"]["message"])
        tokens += (event.get("usage") or {}).get("completion_tokens", 0)
        if any(choice["text"] for choice in event["choices"]):
            stamps.append(stamp)
    if not any(line.startswith(b"data: [DONE]") for _, line in lines):
        raise StreamFailed("the stream ended without [DONE]")
    if len(stamps) < 2:
        raise StreamFailed(f"{tokens} tokens came in {len(stamps)} events: too few to measure")
    return Told(asked_s, tuple(stamps), ended_s, tokens)
