"""Compares what comes out with what is kept in `snapshots/`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.golden.normal import as_json

SNAPSHOTS = Path(__file__).with_name("snapshots")

Golden = Callable[..., None]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares files of `snapshots/`, by their names, with texts or JSON values; all of them, then fails.

    With `--write-golden` they are written anew instead.
    """
    writes = bool(request.config.getoption("--write-golden"))

    def check(**found: object) -> None:
        wrong = [difference(name, value, writes=writes) for name, value in found.items()]
        if any(wrong):
            pytest.fail("\n".join(filter(None, wrong)), pytrace=False)

    return check


def difference(name: str, value: object, *, writes: bool) -> str:
    """How a value differs from what is kept under its name; empty where it does not."""
    text = value if isinstance(value, str) else as_json(value)
    path = SNAPSHOTS / f"{name}.{'txt' if isinstance(value, str) else 'json'}"
    if writes:
        path.write_text(text, "utf-8")
        return ""
    kept = path.read_text("utf-8") if path.exists() else ""
    if kept == text:
        return ""
    lines = difflib.unified_diff(
        kept.splitlines(), text.splitlines(), f"kept/{path.name}", f"now/{path.name}", lineterm=""
    )
    return "\n".join([*lines, "Where this is meant: pytest tests/golden --write-golden, and read the diff."])
