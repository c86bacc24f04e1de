"""`tsuzuki doctor slack`: tokens, scopes and events, looked at with Slack itself, and what to click."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.shared.diagnostics import Finding, broken, fine, missing
from adapters.slack.connection.bolt_app import web_client
from adapters.slack.connection.credentials import APPS_URL, Credentials
from adapters.slack.connection.manifest import BOT_EVENTS, BOT_SCOPES, COMMAND, INSTALL_PATH, SHORTCUT
from adapters.slack.web_api.errors import SDK_ERRORS, to_delivery_error
from adapters.slack.web_api.rate_limits import CALLS_A_MINUTE, RESTRICTED_PAGE
from bot.domain.errors import ConfigurationError, DeliveryError, RetryLater


@dataclass(frozen=True, slots=True)
class SlackCheckup:
    """What there is to look with. `config_token` (optional) lets the app's own settings be read."""

    credentials: Credentials
    mode: str
    config_token: str = ""
    api_url: str | None = None

    async def examine(self) -> list[Finding]:
        """Look at everything that can be asked of Slack."""
        client = web_client(self.credentials.bot_token or None, self.api_url)
        try:
            self.credentials.check(self.mode)
            findings = []
        except ConfigurationError as error:
            findings = [broken("slack", "doctor.slack.secrets", reason=error)]
        app = ""
        if self.credentials.bot_token:
            found, app = await self._bot(client)
            findings += found
        if self.credentials.uses_oauth:
            findings.append(fine("oauth", "doctor.slack.oauth", path=INSTALL_PATH))
        if self.mode == "socket" and self.credentials.app_token:
            findings.append(await self._socket(client, app))
        if self.mode == "http" and self.credentials.signing_secret:
            findings.append(missing("signing secret", "doctor.slack.unseen_secret"))
        return [*findings, *await self._events(client, app)]

    async def _bot(self, client: AsyncWebClient) -> tuple[list[Finding], str]:
        """The bot token and its scopes; and the app's id, where it is told."""
        try:
            me = await _call("auth.test", client.auth_test())
        except DeliveryError as error:
            return [broken("SLACK_BOT_TOKEN", "doctor.slack.refused", reason=error, url=APPS_URL)], ""
        app = await _app_of(client, str(me.get("bot_id") or ""))
        findings = [fine("SLACK_BOT_TOKEN", "doctor.slack.bot", user=me.get("user"), team=me.get("team"))]
        granted = me.headers.get("x-oauth-scopes")
        if granted is None:
            return findings, app
        lacking = BOT_SCOPES - set(granted.replace(" ", "").split(","))
        if lacking:
            values = {"scopes": ", ".join(sorted(lacking)), "url": _page(app, "oauth")}
            findings.append(broken("scopes", "doctor.slack.no_scopes", **values))
        else:
            findings.append(fine("scopes", "doctor.slack.scopes", count=len(BOT_SCOPES)))
        return [*findings, await _reading(client)], app

    async def _socket(self, client: AsyncWebClient, app: str) -> Finding:
        call = client.apps_connections_open(app_token=self.credentials.app_token)
        try:
            await _call("apps.connections.open", call)
        except DeliveryError as error:
            page = _page(app, "socket-mode")
            return broken("SLACK_APP_TOKEN", "doctor.slack.no_socket", reason=error, url=page)
        return fine("SLACK_APP_TOKEN", "doctor.slack.socket")

    async def _events(self, client: AsyncWebClient, app: str) -> list[Finding]:
        events, page = ", ".join(BOT_EVENTS), _page(app, "event-subscriptions")
        if not self.config_token or not app:
            return [missing("events", "doctor.slack.events_unseen", events=events, url=page)]
        call = client.apps_manifest_export(app_id=app, token=self.config_token)
        try:
            manifest = (await _call("apps.manifest.export", call)).get("manifest") or {}
        except DeliveryError as error:
            return [broken("SLACK_CONFIG_TOKEN", "doctor.slack.refused", reason=error, url=APPS_URL)]
        lacking = _missing_settings(manifest, socket=self.mode == "socket")
        if not lacking:
            return [fine("events", "doctor.slack.events", count=len(BOT_EVENTS))]
        return [
            broken(what, "doctor.slack.no_setting", what=", ".join(names), url=_page(app, where))
            for what, where, names in lacking
        ]


async def _reading(client: AsyncWebClient) -> Finding:
    """How fast the app may read: what it misses while it is away is read afterwards."""
    try:
        channels = (await _call("users.conversations", client.users_conversations(limit=1))).get("channels")
        if not channels:
            return missing("reading", "doctor.slack.reading_unseen")
        for _ in range(2):
            call = client.conversations_history(channel=channels[0]["id"], limit=1)
            await _call("conversations.history", call)
    except RetryLater as error:
        if error.after_s is None:
            return missing("reading", "doctor.slack.reading_unseen")
        return missing("reading", "doctor.slack.reading_little", messages=RESTRICTED_PAGE)
    except DeliveryError:
        return missing("reading", "doctor.slack.reading_unseen")
    return fine("reading", "doctor.slack.reading", calls=CALLS_A_MINUTE["conversations.replies"])


def _missing_settings(manifest: Mapping[str, Any], *, socket: bool) -> list[tuple[str, str, list[str]]]:
    """What the app's settings lack: of what kind, on which of Slack's pages, and the names."""
    settings, features = manifest.get("settings") or {}, manifest.get("features") or {}
    events = set((settings.get("event_subscriptions") or {}).get("bot_events") or ())
    commands = {command.get("command") for command in features.get("slash_commands") or ()}
    shortcuts = {shortcut.get("callback_id") for shortcut in features.get("shortcuts") or ()}
    home = (features.get("app_home") or {}).get("home_tab_enabled")
    interactive = (settings.get("interactivity") or {}).get("is_enabled")
    found = [
        ("events", "event-subscriptions", sorted(set(BOT_EVENTS) - events)),
        ("command", "slash-commands", sorted({COMMAND} - commands)),
        ("shortcut", "interactive-messages", sorted({SHORTCUT} - shortcuts)),
        ("interactivity", "interactive-messages", [] if interactive else ["Interactivity"]),
        ("home tab", "app-home", [] if home else ["Home Tab"]),
        (
            "socket mode",
            "socket-mode",
            [] if bool(settings.get("socket_mode_enabled")) == socket else ["Socket Mode"],
        ),
    ]
    return [each for each in found if each[2]]


async def _app_of(client: AsyncWebClient, bot_id: str) -> str:
    if not bot_id:
        return ""
    try:
        bot = (await _call("bots.info", client.bots_info(bot=bot_id))).get("bot") or {}
    except DeliveryError:
        return ""
    return str(bot.get("app_id") or "")


async def _call(method: str, call: Awaitable[Any]) -> Any:
    try:
        return await call
    except SDK_ERRORS as error:
        raise to_delivery_error(method, error) from None


def _page(app: str, name: str) -> str:
    return f"{APPS_URL}/{app}/{name}" if app else APPS_URL
