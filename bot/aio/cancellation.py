"""What may be broken off, a stream or a sleep at any moment, and work that must come to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import TypeVar

from bot.aio.clock import Clock

Item = TypeVar("Item")


async def until(stream: AsyncIterator[Item], stop: asyncio.Event) -> AsyncGenerator[Item, None]:
    """`stream` until `stop` is set, even while none comes; they are closed in the end."""
    stopped = asyncio.ensure_future(stop.wait())
    following: asyncio.Future[Item] | None = None
    try:
        while not stop.is_set():
            following = asyncio.ensure_future(anext(stream))
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            try:
                yield following.result()
            except StopAsyncIteration:
                return
    finally:
        stopped.cancel()
        if following is not None:
            following.cancel()
            # Its error, if it has one, comes too late for anybody.
            await asyncio.gather(following, return_exceptions=True)
        if hasattr(stream, "aclose"):
            await stream.aclose()


async def sleep_until(woken: asyncio.Event, seconds: float, clock: Clock) -> None:
    """Sleep for `seconds`, or until `woken` is set."""
    waits = {asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(woken.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def to_its_end(work: Coroutine[None, None, None]) -> None:
    """Do `work` to its end even when this task is cancelled meanwhile, and be cancelled then.

    A job half ended would be shown as interrupted though its text is kept.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
