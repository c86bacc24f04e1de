"""How the bot starts its worker."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest
from typer.main import get_command

from bot.app.worker_entry import DOCUMENT, engine_options, worker_command
from bot.cli import app
from bot.worker.options import EngineOptions
from config.settings import EngineSettings, load_settings

ENGINE = {
    "model": "facebook/xglm-564M",
    "threads": 2,
    "backend": "torch",
    "kv_memory_mib": 512,
    "kv_precision": "f16",
    "cache": Path("/var/cache/tsuzuki"),
}


def test_the_workers_settings_are_handed_on(tmp_path: Path) -> None:
    """The child is told all that the bot was told, in one document that says the same on the other side."""
    settings = load_settings().engine.model_copy(update=ENGINE)
    command = worker_command(settings, "warning", tmp_path / "worker.sock")
    assert command[1:3] == ["-m", "bot.app.worker_entry"]
    told = DOCUMENT.validate_json(command[3])
    assert (told.socket, told.log_level) == (tmp_path / "worker.sock", "warning")
    assert ENGINE.items() <= asdict(told.engine).items()
    assert engine_options(load_settings().engine).threads is None


def test_every_setting_of_the_engine_is_an_option_of_the_worker() -> None:
    """A setting that the worker never hears of would do nothing; a child has no web page to allow."""
    names = set(EngineSettings.model_fields) - {"url", "cors_origins"}
    assert {field.name for field in fields(EngineOptions)} == names
    assert names <= {option.name for option in get_command(app).commands["worker"].params}  # type: ignore[attr-defined]


def test_options_win_over_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is given on the command line is what the worker is told; the rest comes from the settings."""
    told: list[EngineOptions] = []
    monkeypatch.setattr("bot.worker.main.run_worker", lambda options, *_: told.append(options))
    monkeypatch.setenv("TSUZUKI_ENGINE__SLOTS", "3")
    monkeypatch.setenv("TSUZUKI_ENGINE__QUANTIZATION", "none")
    monkeypatch.setenv("TSUZUKI_ENGINE__CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    app(["worker", "--quantization", "int8", "--kv-memory-mib", "64"], standalone_mode=False)

    assert told == [EngineOptions(quantization="int8", slots=3, kv_memory_mib=64, cache=tmp_path)]


def test_the_options_defaults_are_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program that calls the worker gets is what default.toml documents."""
    assert EngineOptions() == EngineOptions(
        **load_settings().engine.model_dump(exclude={"url", "cors_origins"})
    )
