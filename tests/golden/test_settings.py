"""What can be set: names, kinds, defaults, and the sentences' keys."""

from __future__ import annotations

import os
import re
import tomllib
from typing import Any

import pytest

from tests.golden.conftest import Golden
from tests.golden.doors import DEFAULTS, LOCALES, PLATFORM_VARIABLES, Settings, SettingsError, load_settings

WRONG = "\u2603"
"""No value of anything but a text."""


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return "TSUZUKI_" + name.replace(".", "__").upper()


def settings_there_are() -> dict[str, dict[str, Any]]:
    """Every setting as `section.name`, with its JSON schema."""
    schema = Settings.model_json_schema()
    found: dict[str, dict[str, Any]] = {}
    for name, field in schema["properties"].items():
        if "$ref" in field:
            section = schema["$defs"][field["$ref"].rpartition("/")[2]]
            found |= {f"{name}.{inner}": each for inner, each in section["properties"].items()}
        else:
            found[name] = field
    return found


def without_titles(value: Any) -> Any:
    """A schema without what pydantic makes of Python names and docstrings."""
    if isinstance(value, dict):
        return {
            key: without_titles(each) for key, each in value.items() if key not in {"title", "description"}
        }
    return [without_titles(each) for each in value] if isinstance(value, list) else value


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting from outside."""
    for name in os.environ:
        if name.startswith("TSUZUKI_") or name in PLATFORM_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path_factory.mktemp("nothing"))


def refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is said of a wrong value in the environment: the sentence's key and what fills it."""
    with monkeypatch.context() as patched:
        patched.setenv(name, value)
        try:
            load_settings()
        except SettingsError as error:
            return {
                "key": error.key,
                "expected": error.expected,
                "values": {name: str(held) for name, held in error.values.items()},
            }
    return "taken"


@pytest.mark.usefixtures("clean")
def test_settings(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key with its kind, its default, its variable and what a wrong value is answered."""
    defaults = load_settings()
    told = {}
    for name, schema in sorted(settings_there_are().items()):
        section, _, inner = name.rpartition(".")
        held = getattr(getattr(defaults, section) if section else defaults, inner)
        told[name] = {
            "variable": variable(name),
            "schema": without_titles(schema),
            "default": held if isinstance(held, bool | int | float | str | None) else repr(held),
            "wrong": refused(variable(name), WRONG, monkeypatch),
        }
    golden(settings=told)


@pytest.mark.usefixtures("clean")
def test_other_names(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platforms' own variables, the file's name, unknown names."""
    told: dict[str, Any] = {
        "platforms": {name: list(where) for name, where in sorted(PLATFORM_VARIABLES.items())}
    }
    told["unknown variable"] = refused("TSUZUKI_WEB_PORT", "1", monkeypatch)
    told["unknown file"] = refused("TSUZUKI_CONFIG", "missing.toml", monkeypatch)
    golden(settings_other_names=told)


def test_defaults(golden: Golden) -> None:
    """What `default.toml` says, and which settings stand there unset."""
    text = DEFAULTS.read_text("utf-8")
    golden(
        settings_defaults={"set": tomllib.loads(text), "unset": re.findall(r"^# (\w+) =", text, re.MULTILINE)}
    )


def test_message_keys(golden: Golden) -> None:
    """The keys of all sentences with what fills them, in each language."""
    told = []
    for path in sorted(LOCALES.glob("*.po")):
        found = re.findall(
            r'^msgid "([^"]+)"\nmsgstr ((?:"[^\n]*"\n?)+)', path.read_text("utf-8"), re.MULTILINE
        )
        told.append(f"# {path.name}")
        told += sorted(
            " ".join([key, *sorted(set(re.findall(r"\{(\w+)\}", sentence)))]) for key, sentence in found
        )
    golden(message_keys="\n".join(told) + "\n")
