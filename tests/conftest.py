"""What all tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Where a run decides whether a change lands, the same examples are tried each time; elsewhere new ones are.
settings.register_profile("ci", derandomize=True, database=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a run may be told."""
    parser.addoption("--write-golden", action="store_true", help="write tests/golden/snapshots anew")
