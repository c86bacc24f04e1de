"""A worker on a socket that answers with the bytes a test wrote down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class LoopbackWorker:
    """One scripted answer a path.

    `answers` maps a path to status and body; a body of text pieces is a stream, sent in those pieces, after
    which the connection is closed, or kept open while `hold` is set. `bodies` are the requests received,
    `left` is set when a client closes its stream, `url` is where the client finds it.
    """

    url: str = ""
    answers: dict[str, tuple[int, object]] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    hold: bool = False
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (
                    line.split(":")[1]
                    for line in head.splitlines()
                    if "ontent-" in line and line.lower().startswith("content-length")
                ),
                "0",
            )
            if body := await reader.readexactly(int(length)):
                self.bodies.append(json.loads(body))
            status, content = self.answers[head.split()[1]]
            writer.write(f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n".encode())
            pieces = content if isinstance(content, list) else [json.dumps(content)]
            for piece in pieces:
                writer.write(piece if isinstance(piece, bytes) else str(piece).encode())
                await writer.drain()
            if self.hold:
                await reader.read()
                self.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def loopback_worker(path: Path | None = None) -> AsyncIterator[LoopbackWorker]:
    """Listen on a Unix socket at `path`; without one, on a free port of 127.0.0.1."""
    worker = LoopbackWorker()
    if path:
        worker.url = f"unix:{path}"
        server = await asyncio.start_unix_server(worker.answer, path)
    else:
        server = await asyncio.start_server(worker.answer, "127.0.0.1", 0)
        worker.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    try:
        yield worker
    finally:
        server.close()
        await server.wait_closed()
