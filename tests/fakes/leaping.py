"""An event loop that leaps over the time in which nothing happens.

Libraries that know no other clock than the loop's (discord.py, aiohttp, a server in the same process) run on
it as they are, over real sockets: a minute of theirs takes as long as its computing, on any machine alike.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
Busy = Callable[[], bool]

_LOOK_S = 0.002
"""How long what is on its way is waited for before it is looked after again."""
_LOST_S = 0.5
"""What did not arrive within this was lost: its reader is gone."""


class _Wire:
    """How much was sent and not received yet, of connections whose both ends are in this process."""

    def __init__(self) -> None:
        self.connecting = 0
        self.on_its_way = 0

    def idle(self) -> bool:
        """Whether everything has arrived."""
        return self.on_its_way == 0 and self.connecting == 0


class _CountedSocket:
    """A socket that tells the wire what goes through it."""

    def __init__(self, real: socket.socket, wire: _Wire) -> None:
        self._real = real
        self._wire = wire

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def send(self, data: Any, *flags: int) -> int:
        """Send; what was taken is on its way."""
        sent = self._real.send(data, *flags)
        self._wire.on_its_way += sent
        return sent

    def recv(self, size: int, *flags: int) -> bytes:
        """Receive."""
        data = self._real.recv(size, *flags)
        self._wire.on_its_way -= len(data)
        return data

    def recv_into(self, buffer: Any, *rest: int) -> int:
        """Receive."""
        size = self._real.recv_into(buffer, *rest)
        self._wire.on_its_way -= size
        return size


class _Selector(selectors.DefaultSelector):
    """Waits for no time to pass, only for what is on its way."""

    def __init__(self, wire: _Wire) -> None:
        super().__init__()
        self.leapt_s = 0.0
        self.busy: Busy = lambda: False
        self._wire = wire

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; where nothing is, `timeout` has passed when this returns."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if ready := self._arriving():
            return ready
        if timeout is None:
            return super().select(None)
        self.leapt_s += timeout
        return []

    def _arriving(self) -> list[tuple[selectors.SelectorKey, int]]:
        looked_s = 0.0
        while self.busy() or not self._wire.idle():
            began = time.monotonic()
            if ready := super().select(_LOOK_S):
                return ready
            looked_s += time.monotonic() - began
            if looked_s > _LOST_S and not self.busy():
                self._wire.on_its_way = 0
        return []


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop whose time is the sum of its leaps: it stands still while something is computed.

    `wait_for` names what a thread does for the loop (a database): no time passes before that is done.
    """

    def __init__(self) -> None:
        self._wire = _Wire()
        self._leaping = _Selector(self._wire)
        super().__init__(self._leaping)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._leaping.leapt_s

    def wait_for(self, busy: Busy) -> None:
        """Do not leap while `busy` says so."""
        self._leaping.busy = busy

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect; no time passes meanwhile."""
        self._wire.connecting += 1
        try:
            await super().sock_connect(sock, address)
        finally:
            self._wire.connecting -= 1

    def _make_socket_transport(self, sock: socket.socket, *args: Any, **options: Any) -> Any:
        counted = _CountedSocket(sock, self._wire)
        return super()._make_socket_transport(counted, *args, **options)  # type: ignore[misc]


def leaping(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end on a loop that leaps."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(work)
