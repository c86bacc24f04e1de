"""What came first is done first."""

from __future__ import annotations

import asyncio

from bot.aio.keyed_lock import KeyedLock


async def test_what_came_first_at_a_place_is_done_first() -> None:
    """However long it takes; other places do not wait for it."""
    in_order, opened, done = KeyedLock(), asyncio.Event(), []

    async def deed(place: str, name: str) -> None:
        async with in_order.holding(place):
            if name == "slow":
                await opened.wait()
            done.append(name)

    slow = asyncio.create_task(deed("here", "slow"))
    quick = asyncio.create_task(deed("here", "quick"))
    await asyncio.create_task(deed("there", "elsewhere"))
    assert done == ["elsewhere"]
    opened.set()
    await asyncio.gather(slow, quick)
    assert done == ["elsewhere", "slow", "quick"]


async def test_one_place_named_twice_is_one() -> None:
    """The first message of a forum's post has the id of the post."""
    in_order = KeyedLock()
    async with asyncio.timeout(5), in_order.holding("here", "here"):
        pass
    async with asyncio.timeout(5), in_order.holding("there", "here"):
        pass


async def test_a_deed_that_fails_lets_the_next_go_on() -> None:
    """Its error is its own."""
    in_order = KeyedLock()

    async def fails() -> None:
        async with in_order.holding("here"):
            raise ValueError

    async def works() -> str:
        async with in_order.holding("here"):
            return "done"

    _, told = await asyncio.gather(fails(), works(), return_exceptions=True)
    assert told == "done"
