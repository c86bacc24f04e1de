"""Rooms one after the other in one process, as tests of the whole program start them."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio, contextlib, warnings
import httpx
from adapters.web import WebAdapter
from tests.fakes.services import FakeServices

async def once():
    adapter = WebAdapter(lambda key, locale, **values: key, port=0)
    adapter.attach(FakeServices())
    running = asyncio.create_task(adapter.run())
    url = await adapter.started()
    async with httpx.AsyncClient() as client:
        print((await client.get(url + "/r/some-room")).status_code, flush=True)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    print(repr(adapter.url), flush=True)

for _ in range(3):
    asyncio.run(once())
"""


def test_a_room_can_be_opened_again_on_another_loop() -> None:
    """NiceGUI's state in its modules does not outlive the room that used it, and nothing warns."""
    done = subprocess.run(  # noqa: S603 our own interpreter and script
        [sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("200\n''\n" * 3, "")
