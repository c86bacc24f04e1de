"""What becomes of errors where a person started the work: told in their words, logged once, and over."""

from __future__ import annotations

import asyncio
import logging

import pytest

from adapters.shared.error_boundary import Failure, Outcome, Tell, error_boundary
from bot.domain.errors import QueueFull, RetryLater

WHAT = "Button 7 could not be followed"


async def outcome_of(error: BaseException | None, tell: Tell | None = None, later: str = "") -> Outcome:
    """Work that ends with an error, inside a boundary."""
    async with error_boundary(WHAT, tell, trouble="discord.trouble", later=later) as outcome:
        if error is not None:
            raise error
    return outcome


class Person:
    """Is told things, or cannot be reached."""

    def __init__(self, unreachable: Exception | None = None) -> None:
        self.told: list[tuple[str, dict[str, object]]] = []
        self._unreachable = unreachable

    async def tell(self, failure: Failure) -> None:
        """Keep what was said."""
        self.told.append((failure.key, dict(failure.values)))
        if self._unreachable is not None:
            raise self._unreachable


async def test_what_goes_well_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is told, nothing is logged, and the outcome is that it was done."""
    person = Person()
    outcome = await outcome_of(None, person.tell)
    assert outcome.done
    assert person.told == []
    assert caplog.records == []


async def test_a_request_that_cannot_be_met_is_told_in_its_own_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With its values; nobody who keeps the bot running has to know of it."""
    person, error = Person(), QueueFull(limit=3)
    outcome = await outcome_of(error, person.tell)
    assert not outcome.done
    assert outcome.error is error
    assert person.told == [("error.queue_full", {"limit": 3})]
    assert caplog.records == []


@pytest.mark.parametrize(("later", "told"), [("slack.later", "slack.later"), ("", "discord.trouble")])
async def test_what_the_platform_did_not_take_is_one_warning(
    caplog: pytest.LogCaptureFixture, later: str, told: str
) -> None:
    """Without a traceback; the person is asked to try later, where the platform has such a sentence."""
    person = Person()
    await outcome_of(RetryLater("Discord answered 503"), person.tell, later)
    assert person.told == [(told, {})]
    [record] = caplog.records
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)
    assert record.getMessage() == f"{WHAT}: Discord answered 503"


async def test_a_bug_is_logged_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Under a sentence that names the work; the person hears that something went wrong, and no more."""
    person, error = Person(), KeyError("passage")
    await outcome_of(error, person.tell)
    assert person.told == [("discord.trouble", {})]
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, WHAT)
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert record.exc_info[2] is not None


@pytest.mark.parametrize("error", [QueueFull(limit=3), RetryLater("503"), KeyError("passage")])
async def test_with_nobody_to_tell_it_is_logged(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    """Work that goes on in the background has only the log, whatever became of it."""
    outcome = await outcome_of(error)
    assert outcome.error is error
    [record] = caplog.records
    assert record.getMessage().startswith(WHAT)


@pytest.mark.parametrize("unreachable", [RetryLater("503"), ValueError("no such place")])
async def test_a_person_who_cannot_be_told_costs_nothing(
    caplog: pytest.LogCaptureFixture, unreachable: Exception
) -> None:
    """What goes wrong while telling is logged, and raised to nobody."""
    await outcome_of(QueueFull(limit=3), Person(unreachable).tell)
    [record] = caplog.records
    assert WHAT in record.getMessage()


async def test_being_cancelled_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """It gets through, and nobody is told of it."""
    person = Person()
    with pytest.raises(asyncio.CancelledError):
        await outcome_of(asyncio.CancelledError(), person.tell)
    assert person.told == []
    assert caplog.records == []
