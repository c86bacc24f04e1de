"""What happens when one of the tasks stops."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.app.task_supervisor import TaskSupervisor
from bot.domain.errors import ConfigurationError


async def forever() -> None:
    """Work that never ends by itself."""
    await asyncio.Event().wait()


async def fail(error: Exception) -> None:
    """Work that ends at once, badly."""
    raise error


async def settle() -> None:
    """Let everything that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_bad_token_on_one_platform_is_told_and_the_others_go_on() -> None:
    """The sentence of a ConfigurationError is logged once, without a traceback."""
    crew, stop = TaskSupervisor(), asyncio.Event()
    crew.start("web", forever(), needed=False)
    crew.start("discord", fail(ConfigurationError("DISCORD_TOKEN is wrong")), needed=False)
    with capture_logs() as logs:
        watching = asyncio.create_task(crew.watch(stop))
        await settle()
        assert not watching.done()
        stop.set()
        await watching
    assert [(line["event"], line["platform"]) for line in logs] == [("DISCORD_TOKEN is wrong", "discord")]
    assert "exc_info" not in logs[0]
    await crew.cancel("web", 1)


async def test_a_platform_that_fails_otherwise_is_logged_with_its_cause() -> None:
    """A bug in one adapter does not take the others with it."""
    crew, stop = TaskSupervisor(), asyncio.Event()
    crew.start("web", forever(), needed=False)
    crew.start("slack", fail(RuntimeError("bug")), needed=False)
    with capture_logs() as logs:
        watching = asyncio.create_task(crew.watch(stop))
        await settle()
        stop.set()
        await watching
    assert isinstance(logs[0]["exc_info"], RuntimeError)
    await crew.cancel("web", 1)


async def test_when_no_platform_is_left_watching_ends() -> None:
    """Nobody could be heard any more."""
    crew, stop = TaskSupervisor(), asyncio.Event()
    crew.start("outbox", forever(), needed=True)
    crew.start("web", fail(ConfigurationError("port taken")), needed=False)
    with capture_logs():
        await asyncio.wait_for(crew.watch(stop), 5)
    assert not stop.is_set()
    await crew.cancel("outbox", 1)


async def test_the_end_of_a_needed_task_is_the_end_of_all() -> None:
    """Its error comes out."""
    crew, stop = TaskSupervisor(), asyncio.Event()
    crew.start("web", forever(), needed=False)
    crew.start("dispatcher", fail(OSError("disk full")), needed=True)
    with pytest.raises(OSError, match="disk full"):
        await asyncio.wait_for(crew.watch(stop), 5)
    await crew.cancel("web", 1)


async def test_dismissing_waits_for_the_clean_up() -> None:
    """A cancelled task may finish what it must."""
    crew, tidy = TaskSupervisor(), asyncio.Event()
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await forever()
        finally:
            await asyncio.sleep(0)
            tidy.set()

    crew.start("outbox", work(), needed=True)
    await begun.wait()
    await crew.cancel("outbox", 5)
    assert tidy.is_set()
    await crew.cancel("outbox", 5)


async def test_a_task_that_does_not_end_is_left_behind_after_the_grace() -> None:
    """Stopping takes no longer than the grace, and says what was in the way."""
    crew, release, begun = TaskSupervisor(), asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            begun.set()
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    crew.start("discord", stubborn(), needed=False)
    await begun.wait()
    with capture_logs() as logs:
        await crew.cancel("discord", 0)
    assert [line["event"] for line in logs] == ["did not stop in time"]
    release.set()


async def test_a_name_is_used_once() -> None:
    """Two platforms of one name would hide each other."""
    crew = TaskSupervisor()
    crew.start("web", forever(), needed=False)
    with pytest.raises(ValueError, match="web"):
        crew.start("web", forever(), needed=False)
    await crew.cancel("web", 1)
