"""Asked to stop: the first signal is a request, the second one an order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping(stop: asyncio.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`; from then on they do what they always do, so a second one kills."""
    loop = asyncio.get_running_loop()

    def heard() -> None:
        stop.set()
        _forget(loop)

    for each in STOP_SIGNALS:
        loop.add_signal_handler(each, heard)
    try:
        yield
    finally:
        _forget(loop)


def _forget(loop: asyncio.AbstractEventLoop) -> None:
    for each in STOP_SIGNALS:
        loop.remove_signal_handler(each)
