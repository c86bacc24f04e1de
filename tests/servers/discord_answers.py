"""JSON answers as Discord gives them: the content type names no charset, and the client insists on that."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web


def answer(payload: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`payload` as JSON."""
    body = json.dumps(payload, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


async def body_of(request: web.Request) -> dict[str, Any]:
    """A request's body: JSON, or a form with a JSON part and `files` (name and bytes)."""
    if not request.content_type.startswith("multipart/"):
        plain: dict[str, Any] = await request.json()
        return plain
    form = await request.post()
    given = form["payload_json"]
    body: dict[str, Any] = json.loads(given if isinstance(given, str) else "{}")
    uploads = [part for name, part in form.items() if name.startswith("files[")]
    files = [(part.filename, part.file.read()) for part in uploads if isinstance(part, web.FileField)]
    data = body.get("data") if isinstance(body.get("data"), dict) else body
    if isinstance(data, dict):
        data["files"] = files
    return body
