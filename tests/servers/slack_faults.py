"""What goes wrong on the way: rate limits, server errors, dropped and lost answers."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a call fails."""

    STATUS = "status"  # an HTTP error, nothing done
    RESET = "reset"  # the connection drops, nothing done
    LOST = "lost"  # done, and then the connection drops
    LATE = "late"  # the connection drops, and it is done when the test says so
    DONE_500 = "done-500"  # done, and answered by an error
    REFUSED = "refused"  # `ok: false` with a code


@dataclass(frozen=True, slots=True)
class Fault:
    """One failing call."""

    kind: Kind
    status: int = 503
    code: str = ""
    retry_after: str | None = None


class Faults:
    """Faults that wait for the next calls of a method, in order."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Fault]] = defaultdict(deque)

    def add(self, method: str, fault: Fault, times: int = 1) -> None:
        """The next `times` calls of `method` fail so."""
        self._waiting[method].extend([fault] * times)

    def status(self, method: str, status: int, times: int = 1, retry_after: str | None = None) -> None:
        """The next calls are answered with an HTTP status and not done."""
        self.add(method, Fault(Kind.STATUS, status, retry_after=retry_after), times)

    def refuse(self, method: str, code: str, times: int = 1) -> None:
        """The next calls are answered `ok: false`."""
        self.add(method, Fault(Kind.REFUSED, code=code), times)

    def reset(self, method: str, times: int = 1) -> None:
        """The next calls are cut off before anything is done."""
        self.add(method, Fault(Kind.RESET), times)

    def lose_answer(self, method: str, times: int = 1) -> None:
        """The next calls are done and then cut off."""
        self.add(method, Fault(Kind.LOST), times)

    def come_late(self, method: str, times: int = 1) -> None:
        """The next calls are cut off, and done by `SlackServer.do_what_is_late`."""
        self.add(method, Fault(Kind.LATE), times)

    def done_but_500(self, method: str, times: int = 1) -> None:
        """The next calls are done and answered with a server error."""
        self.add(method, Fault(Kind.DONE_500, 500), times)

    def next(self, method: str) -> Fault | None:
        """What happens to this call."""
        waiting = self._waiting[method]
        return waiting.popleft() if waiting else None


@dataclass(frozen=True, slots=True)
class Tier:
    """`calls` in any `period_s`."""

    calls: int
    period_s: float


TIERS = {
    "chat.update": Tier(50, 60.0),
    "chat.startStream": Tier(20, 60.0),
    "chat.appendStream": Tier(100, 60.0),
    "chat.stopStream": Tier(20, 60.0),
    "chat.postMessage": Tier(5, 5.0),
    "chat.delete": Tier(50, 60.0),
    "chat.postEphemeral": Tier(100, 60.0),
    "conversations.replies": Tier(50, 60.0),
    "conversations.history": Tier(50, 60.0),
    "conversations.info": Tier(50, 60.0),
    "conversations.open": Tier(50, 60.0),
    "files.getUploadURLExternal": Tier(20, 60.0),
    "files.completeUploadExternal": Tier(20, 60.0),
    "files.info": Tier(100, 60.0),
    "views.open": Tier(100, 60.0),
    "views.publish": Tier(50, 60.0),
    "users.conversations": Tier(50, 60.0),
    "users.info": Tier(100, 60.0),
    "reactions.add": Tier(50, 60.0),
    "apps.connections.open": Tier(10, 60.0),
}
"""Per method and workspace; chat.postMessage per channel."""


class Rates:
    """Sliding windows over the calls of each method."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.tiers = dict(TIERS)

    def retry_after(self, method: str, channel: str) -> int | None:
        """Seconds to wait, or None where the call is within the tier; then it is counted."""
        tier = self.tiers.get(method)
        if tier is None:
            return None
        calls = self._calls[method, channel if method == "chat.postMessage" else ""]
        now = self._clock()
        while calls and now - calls[0] > tier.period_s:
            calls.popleft()
        if len(calls) >= tier.calls:
            return int(tier.period_s - (now - calls[0])) + 1
        calls.append(now)
        return None
