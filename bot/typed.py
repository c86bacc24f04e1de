"""Lines as they are typed at standard input, without keeping anybody waiting."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator

from bot.errors import NotText

_CHUNK_BYTES = 65536


async def typed_lines(descriptor: int) -> AsyncIterator[str]:
    """The lines of a terminal, a pipe or a file, without their ends, until it ends.

    Raises:
        NotText: a line is not UTF-8.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        # The system's own call, not Python's buffered reader: a process that ends while somebody may still
        # type must not wait for a lock that this thread holds.
        while True:
            try:
                chunk = os.read(descriptor, _CHUNK_BYTES)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:  # the loop is closed: nobody listens
                return
            if not chunk:
                return

    threading.Thread(target=read, name="typed", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield _text(line)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").removesuffix("\r")
    except UnicodeDecodeError:
        raise NotText from None
