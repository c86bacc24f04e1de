"""Pieces in no quicker succession than people read."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bot.domain.errors import EngineError, EngineFailed
from bot.domain.inference import Delta, Score
from bot.worker.engine.delta_coalescer import DeltaCoalescer


@dataclass(slots=True)
class Told:
    """A listener, and the time."""

    now_s: float = 0.0
    events: list[Delta | EngineError] = field(default_factory=list)

    def paced(self, every_s: float = 1.0) -> DeltaCoalescer:
        """What tells this listener."""
        return DeltaCoalescer(self.events.append, every_s, lambda: self.now_s)

    @property
    def texts(self) -> list[str]:
        """The pieces' texts."""
        return [event.text for event in self.events if isinstance(event, Delta)]


def test_the_first_piece_comes_at_once_and_the_next_together() -> None:
    """What comes within the time goes with the first piece after it."""
    told = Told()
    paced = told.paced()
    for at_s, text in ((0.0, "一"), (0.4, "二"), (0.8, "三"), (1.2, "四"), (1.3, "五")):
        told.now_s = at_s
        paced(Delta(0, text))
    assert told.texts == ["一", "二三四"]


def test_scores_come_with_their_pieces() -> None:
    """Each once, in order."""
    told, scores = Told(), [Score(token, -1.0, (), token) for token in range(3)]
    paced = told.paced()
    for score in scores:
        paced(Delta(0, "字", scores=(score,)))
    paced.flush()
    assert told.events == [Delta(0, "字", scores=(scores[0],)), Delta(0, "字字", scores=tuple(scores[1:]))]


def test_the_end_waits_for_nothing() -> None:
    """With all that is held before it, and its reason."""
    told = Told()
    paced = told.paced()
    paced(Delta(1, "一"))
    paced(Delta(1, "二"))
    paced(Delta(1, "三", "stop"))
    assert told.events == [Delta(1, "一"), Delta(1, "二三", "stop")]


def test_an_error_comes_behind_what_was_written() -> None:
    """At once, too."""
    told, error = Told(), EngineFailed(reason="a step failed")
    paced = told.paced()
    paced(Delta(0, "一"))
    paced(Delta(0, "二"))
    paced(error)
    assert told.events == [Delta(0, "一"), Delta(0, "二"), error]


@pytest.mark.parametrize("every_s", [0.0, 1.0])
def test_flushing_tells_what_is_held_once(every_s: float) -> None:
    """And nothing, where nothing is."""
    told = Told()
    paced = told.paced(every_s)
    paced.flush()
    paced(Delta(0, "一"))
    paced(Delta(0, "二"))
    paced.flush()
    paced.flush()
    assert "".join(told.texts) == "一二"
    assert len(told.texts) == 2


def test_the_rest_begins_with_the_last_piece_that_was_told() -> None:
    """Also with one that was told early."""
    told = Told()
    paced = told.paced()
    paced(Delta(0, "一"))
    told.now_s = 0.9
    paced(Delta(0, "二"))
    paced.flush()
    told.now_s = 1.5
    paced(Delta(0, "三"))
    assert told.texts == ["一", "二"]
