"""The loop that leaps."""

from __future__ import annotations

import asyncio
import threading
import time

from tests.fakes.leaping import LeapingLoop, leaping


async def _sleeps() -> list[float]:
    loop = asyncio.get_running_loop()
    woken = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(loop.time())

    await asyncio.gather(sleeper(3600), sleeper(60), sleeper(0.5))
    return woken


def test_an_hour_passes_at_once_and_in_its_order() -> None:
    """Who sleeps is woken at their own moment, and nobody waits for it."""
    began = time.monotonic()
    assert leaping(_sleeps()) == [0.5, 60.0, 3600.0]
    assert time.monotonic() - began < 5


async def _echo() -> tuple[bytes, float]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    far = asyncio.create_task(asyncio.sleep(1000))
    reader, writer = await asyncio.open_connection(host, port)
    writer.write("続き\n".encode())
    said = await reader.readline()
    writer.close()
    far.cancel()
    server.close()
    return said, asyncio.get_running_loop().time()


def test_what_goes_over_a_socket_takes_no_time() -> None:
    """Though somebody sleeps meanwhile, whom a leap would wake."""
    assert leaping(_echo()) == ("続き\n".encode(), 0.0)


async def _thread() -> tuple[str, float]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    worked, done = asyncio.Event(), threading.Event()
    loop.wait_for(lambda: not done.is_set())

    def work() -> None:
        time.sleep(0.05)
        loop.call_soon_threadsafe(worked.set)
        done.set()

    threading.Thread(target=work).start()
    async with asyncio.timeout(10):
        await worked.wait()
    return "worked", loop.time()


def test_a_thread_that_works_is_waited_for() -> None:
    """No time passes before it is done."""
    assert leaping(_thread()) == ("worked", 0.0)
