"""What all tests share."""

from __future__ import annotations

import os

import pytest
import structlog
from hypothesis import settings

# Where a run decides whether a change lands, the same examples are tried each time; elsewhere new ones are.
settings.register_profile("ci", derandomize=True, database=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a run may be told."""
    parser.addoption("--write-golden", action="store_true", help="write tests/golden/snapshots anew")


@pytest.fixture(autouse=True)
def _log_lines_reach_pytest() -> None:
    """What is logged goes through the standard library, where `caplog` finds it."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.render_to_log_kwargs,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
