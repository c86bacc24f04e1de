"""The first start: somebody at a terminal sees that it goes on, a log stays short."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import ROOT

SCRIPT = ROOT / "tools" / "make-venv"
PYTHON = """#!/bin/sh
[ "$3" = --version ] && exit 0
echo "$@"
"""
"""Stands for the environment's Python: says what it is asked to do."""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script in a folder that has an environment already."""
    (tmp_path / "tools").mkdir()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    return Path(shutil.copy(SCRIPT, tmp_path / "tools"))


def test_no_progress_in_a_log(script: Path) -> None:
    """Written to a file or a pipe, pip says only what goes wrong."""
    said = subprocess.run([script, "dev"], capture_output=True, text=True, check=True).stdout  # noqa: S603

    assert said.startswith("-m pip install --quiet ")
    assert said.endswith(" -e .[dev]\n")


def test_progress_at_a_terminal(script: Path) -> None:
    """Gigabytes may be fetched: pip shows how far it is."""
    ours, theirs = pty.openpty()
    subprocess.run([script], stdout=theirs, check=True)  # noqa: S603
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)

    assert "-m pip install" in said
    assert "--quiet" not in said
