"""JSON and server-sent events, as they are written and read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

DONE = b"data: [DONE]\n\n"
"""Ends a stream that went well. One without it failed."""
OPEN = b": open\n\n"
ALIVE = b": alive\n\n"
"""A comment, sent where nothing else was for a while."""

_DATA = b"data:"
_DONE_DATA = b"[DONE]"


def encode_json(value: Mapping[str, Any]) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def encode_event(value: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + encode_json(value) + b"\n\n"


async def read_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each event up to `[DONE]`, however the network cut the bytes; comments are passed over.

    Raises:
        EOFError: the stream ended before.
    """
    # Not httpx's own lines: those also end at U+2028 and the like, which stand unescaped in JSON's strings.
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if not line.startswith(_DATA):
                continue
            data = line.removeprefix(_DATA).strip()
            if data == _DONE_DATA:
                return
            yield data
    raise EOFError
