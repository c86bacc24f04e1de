"""The bot's process starts quickly because it leaves most things alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "nicegui", "discord", "slack_bolt", "matplotlib")


def imported_by(module: str) -> set[str]:
    """The top-level modules that importing `module` brings into a fresh Python."""
    code = f"import {module}, sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run(  # noqa: S603  # a module name of ours
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "module", ["bot.app.bootstrap", "bot.app.terminal", "bot.cli", "bot.app.doctor", "bot.app.export"]
)
def test_the_bots_process_imports_neither_torch_nor_an_unused_platform(module: str) -> None:
    """Torch belongs to the worker, a platform's SDK to those who have its token."""
    assert imported_by(module) & set(HEAVY) == set()


@pytest.mark.parametrize("module", ["adapters.web", "adapters.discord", "adapters.slack"])
def test_a_platform_brings_no_torch_and_no_other_platform(module: str) -> None:
    """Each adapter costs its own SDK only."""
    own = {"adapters.web": "nicegui", "adapters.discord": "discord", "adapters.slack": "slack_bolt"}[module]
    assert imported_by(module) & set(HEAVY) - {own} == set()


def test_the_command_itself_is_light() -> None:
    """`tsuzuki --help` needs neither the settings' library nor the database's."""
    assert imported_by("bot.cli") & {"pydantic_settings", "sqlalchemy", "babel", "structlog"} == set()
