"""What can be set, from where, and what is said when it is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.errors import SettingsError
from config.settings import DEFAULTS, PLATFORM_VARIABLES, load_settings, setting_names, variable


def test_without_anything_set_the_documented_defaults_hold() -> None:
    """A person who sets nothing gets a room on their own machine and an embedded model."""
    settings = load_settings()
    assert settings.store.url == "sqlite:///data/tsuzuki.db"
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8080)
    assert settings.engine.url is None
    assert settings.engine.model is None
    assert settings.discord.token is None
    assert not settings.slack.wanted


def test_every_setting_is_documented_in_the_defaults() -> None:
    """Each setting stands in default.toml, unset ones as a comment."""
    text = DEFAULTS.read_text(encoding="utf-8")
    documented = set()
    section = ""
    for line in text.splitlines():
        if header := re.match(r"\[(\w+)\]", line):
            section = header.group(1) + "."
        elif entry := re.match(r"(?:# )?(\w+) = ", line):
            documented.add(section + entry.group(1))
    assert set(setting_names()) == documented


def test_the_platforms_own_names_point_at_settings() -> None:
    """Each of DISCORD_TOKEN, PORT and so on fills a setting that exists."""
    assert {".".join(place) for place in PLATFORM_VARIABLES.values()} <= set(setting_names())


def test_a_file_in_the_working_folder_is_read(tmp_path: Path) -> None:
    """tsuzuki.toml changes what it names and leaves the rest."""
    (tmp_path / "tsuzuki.toml").write_text('[web]\nport = 9\n[engine]\nmodel = "facebook/xglm-564M"\n')
    settings = load_settings()
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 9)
    assert settings.engine.model == "facebook/xglm-564M"


def test_a_named_file_wins_over_the_one_in_the_folder(tmp_path: Path) -> None:
    """--config names the only file that is read besides the defaults."""
    (tmp_path / "tsuzuki.toml").write_text("[web]\nport = 9\n")
    other = tmp_path / "other.toml"
    other.write_text("[web]\nhost = '0.0.0.0'\n")
    settings = load_settings(other)
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 8080)  # noqa: S104


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TSUZUKI_CONFIG does what --config does."""
    other = tmp_path / "other.toml"
    other.write_text("[web]\nport = 10\n")
    monkeypatch.setenv("TSUZUKI_CONFIG", str(other))
    assert load_settings().web.port == 10


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with two underscores between section and name overrides that one setting."""
    (tmp_path / "tsuzuki.toml").write_text("[web]\nport = 9\nhost = '127.0.0.2'\n")
    monkeypatch.setenv("TSUZUKI_WEB__PORT", "0")
    settings = load_settings()
    assert (settings.web.host, settings.web.port) == ("127.0.0.2", 0)


def test_an_empty_variable_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compose file passes empty strings for what its owner left out."""
    monkeypatch.setenv("TSUZUKI_WEB__PORT", "")
    monkeypatch.setenv("DISCORD_TOKEN", "")
    settings = load_settings()
    assert settings.web.port == 8080
    assert settings.discord.token is None


def test_tokens_are_read_by_the_platforms_names_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens arrive, `secrets` lists them for the log, and printing the settings does not show them."""
    for name, value in {
        "DISCORD_TOKEN": "discord-token",
        "SLACK_BOT_TOKEN": "slack-bot",
        "SLACK_APP_TOKEN": "slack-app",
        "SLACK_SIGNING_SECRET": "slack-signing",
        "PORT": "3456",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.secrets() == ("discord-token", "slack-bot", "slack-app", "slack-signing")
    assert settings.slack.port == 3456
    assert not any(secret in repr(settings) for secret in settings.secrets())


@pytest.mark.parametrize(
    ("tokens", "mode", "chosen"),
    [
        ({"SLACK_APP_TOKEN": "a"}, "auto", "socket"),
        ({"SLACK_APP_TOKEN": "a", "SLACK_SIGNING_SECRET": "s"}, "auto", "socket"),
        ({"SLACK_SIGNING_SECRET": "s"}, "auto", "http"),
        ({"SLACK_APP_TOKEN": "a", "SLACK_SIGNING_SECRET": "s"}, "http", "http"),
    ],
)
def test_slack_mode_follows_the_tokens_unless_set(
    tokens: dict[str, str], mode: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Socket Mode where there is an app token, HTTP where there is only a signing secret."""
    for name, value in {"SLACK_BOT_TOKEN": "b", "TSUZUKI_SLACK__MODE": mode, **tokens}.items():
        monkeypatch.setenv(name, value)
    assert load_settings().slack.chosen_mode == chosen


def test_settings_cannot_be_changed() -> None:
    """What was read at the start stays."""
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.web.port = 1


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("TSUZUKI_WEB_PORT", "TSUZUKI_WEB__PORT"),
        ("TSUZUKI_ENGINE__QUANTISATION", "TSUZUKI_ENGINE__QUANTIZATION"),
        ("TSUZUKI_CONFG", "TSUZUKI_CONFIG"),
    ],
)
def test_an_unknown_variable_names_the_nearest(
    name: str, nearest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typo in the environment is an error, not a setting that silently does nothing."""
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.key == "config.unknown_variable"
    assert caught.value.values == {"name": name, "nearest": nearest}


def test_an_unknown_name_in_the_file_names_the_nearest(tmp_path: Path) -> None:
    """So is one in the file."""
    (tmp_path / "tsuzuki.toml").write_text("[web]\nprot = 9\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.values == {"name": "web.prot", "nearest": "web.port"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TSUZUKI_WEB__PORT", "eighty", "config.expects_whole_number"),
        ("TSUZUKI_WEB__PORT", "-1", "config.expects_at_least"),
        ("TSUZUKI_WEB__PORT", "70000", "config.expects_at_most"),
        ("TSUZUKI_WEB__ENABLED", "perhaps", "config.expects_switch"),
        ("TSUZUKI_GRACE_S", "long", "config.expects_number"),
        ("TSUZUKI_LOG__LEVEL", "loud", "config.expects_one_of"),
        ("TSUZUKI_ENGINE__DEVICE", "gpu", "config.expects_device"),
        ("TSUZUKI_RULES__LENGTH", "tiny", "config.expects_length"),
        ("TSUZUKI_WEB__ROOT_PATH", "room", "config.expects_path"),
        ("TSUZUKI_WEB__ROOT_PATH", "/room/", "config.expects_path"),
        ("TSUZUKI_RULES__PRESET", "激辛", "config.expects_one_of"),
        ("TSUZUKI_ENGINE__BACKEND", "onnx", "config.expects_one_of"),
        ("TSUZUKI_ENGINE__QUANTIZATION", "int4", "config.expects_one_of"),
        ("TSUZUKI_ENGINE__KV_PRECISION", "f32", "config.expects_one_of"),
        ("TSUZUKI_ENGINE__KV_MEMORY_MIB", "0", "config.expects_at_least"),
    ],
)
def test_a_wrong_value_is_said_with_what_would_be_right(
    name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the setting, the value and what is allowed."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    error = caught.value
    assert (error.key, error.expected) == ("config.wrong_value", expected)
    assert variable(str(error.values["name"])) == name
    assert error.values["value"] == value


def test_a_wrong_token_is_not_repeated(tmp_path: Path) -> None:
    """A message about a token does not contain it."""
    (tmp_path / "tsuzuki.toml").write_text("[discord]\ntoken = 12345678\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize(("content", "key"), [(None, "config.unreadable"), ("[web", "config.not_toml")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, key: str) -> None:
    """A missing named file, or one that is not TOML, is an error with its path."""
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert (caught.value.key, caught.value.values["path"]) == (key, path)


def test_origins_may_be_listed_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parted by commas, as phrases are."""
    monkeypatch.setenv("TSUZUKI_ENGINE__CORS_ORIGINS", "https://a.example, https://b.example")

    assert load_settings(None).engine.cors_origins == ("https://a.example", "https://b.example")
