"""What the doctor sees."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from pathlib import Path

import pytest

from adapters.shared.diagnostics import State
from bot.app.doctor import examine, report
from config.i18n import Translations
from config.settings import PLATFORM_VARIABLES, PREFIX, Settings, load_settings


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a checkpoint."""
    folder = tmp_path / "model"
    folder.mkdir()
    shape = {"vocab_size": 500, "d_model": 32, "ffn_dim": 64, "num_layers": 2, "attention_heads": 4}
    (folder / "config.json").write_text(json.dumps({"model_type": "xglm", **shape}))
    return folder


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: Path) -> pytest.MonkeyPatch:
    """Nothing is set but a model, a store in a temporary folder and any free port."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX) or name in PLATFORM_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSUZUKI_ENGINE__MODEL", str(model))
    monkeypatch.setenv("TSUZUKI_WEB__PORT", "0")
    return monkeypatch


def states(settings: Settings) -> dict[str, State]:
    """What was found, by subject."""
    return {finding.subject: finding.state for finding in examine(settings)}


def test_a_sound_house_has_nothing_broken(environ: pytest.MonkeyPatch) -> None:
    """Tokens that nobody set are missing, not broken."""
    found = states(load_settings())
    assert State.BROKEN not in found.values()
    assert found["DISCORD_TOKEN"] is State.MISSING


def test_a_missing_model_a_taken_port_and_a_bad_store_are_broken(environ: pytest.MonkeyPatch) -> None:
    """Each of them alone would keep people from writing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ.setenv("TSUZUKI_ENGINE__MODEL", "/nowhere/at/all")
        environ.setenv("TSUZUKI_WEB__PORT", str(taken.getsockname()[1]))
        environ.setenv("TSUZUKI_STORE__URL", "mysql://x")
        found = states(load_settings())
    assert {name for name, state in found.items() if state is State.BROKEN} == {"model", "web", "store"}


def test_a_worker_elsewhere_that_does_not_answer_is_broken(environ: pytest.MonkeyPatch) -> None:
    """With an engine's address, it is asked instead of looking for a model here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environ.setenv("TSUZUKI_ENGINE__URL", f"http://127.0.0.1:{port}")
    found = states(load_settings())
    assert found["worker"] is State.BROKEN
    assert "model" not in found


def test_what_would_compute_is_told(environ: pytest.MonkeyPatch) -> None:
    """Backend, numbers and threads as they are set, and the memory that takes."""
    environ.setenv("TSUZUKI_ENGINE__BACKEND", "torch")
    environ.setenv("TSUZUKI_ENGINE__THREADS", "3")
    found = {finding.subject: finding for finding in examine(load_settings())}
    assert found["computing"].values == {"backend": "torch", "quantization": "none", "threads": 3}
    assert found["memory"].values.keys() == {"needed", "free"}


def test_settings_that_contradict_each_other_are_broken(environ: pytest.MonkeyPatch) -> None:
    """The doctor says what the worker would say, before anybody waits for it."""
    environ.setenv("TSUZUKI_ENGINE__BACKEND", "torch")
    environ.setenv("TSUZUKI_ENGINE__QUANTIZATION", "int8")
    settings = load_settings()
    assert states(settings)["computing"] is State.BROKEN
    assert "TSUZUKI_ENGINE__QUANTIZATION" in report(examine(settings), Translations.load(), "en")


@pytest.mark.parametrize("variable", ["MODEL", "CACHE"])
def test_a_home_that_nobody_has_ends_nothing(environ: pytest.MonkeyPatch, variable: str) -> None:
    """As the model's folder it is broken; the cache can do without."""
    environ.setenv(f"TSUZUKI_ENGINE__{variable}", "~nobody-here/x")
    found = states(load_settings())
    broken = {name for name, state in found.items() if state is State.BROKEN}
    assert broken == ({"model", "computing"} if variable == "MODEL" else set())


def test_a_gpu_that_does_not_answer_is_broken(environ: pytest.MonkeyPatch) -> None:
    """What torch raises then is no traceback."""
    environ.setattr("bot.worker.preflight.free_memory", _no_answer)
    found = {finding.subject: finding for finding in examine(load_settings())}
    assert found["computing"].state is State.BROKEN
    assert str(found["computing"].values["reason"]) == "CUDA error"


@pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"}, reason="this processor is none of OpenVINO's"
)
@pytest.mark.parametrize("locale", ["ja", "en"])
def test_an_openvino_that_does_not_load_is_told(environ: pytest.MonkeyPatch, locale: str) -> None:
    """Torch computes instead, so nothing is broken."""
    environ.setitem(sys.modules, "openvino", None)
    findings = examine(load_settings())
    found = {finding.subject: finding for finding in findings}
    assert found["openvino"].state is State.MISSING
    assert found["computing"].values["backend"] == "torch"
    assert "openvino cannot be imported" in report(findings, Translations.load(), locale)


def test_keys_and_values_that_were_asked_for_count(environ: pytest.MonkeyPatch) -> None:
    """More than there is of them is more than there is."""
    environ.setenv("TSUZUKI_ENGINE__KV_MEMORY_MIB", str(2**30))
    assert states(load_settings())["memory"] is State.BROKEN


def test_a_model_too_large_for_the_memory_is_broken(environ: pytest.MonkeyPatch, model: Path) -> None:
    """The figures of its configuration are enough to tell."""
    described = json.loads((model / "config.json").read_text("utf-8"))
    (model / "config.json").write_text(json.dumps({**described, "d_model": 2**20, "vocab_size": 2**26}))
    found = states(load_settings())
    assert (found["computing"], found["memory"]) == (State.FINE, State.BROKEN)


def _no_answer(_: object) -> None:
    raise RuntimeError("CUDA error")


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_tokens_are_shown_masked(environ: pytest.MonkeyPatch, locale: str) -> None:
    """Enough to recognise one, not enough to use it."""
    environ.setenv("SLACK_BOT_TOKEN", "xoxb-1234567890-abcdef")
    text = report(examine(load_settings()), Translations.load(), locale)
    assert "xoxb…" in text
    assert "1234567890" not in text
    assert "doctor." not in text
