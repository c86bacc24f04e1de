"""Lines as they are typed at standard input, without keeping anybody waiting."""

from __future__ import annotations

import asyncio
import codecs
import os
import stat
import threading
from collections.abc import AsyncIterator

from bot.domain.errors import NotText
from bot.text.text_file import codec_of, text_of

_CHUNK_BYTES = 65536


async def typed_lines(descriptor: int, encoding: str = "") -> AsyncIterator[str]:
    """The lines of a terminal, a pipe or a file, without their ends, until it ends.

    A file's encoding is found out from what is in it; a pipe's is UTF-8 where nothing else is said.

    Raises:
        NotText: it is no text, or not in this encoding.
        UnknownEncoding: there is no `encoding` of that name.
    """
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        data = b"".join([chunk async for chunk in _chunks(descriptor)])
        text = text_of(data, len(data), encoding).removesuffix("\n")
        for line in text.split("\n") if text else ():
            yield line
        return
    decoder = codecs.getincrementaldecoder(codec_of(encoding or "utf-8-sig"))()
    rest = ""
    async for chunk in _chunks(descriptor):
        *lines, rest = (rest + _decoded(decoder, chunk)).split("\n")
        for line in lines:
            yield line.removesuffix("\r")
    if rest := rest + _decoded(decoder, b"", final=True):
        yield rest.removesuffix("\r")


async def _chunks(descriptor: int) -> AsyncIterator[bytes]:
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
    while chunk := await chunks.get():
        yield chunk


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> str:
    try:
        return decoder.decode(chunk, final)
    except UnicodeError:
        raise NotText from None
