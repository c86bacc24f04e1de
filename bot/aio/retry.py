"""Trying again what failed for now, and how long to wait before: tenacity on an injected clock."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    stop_never,
)

from bot.aio.clock import Clock

Result = TypeVar("Result")
ErrorTypes = type[Exception] | tuple[type[Exception], ...]
BeforeWait = Callable[[BaseException, float], Awaitable[None]]
"""Is told the error and the seconds until the next try."""

_MOST_DOUBLINGS = 60
"""Beyond it a float overflows after some months of failures."""


@dataclass(frozen=True)
class Backoff:
    """Waits that double from `first_s` to `longest_s` seconds."""

    first_s: float
    longest_s: float

    def wait_s(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row, from 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))


async def retry(
    call: Callable[[], Awaitable[Result]],
    *,
    on: ErrorTypes,
    backoff: Backoff,
    clock: Clock,
    tries: int | None = None,
    unless: ErrorTypes = (),
    before_wait: BeforeWait | None = None,
    longest_after_s: float = math.inf,
) -> Result:
    """`call`, again and again while it raises `on` but not `unless`; at most `tries` times in all.

    An error with seconds in `after_s` says itself when to come back; no longer than `longest_after_s`
    is waited for it. The last error is raised as it came.
    """

    def wait_s(state: RetryCallState) -> float:
        after_s = getattr(_error(state), "after_s", None)
        return backoff.wait_s(state.attempt_number) if after_s is None else min(longest_after_s, after_s)

    async def before_sleep(state: RetryCallState) -> None:
        if before_wait is not None and state.next_action is not None:
            await before_wait(_error(state), state.next_action.sleep)

    async def attempt() -> Result:
        # tenacity awaits nothing but the call of an async function: not what a lambda gives back.
        return await call()

    attempts = AsyncRetrying(
        sleep=clock.sleep,
        stop=stop_never if tries is None else stop_after_attempt(tries),
        wait=wait_s,
        retry=retry_if_exception_type(on) & retry_if_not_exception_type(unless),
        before_sleep=before_sleep,
        reraise=True,
    )
    return await attempts(attempt)


def _error(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome is not None else None
    if error is None:
        raise TypeError("only a failure is waited after")
    return error
