"""How the bot starts its worker."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from bot.app.bootstrap import worker_command
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
    """What is set is given as options, so that the child does what the bot was told; unset ones are not."""
    settings = load_settings().engine.model_copy(update=ENGINE)
    command = worker_command(settings, "warning", tmp_path / "worker.sock")
    assert command[1:6] == ["-m", "bot.cli", "worker", "--uds", str(tmp_path / "worker.sock")]
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options["--log-level"] == "warning"
    assert {
        f"--{name.replace('_', '-')}": str(value) for name, value in ENGINE.items()
    }.items() <= options.items()
    unset = worker_command(load_settings().engine, "info", tmp_path / "worker.sock")
    assert {"--model", "--threads", "--kv-memory-mib", "--cache"} & set(unset) == set()


def test_every_setting_of_the_engine_is_an_option_of_the_worker(tmp_path: Path) -> None:
    """A setting that the child never hears of would silently do nothing; a child has no web page to allow."""
    settings = load_settings().engine.model_copy(update=ENGINE)
    handed = {word for word in worker_command(settings, "info", tmp_path / "s") if word.startswith("--")}
    names = set(EngineSettings.model_fields) - {"url", "cors_origins"}
    assert {f"--{name.replace('_', '-')}" for name in names} <= handed
    assert {field.name for field in fields(EngineOptions)} == names


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
