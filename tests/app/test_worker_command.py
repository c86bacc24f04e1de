"""How the bot starts its worker."""

from __future__ import annotations

from pathlib import Path

from bot.app import worker_command
from config.settings import load_settings


def test_the_workers_settings_are_handed_on(tmp_path: Path) -> None:
    """What is set is given as options, so that the child does what the bot was told; unset ones are not."""
    settings = load_settings().engine.model_copy(update={"model": "facebook/xglm-564M", "threads": 2})
    command = worker_command(settings, "warning", tmp_path / "worker.sock")
    assert command[1:6] == ["-m", "bot.cli", "worker", "--uds", str(tmp_path / "worker.sock")]
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options["--model"] == "facebook/xglm-564M"
    assert options["--threads"] == "2"
    assert options["--log-level"] == "warning"
    assert "--model" not in worker_command(load_settings().engine, "info", tmp_path / "worker.sock")
