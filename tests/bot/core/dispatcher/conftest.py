"""What the dispatcher's scenarios share."""

from __future__ import annotations

import pytest

from tests.bot.core.dispatcher.stage import Stage


@pytest.fixture
def stage() -> Stage:
    """Nothing happened yet and nothing runs."""
    return Stage()
