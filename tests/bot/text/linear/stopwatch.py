"""How much more a text of twice the length costs."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

LENGTH = 2000
MOST = 2.6
"""Twice the text costs twice as much; a little more where memory is filled."""
ROUNDS = 15
FREE_S = 0.001
"""What costs no more is no work; the clock would say anything."""


def growth(work: Callable[[str], object], text: str, twice: str) -> float:
    """The cost of the second text, measured by that of the first: each the best of several turns.

    Processor time of this thread: a busy machine changes little. The first is worked on twice in a row:
    both take about as long then, and what disturbs one disturbs the other. It ends once there is no doubt.
    """
    short = long = float("inf")
    gc.disable()
    try:
        for _ in range(ROUNDS):
            short = min(short, _cost_s(work, text, times=2) / 2)
            long = min(long, _cost_s(work, twice))
            if long < FREE_S or long < MOST * short:
                break
    finally:
        gc.enable()
    return 1.0 if long < FREE_S else long / short


def _cost_s(work: Callable[[str], object], text: str, times: int = 1) -> float:
    begun = time.thread_time()
    for _ in range(times):
        work(text)
    return time.thread_time() - begun
