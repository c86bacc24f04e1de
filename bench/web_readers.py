"""Open pages of a web room, as sockets: what reaches each of them, and when.

`python -m bench.web_readers URL ROOM=COUNT...` opens so many pages of each room, says `open`, and from then
on prints a line for each message with the end of a reply: the room, the page's number, the time
(`time.monotonic`, which is one clock for all processes), and the numerals of the replies that end in it.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from urllib.parse import urlencode
from uuid import uuid4

import engineio
import httpx

END = "度の鐘が鳴りおわった。"
"""How a reply ends, behind its number."""

CONNECT, CONNECTED = "0", "0"
"""What socket.io begins with, and its answer."""

_KANJI = "〇一二三四五六七八九"
_ENDED = re.compile(f"([{_KANJI}]+){END}")
_CLIENT = re.compile(r"""['"]client_id['"]: ?['"]([0-9a-f-]{36})['"]""")


def numeral(number: int) -> str:
    """A number that no rule of house style changes."""
    return "".join(_KANJI[int(digit)] for digit in str(number))


async def main(url: str, rooms: dict[str, int]) -> None:
    """Open the pages and read until this process is ended."""
    for room, count in rooms.items():
        for number in range(count):
            await _open(url, room, number)
    print("open", flush=True)
    await asyncio.Event().wait()


async def _open(url: str, room: str, number: int) -> None:
    async with httpx.AsyncClient(base_url=url, cookies={"tsuzuki_name": f"reader{number}"}) as browser:
        page = await browser.get(f"/r/{room}", timeout=60)
    found = _CLIENT.search(page.text)
    if found is None:
        raise SystemExit("The page does not say who it is.")
    query = {
        "client_id": found.group(1),
        "next_message_id": 0,
        "implicit_handshake": "true",
        "document_id": uuid4(),
        "tab_id": uuid4(),
    }
    connected = asyncio.Event()

    def hear(data: str | bytes) -> None:
        stamp = time.monotonic()
        text = data if isinstance(data, str) else data.decode()
        if text.startswith(CONNECTED):
            connected.set()
        elif found := _ENDED.findall(text):
            print(room, number, stamp, *found, flush=True)

    socket = engineio.AsyncClient()
    socket.on("message", hear)
    await socket.connect(
        f"{url}?{urlencode(query)}", transports=["websocket"], engineio_path="_nicegui_ws/socket.io"
    )
    await socket.send(CONNECT)
    await connected.wait()


if __name__ == "__main__":
    pairs = [told.split("=") for told in sys.argv[2:]]
    asyncio.run(main(sys.argv[1], {room: int(count) for room, count in pairs}))
