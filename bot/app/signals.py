"""Asked to stop: the first signal is a request, the second one an order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _nothing() -> bool:
    return False


@contextmanager
def stop_on_signals(stop: asyncio.Event, instead: Callable[[], bool] = _nothing) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`; from then on they do what they always do, so a second one kills.

    `instead`: is asked at a SIGINT first; where it stops something smaller and says so, `stop` is not set.
    """
    loop = asyncio.get_running_loop()

    def heard(each: signal.Signals) -> None:
        if each is signal.SIGINT and instead():
            return
        stop.set()
        _forget(loop)

    for each in STOP_SIGNALS:
        loop.add_signal_handler(each, heard, each)
    try:
        yield
    finally:
        _forget(loop)


def _forget(loop: asyncio.AbstractEventLoop) -> None:
    for each in STOP_SIGNALS:
        loop.remove_signal_handler(each)
