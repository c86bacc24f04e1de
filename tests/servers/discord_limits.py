"""Rate-limit buckets with Discord's headers, and faults that a test orders."""

from __future__ import annotations

import hashlib
import socket
import struct
import time
from dataclasses import dataclass, field

from aiohttp import web

from tests.servers.discord_answers import answer

MESSAGE_LIMIT, MESSAGE_PERIOD_S = 5, 5.0
"""Creates and edits of messages a channel; observed, not documented."""
OLD_LIMIT, OLD_PERIOD_S = 3, 6.0
"""Edits a channel of messages older than an hour; observed too. The headers tell nothing of it."""
OLD_S = 3600.0
TOO_OLD = 30046
OLD_EDITS = "edits of old messages"
WEBHOOK_LIMIT, WEBHOOK_PERIOD_S = 5, 2.0
WEBHOOK_CHANNEL_LIMIT, WEBHOOK_CHANNEL_PERIOD_S = 30, 60.0
GLOBAL_LIMIT, GLOBAL_PERIOD_S = 50, 1.0
GLOBAL_HEADERS = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}


@dataclass(slots=True)
class Bucket:
    """A window of `period_s` that begins with its first request."""

    name: str
    limit: int
    period_s: float
    began_s: float = 0.0
    used: int = 0

    def take(self, now_s: float) -> bool:
        """Count a request; False if it is one too many."""
        if now_s - self.began_s >= self.period_s:
            self.began_s, self.used = now_s, 0
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def headers(self, now_s: float) -> dict[str, str]:
        """What Discord tells about the bucket with every answer."""
        left_s = max(0.0, self.began_s + self.period_s - now_s)
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.limit - self.used),
            "X-RateLimit-Reset": f"{time.time() + left_s:.3f}",
            "X-RateLimit-Reset-After": f"{left_s:.3f}",
            "X-RateLimit-Bucket": hashlib.blake2b(self.name.encode(), digest_size=8).hexdigest(),
        }


@dataclass(slots=True)
class Limits:
    """The buckets by route and channel; `refused` counts the 429 answers."""

    buckets: dict[str, Bucket] = field(default_factory=dict)
    everything: Bucket = field(default_factory=lambda: Bucket("global", GLOBAL_LIMIT, GLOBAL_PERIOD_S))
    refused: int = 0

    def bucket(self, route: str, major: str, limit: int, period_s: float) -> Bucket:
        """The bucket of a route for one channel or webhook."""
        return self.buckets.setdefault(f"{route}|{major}", Bucket(route, limit, period_s))

    def refusal(self, bucket: Bucket, now_s: float) -> web.Response:
        """The 429 answer, as Discord's own servers give it (`Via`: not Cloudflare)."""
        self.refused += 1
        after_s = max(0.0, bucket.began_s + bucket.period_s - now_s)
        if bucket.name == OLD_EDITS:
            return _refused_old(after_s)
        of_all = bucket is self.everything
        # Of the whole bot's limit the headers name no bucket: it belongs to no route.
        headers = GLOBAL_HEADERS if of_all else bucket.headers(now_s) | {"X-RateLimit-Scope": "user"}
        body = {"message": "You are being rate limited.", "retry_after": after_s, "global": of_all}
        told = {"Retry-After": str(int(after_s) + 1), "Via": "1.1 google"}
        return answer(body, status=429, headers=headers | told)


def _refused_old(after_s: float) -> web.Response:
    body = {
        "message": "Maximum number of edits to messages older than 1 hour reached. Try again later.",
        "code": TOO_OLD,
        "retry_after": after_s,
        "global": False,
    }
    headers = {"Retry-After": str(int(after_s) + 1), "Via": "1.1 google", "X-RateLimit-Scope": "user"}
    return answer(body, status=429, headers=headers)


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` requests of `method` whose path contains `path`.

    `status` answers with it; None resets the connection. `applied`: the request is carried out before that.
    """

    method: str
    path: str
    status: int | None
    times: int = 1
    applied: bool = False
    code: int = 0

    def meets(self, request: web.Request) -> bool:
        """Whether this fault is for the request; counts it."""
        if self.times == 0 or self.method != request.method or self.path not in request.path:
            return False
        self.times -= 1
        return True

    def answer(self, request: web.Request) -> web.Response:
        """The broken answer."""
        if self.status is None:
            reset(request)
            return web.Response(status=500)  # nobody can read it any more
        return answer({"message": "fault", "code": self.code}, status=self.status)


def reset(request: web.Request) -> None:
    """End the connection with a TCP reset (errno 104 at the client), not with a farewell."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
