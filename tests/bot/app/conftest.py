"""The command, run as a person runs it: as a process of its own, with nothing of this machine set."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from config.settings import PLATFORM_VARIABLES, PREFIX
from tests import ROOT

COMMAND = (sys.executable, "-m", "bot.cli")

Command = Callable[..., subprocess.CompletedProcess[str]]


def clean_environ(**variables: str) -> dict[str, str]:
    """The environment without settings of Tsuzuki, plus `variables`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(PREFIX) and name not in PLATFORM_VARIABLES
    }
    language = {"LANG": "C.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}
    return {**kept, **language, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE", **variables}


@pytest.fixture
def tsuzuki(tmp_path: Path) -> Command:
    """Run `tsuzuki` with arguments in an empty folder and wait for its end."""

    def run(
        *arguments: str,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
        timeout_s: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(  # noqa: S603  # our own command
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env=clean_environ(**(variables or {})),
            timeout=timeout_s,
        )
        return subprocess.CompletedProcess(
            result.args, result.returncode, result.stdout.decode("utf-8"), result.stderr.decode("utf-8")
        )

    return run
