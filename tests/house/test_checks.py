"""The checks of `make check`, so that a run of the tests alone catches them too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

BIN = Path(sys.executable).parent


def checked(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool of the virtual environment in the project's folder."""
    return subprocess.run(  # noqa: S603  # our own tools
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False
    )


# Without a cache, and beside other tests, mypy takes minutes.
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "command",
    [("ruff", "format", "--check", "."), ("ruff", "check", "."), ("mypy",), ("lint-imports",)],
    ids=" ".join,
)
def test_the_code_is_in_order(command: tuple[str, ...]) -> None:
    """Format, lint, types and the rules of who imports whom."""
    tool, *arguments = command
    if not (BIN / tool).exists():
        pytest.skip(f"{tool} is not installed beside this Python")
    result = checked(BIN / tool, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
