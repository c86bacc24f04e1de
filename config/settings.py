"""What can be set, and from where: environment, the writer's file, the defaults; the first one wins.

`default.toml` is the only place where defaults stand, so that what is documented is what happens.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from bot.domain.jobs import MAX_CHARACTERS, MIN_CHARACTERS, Length
from bot.domain.room_settings import MAX_ENTRY_CHARACTERS, SETTINGS, Setting, SettingKind
from bot.domain.sampling import PRESET_NAMES
from config.errors import SettingsError, nearest, settings_error

PREFIX = "TSUZUKI_"
CONFIG_VARIABLE = "TSUZUKI_CONFIG"
DEFAULTS = Path(__file__).with_name("default.toml")
FILE_NAME = "tsuzuki.toml"

PLATFORM_VARIABLES = {
    "DISCORD_TOKEN": ("discord", "token"),
    "SLACK_BOT_TOKEN": ("slack", "bot_token"),
    "SLACK_APP_TOKEN": ("slack", "app_token"),
    "SLACK_SIGNING_SECRET": ("slack", "signing_secret"),
    "SLACK_CLIENT_ID": ("slack", "client_id"),
    "SLACK_CLIENT_SECRET": ("slack", "client_secret"),
    "SLACK_CONFIG_TOKEN": ("slack", "config_token"),
    "SLACK_API_URL": ("slack", "api_url"),
    "PORT": ("slack", "port"),
}
"""The names that the platforms' own documentation gives these."""

Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]


def _length(value: str) -> str:
    characters = value.isascii() and value.isdigit() and MIN_CHARACTERS <= int(value) <= MAX_CHARACTERS
    if value not in set(Length) and not characters:
        raise PydanticCustomError("length", "no length")
    return value


def _phrases(value: object) -> object:
    """A variable of the environment holds one text for all of them."""
    return (
        [each.strip() for each in re.split("[、,，\n]", value) if each.strip()]
        if isinstance(value, str)
        else value
    )


Phrase = Annotated[str, Field(min_length=1, max_length=MAX_ENTRY_CHARACTERS)]

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Languages = Annotated[tuple[Language, ...], NoDecode, Field(min_length=1), BeforeValidator(_phrases)]
"""Which there are is known where they are used."""

Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_phrases)]


def _path(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~%-]+)*", value):
        raise PydanticCustomError("path", "no path")
    return value


class Section(BaseModel):
    """A table of the file: no unknown names, no changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StoreSettings(Section):
    """Where stories are kept."""

    url: str


class EngineSettings(Section):
    """Which worker writes, and how."""

    url: str | None = None
    model: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
    backend: Literal["auto", "openvino", "torch"]
    quantization: Literal["auto", "none", "int8"]
    slots: Count
    threads: Count | None = None
    kv_memory_mib: Count | None = None
    kv_precision: Literal["auto", "u8", "f16"]
    cuda_graphs: Literal["on", "off"]
    cache: Path | None = None
    languages: Languages
    cors_origins: Origins = ()


class QueueSettings(Section):
    """How much may wait."""

    limit: Count
    per_author: Count


class StorySettings(Section):
    """What a message may hold."""

    max_characters: Count
    max_file_characters: Count


def _rule(setting: Setting) -> Any:
    """The kind of a room's setting, as a field of `[rules]`."""
    match setting.kind:
        case SettingKind.NUMBER:
            return Annotated[int, Field(ge=setting.least, le=setting.most)]
        case SettingKind.LENGTH:
            return Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(_length)]
        case SettingKind.PRESET:
            return Literal[tuple(PRESET_NAMES.values())]
        case SettingKind.CHOICE:
            return Literal[setting.choices]
        case SettingKind.WORDS:
            return Annotated[
                tuple[Phrase, ...], NoDecode, Field(max_length=setting.most), BeforeValidator(_phrases)
            ]
    return type(setting.default)


_RULES: dict[str, Any] = {
    setting.name: (_rule(setting), ...) for setting in SETTINGS.values() if setting.in_config
}
if TYPE_CHECKING:
    RulesSettings = Section
else:
    RulesSettings = create_model("RulesSettings", __base__=Section, **_RULES)
"""What holds in a room where nobody set anything."""


class WebSettings(Section):
    """The room in the browser."""

    enabled: bool
    host: str
    port: Port
    root_path: Annotated[str, AfterValidator(_path)]
    secret: SecretStr | None = None


class DiscordSettings(Section):
    """The connection to Discord."""

    token: SecretStr | None = None
    api_url: str | None = None


class SlackSettings(Section):
    """The connection to Slack."""

    bot_token: SecretStr | None = None
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    config_token: SecretStr | None = None
    mode: Literal["auto", "socket", "http"]
    host: str
    port: Port
    api_url: str | None = None

    @property
    def wanted(self) -> bool:
        """Whether any of the tokens is there."""
        return bool(self.bot_token or self.app_token or self.signing_secret or self.client_id)

    @property
    def chosen_mode(self) -> Literal["socket", "http"]:
        """`mode`, decided: socket where there is an app token, HTTP where there is only a signing secret."""
        if self.mode != "auto":
            return self.mode
        return "http" if self.signing_secret and not self.app_token else "socket"


class LogSettings(Section):
    """What is logged, and how it looks."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["auto", "human", "json"]


class Settings(BaseSettings):
    """Everything that can be set. Made by `load_settings`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    locale: Literal["auto", "ja", "en"]
    grace_s: Annotated[float, Field(ge=0)]
    store: StoreSettings
    engine: EngineSettings
    queue: QueueSettings
    story: StorySettings
    rules: RulesSettings
    web: WebSettings
    discord: DiscordSettings
    slack: SlackSettings
    log: LogSettings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over what `load_settings` read from the files."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    def secrets(self) -> tuple[str, ...]:
        """The values that must never be logged."""
        held = (
            self.web.secret,
            self.discord.token,
            self.slack.bot_token,
            self.slack.app_token,
            self.slack.signing_secret,
            self.slack.client_secret,
            self.slack.config_token,
        )
        return tuple(secret.get_secret_value() for secret in held if secret is not None)


def load_settings(config: Path | None = None) -> Settings:
    """Read defaults, the writer's file and the environment.

    `config`, else TSUZUKI_CONFIG, must exist where it is named; `tsuzuki.toml` in the working folder may.

    Raises:
        SettingsError: a file cannot be read, a name is unknown, or a value is not allowed.
    """
    _refuse_unknown_variables(os.environ)
    layers = [_read(DEFAULTS)]
    path = _config_path(config, os.environ)
    if path is not None:
        layers.append(_read(path))
    layers.append(_platform_variables(os.environ))
    try:
        return Settings(**_merged(layers))
    except ValidationError as error:
        raise settings_error(error, setting_names()) from None


def with_log_level(settings: Settings, level: str) -> Settings:
    """The settings with another log level.

    Raises:
        SettingsError: there is no such level.
    """
    try:
        log = LogSettings.model_validate({**settings.log.model_dump(), "level": level})
    except ValidationError as error:
        raise settings_error(error, setting_names()) from None
    return settings.model_copy(update={"log": log})


def setting_names() -> tuple[str, ...]:
    """Every setting as `section.name`."""
    names = []
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            names += [f"{name}.{inner}" for inner in kind.model_fields]
        else:
            names.append(name)
    return tuple(names)


def variable(setting: str) -> str:
    """The environment variable of a setting: `web.port` is `TSUZUKI_WEB__PORT`."""
    return PREFIX + setting.replace(".", "__").upper()


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    # pydantic-settings ignores what it does not know, so a typo would silently change nothing.
    known = [variable(name) for name in setting_names()] + [CONFIG_VARIABLE]
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise SettingsError("config.unknown_variable", name=name, nearest=nearest(name.upper(), known))


def _config_path(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is not None:
        return named
    usual = Path(FILE_NAME)
    return usual if usual.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError("config.unreadable", path=path, reason=error.strerror or error) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("config.not_toml", path=path, reason=error) from None


def _platform_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    layer: dict[str, Any] = {}
    for name, (section, field) in PLATFORM_VARIABLES.items():
        if environ.get(name):
            layer.setdefault(section, {})[field] = environ[name]
    return layer


def _merged(layers: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            both = isinstance(value, dict) and isinstance(whole.get(name), dict)
            whole[name] = {**whole[name], **value} if both else value
    return whole
