"""JSON answers as Discord gives them: the content type names no charset, and the client insists on that."""

from __future__ import annotations

import json

from aiohttp import web


def answer(payload: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`payload` as JSON."""
    body = json.dumps(payload, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
