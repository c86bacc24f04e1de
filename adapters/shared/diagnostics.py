"""What a look at one thing showed: the doctor's words, also for platforms that look at themselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it stands with one thing. `MISSING` is no trouble: nobody asked for it, or nobody can tell."""

    FINE = "fine"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `key` names its sentence, `values` fill it."""

    state: State
    subject: str
    key: str
    values: dict[str, object]

    @property
    def broken(self) -> bool:
        """Whether something that is needed does not work."""
        return self.state is State.BROKEN


def fine(subject: str, key: str, **values: object) -> Finding:
    """It works."""
    return Finding(State.FINE, subject, key, values)


def missing(subject: str, key: str, **values: object) -> Finding:
    """It is not there, and need not be."""
    return Finding(State.MISSING, subject, key, values)


def broken(subject: str, key: str, **values: object) -> Finding:
    """It is needed and does not work."""
    return Finding(State.BROKEN, subject, key, values)
