"""The snapshots themselves."""

from __future__ import annotations

import re
from pathlib import Path

from tests.golden.conftest import SNAPSHOTS


def test_every_snapshot_belongs_to_a_test() -> None:
    """One that nobody compares with anything would only seem to hold something fast."""
    tests = "".join(path.read_text("utf-8") for path in sorted(Path(__file__).parent.glob("test_*.py")))
    compared = set(re.findall(r"^ *(?:golden\()?(\w+)=", tests, re.MULTILINE)) | set(
        re.findall(r", (\w+)=", tests)
    )
    assert {path.stem for path in SNAPSHOTS.iterdir()} <= compared
