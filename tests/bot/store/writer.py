"""A process that writes into a store until it is killed: tells each passage once it was acknowledged."""

from __future__ import annotations

import asyncio
import itertools
import sys

from bot.domain.jobs import GenerationOptions
from bot.store import open_store
from tests.bot.store.told import says


async def write(url: str) -> None:
    """Hear messages with asks, claim and finish their jobs, and print each text that was kept."""
    store = await open_store(url)
    for i in itertools.count():
        await store.messages.receive(says(f"p{i}", f"e{i}"), GenerationOptions(), f"j{i}", i)
        print(f"p{i}", flush=True)  # noqa: T201 - the other process reads it
        await store.jobs.claim(f"j{i}")
        await store.jobs.complete(f"j{i}", [f"m{i}", f"x{i}"])
        print(f"m{i}", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
