"""What Tsuzuki needs, looked at one by one: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import shutil
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import httpx
from pydantic import SecretStr

from adapters.shared.diagnostics import Finding, broken, fine, missing
from bot.app.platforms import slack_credentials
from bot.app.worker_entry import engine_options
from bot.domain.errors import ConfigurationError, TsuzukiError
from bot.domain.ports import Translate
from bot.store import open_store
from bot.store.url import address, shown
from config.settings import Settings

PACKAGES = (
    "torch",
    "transformers",
    "sentencepiece",
    "tokenizers",
    "discord.py",
    "slack-bolt",
    "nicegui",
    "sqlalchemy",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MODEL_FILES = ("config.json",)
EMBEDDED_MODEL = Path(__file__).parents[1] / "models" / "tsuzuki-ja"
"""Named here too, since asking the worker for it would import torch."""
HEALTH_TIMEOUT_S = 3.0
SHOWN_TOKEN_CHARACTERS = 4
MARKS = {"fine": "✓", "missing": "–", "broken": "✗"}


def examine(settings: Settings) -> list[Finding]:
    """Look at everything."""
    return [
        _python(),
        *map(_package, PACKAGES),
        _engine(settings),
        *_computing(settings),
        asyncio.run(_store(settings.store.url)),
        *_ports(settings),
        *_tokens(settings),
        _browser(shutil.which),
    ]


def examine_platform(settings: Settings, name: str) -> list[Finding]:
    """Look closer at one platform, by asking it.

    Raises:
        ConfigurationError: there is no such platform.
    """
    if name not in _CLOSER:
        raise ConfigurationError(f"There is no `{name}` to look at; there is: {', '.join(_CLOSER)}.")
    return asyncio.run(_CLOSER[name](settings))


async def _slack(settings: Settings) -> list[Finding]:
    from adapters.slack.doctor import SlackCheckup

    slack, config_token = settings.slack, _value(settings.slack.config_token)
    return await SlackCheckup(
        slack_credentials(slack), slack.chosen_mode, config_token, slack.api_url
    ).examine()


async def _discord(settings: Settings) -> list[Finding]:
    from adapters.discord.doctor import DiscordCheckup

    return await DiscordCheckup(_value(settings.discord.token), settings.discord.api_url).examine()


_CLOSER: dict[str, Callable[[Settings], Coroutine[None, None, list[Finding]]]] = {
    "discord": _discord,
    "slack": _slack,
}
"""How each platform is looked at."""


def _value(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value().strip()


def report(findings: list[Finding], translate: Translate, locale: str) -> str:
    """A line for each finding."""
    width = max(len(finding.subject) for finding in findings)
    return "\n".join(
        f"{MARKS[finding.state]} {finding.subject:<{width}}  "
        + translate(finding.key, locale, **finding.values)
        for finding in findings
    )


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return fine("python", "doctor.found", what=f"{version} ({sys.executable})")


def _package(name: str) -> Finding:
    try:
        return fine(name, "doctor.found", what=importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return broken(name, "doctor.no_package")


def _engine(settings: Settings) -> Finding:
    if settings.engine.url is not None:
        return _worker_elsewhere(settings.engine.url)
    named = settings.engine.model
    try:
        folder = EMBEDDED_MODEL if named is None else Path(named).expanduser()
    except RuntimeError:
        # In the home of somebody who has none.
        return broken("model", "doctor.no_model", folder=named)
    if all((folder / name).is_file() for name in MODEL_FILES):
        return fine("model", "doctor.found", what=folder)
    if named is not None and not folder.exists() and named.count("/") == 1:
        return fine("model", "doctor.hub_model", name=named)
    return broken("model", "doctor.no_model", folder=folder)


def _computing(settings: Settings) -> Iterator[Finding]:
    """What would compute, and whether the model fits the memory."""
    if settings.engine.url is not None:
        return
    try:
        # Imported here: this imports torch, as the worker would.
        from bot.worker.memory import gib
        from bot.worker.preflight import estimate

        seen = estimate(engine_options(settings.engine))
    except (TsuzukiError, ImportError, RuntimeError) as error:
        # RuntimeError is what torch raises where a GPU does not answer.
        yield broken("computing", "doctor.no_backend", reason=error)
        return
    if seen.selection.trouble is not None:
        yield missing("openvino", "doctor.no_openvino", reason=seen.selection.trouble)
    names = {"backend": seen.selection.backend, "quantization": seen.selection.quantization}
    yield fine("computing", "doctor.backend", **names, threads=seen.threads or "auto")
    if seen.needed is None or seen.free is None:
        return
    figures = {"needed": gib(seen.needed), "free": gib(seen.free)}
    if seen.needed <= seen.free:
        yield fine("memory", "doctor.memory", **figures)
    else:
        yield broken("memory", "doctor.no_memory", **figures)


def _worker_elsewhere(url: str) -> Finding:
    transport = httpx.HTTPTransport(uds=url.removeprefix("unix:")) if url.startswith("unix:") else None
    base = "http://worker" if transport else url.rstrip("/")
    try:
        with httpx.Client(transport=transport, timeout=HEALTH_TIMEOUT_S) as client:
            health = client.get(f"{base}/health").json()
        return fine(
            "worker", "doctor.worker", url=url, status=health["status"], model=health.get("model", "")
        )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        return broken("worker", "doctor.no_worker", url=url, reason=error)


async def _store(url: str) -> Finding:
    try:
        store = await open_store(url)
        await store.close()
    except TsuzukiError as error:
        return broken("store", "doctor.no_store", reason=error)
    return fine("store", "doctor.found", what=shown(address(url)))


def _ports(settings: Settings) -> Iterator[Finding]:
    if settings.web.enabled:
        yield _port("web", settings.web.host, settings.web.port)
    slack = settings.slack
    if slack.wanted and (slack.chosen_mode == "http" or (slack.client_id and not slack.bot_token)):
        yield _port("slack http", settings.slack.host, settings.slack.port)


def _port(subject: str, host: str, port: int) -> Finding:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        return broken(subject, "doctor.no_port", where=f"{host}:{port}", reason=error.strerror or error)
    return fine(subject, "doctor.port", where=f"{host}:{port}")


def _tokens(settings: Settings) -> Iterator[Finding]:
    yield _token("DISCORD_TOKEN", settings.discord.token)
    yield _token("SLACK_BOT_TOKEN", settings.slack.bot_token)
    yield _token("SLACK_APP_TOKEN", settings.slack.app_token)
    yield _token("SLACK_SIGNING_SECRET", settings.slack.signing_secret)
    yield _token("SLACK_CLIENT_SECRET", settings.slack.client_secret)


def _token(name: str, secret: SecretStr | None) -> Finding:
    if secret is None:
        return missing(name, "doctor.no_token")
    return fine(name, "doctor.token", token=secret.get_secret_value()[:SHOWN_TOKEN_CHARACTERS] + "…")


def _browser(which: Callable[[str], str | None]) -> Finding:
    found = next(filter(None, map(which, BROWSERS)), None)
    return fine("chromium", "doctor.found", what=found) if found else missing("chromium", "doctor.no_browser")
