"""A working folder and an environment in which nothing is set."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.settings import PLATFORM_VARIABLES, PREFIX


@pytest.fixture(autouse=True)
def clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing of the machine's own settings reaches a test."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX) or name in PLATFORM_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
