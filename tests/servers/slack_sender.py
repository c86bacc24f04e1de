"""The Events API over HTTP: requests signed as Slack signs them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp


@dataclass(frozen=True, slots=True)
class Answered:
    """What the app answered."""

    status: int
    text: str


def signature(secret: str, timestamp: str, body: str) -> str:
    """`v0=` and the HMAC of version, time stamp and body."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()


class SignedSender:
    """Posts events and commands to an app's `url`."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._secret = secret

    async def event(self, payload: dict[str, Any], retry: int | None = None, **forged: str) -> Answered:
        """An Events API request; `forged` may replace its `timestamp` or `signature`."""
        headers = {"Content-Type": "application/json"}
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        return await self._post(json.dumps(payload), headers, **forged)

    async def command(self, form: dict[str, Any], **forged: str) -> Answered:
        """A slash command."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._post(urlencode(form), headers, **forged)

    async def interaction(self, payload: dict[str, Any], **forged: str) -> Answered:
        """A click, a shortcut, a form that was sent."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._post(urlencode({"payload": json.dumps(payload)}), headers, **forged)

    async def deliver(self, payload: dict[str, Any], retry: int | None = None) -> Answered:
        """Anything, in its own way."""
        if "command" in payload:
            return await self.command(payload)
        if payload.get("type") == "event_callback":
            return await self.event(payload, retry)
        return await self.interaction(payload)

    async def _post(self, body: str, headers: dict[str, str], **forged: str) -> Answered:
        timestamp = forged.get("timestamp", str(int(time.time())))
        signed = forged.get("signature") or signature(self._secret, timestamp, body)
        headers |= {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signed}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._url, data=body.encode(), headers=headers) as response,
        ):
            return Answered(response.status, await response.text())
