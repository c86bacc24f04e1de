"""Where the errors of work that a person started end: they are told, and the log has the cause once.

Every command, button, form and message runs inside one of these, on every platform.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from bot.domain.errors import DeliveryError, SpokenError

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a person is told of an error: `key` names the sentence, `values` fill it."""

    error: Exception
    key: str
    values: Mapping[str, object] = field(default_factory=dict)


Tell = Callable[[Failure], Awaitable[None]]
"""Says it to the person; may also say something else of some errors, or nothing."""


@dataclass(slots=True)
class Outcome:
    """What became of the work. `error`: what ended it."""

    error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return self.error is None


@asynccontextmanager
async def error_boundary(
    what_failed: str, tell: Tell | None = None, *, trouble: str = "", later: str = ""
) -> AsyncIterator[Outcome]:
    """Let no error of the work inside get further; being cancelled is none.

    A SpokenError is told in its own words and not logged. A DeliveryError is one warning and `later`, or
    `trouble` where a platform has no word of its own for it. All else is `trouble`, and logged with its
    traceback. Without `tell` there is nobody to tell, and a SpokenError is a warning too.

    `what_failed` is a sentence for the log, with ids of channels and the like, never with a story's text;
    `trouble` and `later` are keys of sentences: "something went wrong", "try it again later".
    """
    outcome = Outcome()
    try:
        yield outcome
    except SpokenError as error:
        outcome.error, failure = error, Failure(error, error.key, error.values)
        if tell is None:
            _log.warning("%s: %s", what_failed, error.key)
    except DeliveryError as error:
        outcome.error, failure = error, Failure(error, later or trouble)
        _log.warning("%s: %s", what_failed, error)
    except Exception as error:  # noqa: BLE001 - the one border of what a person started
        outcome.error, failure = error, Failure(error, trouble)
        _log.error("%s", what_failed, exc_info=error)
    if outcome.error is not None and tell is not None:
        await _tell(tell, failure, what_failed)


async def _tell(tell: Tell, failure: Failure, what_failed: str) -> None:
    try:
        await tell(failure)
    except DeliveryError as error:
        _log.warning("%s, and nobody could be told: %s", what_failed, error)
    except Exception as error:  # noqa: BLE001 - the person hears nothing, but the work is over
        _log.error("%s, and nobody could be told", what_failed, exc_info=error)
