"""`tsuzuki doctor discord`: token, intents, permissions, looked at with Discord itself; what to click."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from adapters.shared.diagnostics import Finding, broken, fine, missing

API = "https://discord.com/api/v10"
PORTAL = "https://discord.com/developers/applications"
MESSAGE_CONTENT = 1 << 18
MESSAGE_CONTENT_LIMITED = 1 << 19
"""An application's flags: the intent is granted; it is switched on, in under a hundred servers."""
PERMISSIONS = {
    "view_channel": 1 << 10,
    "send_messages": 1 << 11,
    "read_message_history": 1 << 16,
    "create_public_threads": 1 << 35,
    "send_messages_in_threads": 1 << 38,
}
ADMINISTRATOR = 1 << 3
MAX_SERVERS = 20
"""How many servers are looked at one by one."""
TIMEOUT_S = 10.0


def invite_link(application_id: str) -> str:
    """Where an admin adds the bot to a server with all it needs."""
    return (
        f"https://discord.com/oauth2/authorize?client_id={application_id}"
        f"&scope=bot+applications.commands&permissions={sum(PERMISSIONS.values())}"
    )


@dataclass(frozen=True, slots=True)
class DiscordCheckup:
    """What there is to look with."""

    token: str
    api_url: str | None = None

    async def examine(self) -> list[Finding]:
        """Look at everything that can be asked of Discord."""
        if not self.token:
            return [missing("DISCORD_TOKEN", "doctor.discord.no_token", url=PORTAL)]
        async with _session(self.token) as session:
            try:
                return [finding async for finding in self._findings(session)]
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError) as error:
                return [broken("discord", "doctor.discord.unreachable", reason=type(error).__name__)]

    async def _findings(self, session: aiohttp.ClientSession) -> AsyncIterator[Finding]:
        me = await self._get(session, "/users/@me")
        if me is None:
            yield broken("DISCORD_TOKEN", "doctor.discord.refused", url=PORTAL)
            return
        yield fine("DISCORD_TOKEN", "doctor.discord.bot", user=me["username"])
        application = await self._get(session, "/applications/@me") or {}
        number = str(application.get("id", me["id"]))
        yield self._intent(number, int(application.get("flags") or 0))
        guilds = await self._get(session, "/users/@me/guilds") or []
        if not guilds:
            yield missing("servers", "doctor.discord.no_servers")
        for guild in guilds[:MAX_SERVERS]:
            yield _allowed(guild)
        yield fine("invite", "doctor.discord.invite", url=invite_link(number))

    def _intent(self, application: str, flags: int) -> Finding:
        if flags & (MESSAGE_CONTENT | MESSAGE_CONTENT_LIMITED):
            return fine("intents", "doctor.discord.intent")
        return missing("intents", "doctor.discord.no_intent", url=f"{PORTAL}/{application}/bot")

    async def _get(self, session: aiohttp.ClientSession, path: str) -> Any:
        """What Discord answers; None where it refuses. Raises aiohttp.ClientError."""
        async with session.get((self.api_url or API).rstrip("/") + path) as answer:
            if answer.status in {401, 403, 404}:
                return None
            answer.raise_for_status()
            return await answer.json(content_type=None)


def _allowed(guild: dict[str, Any]) -> Finding:
    """Whether the bot's roles have in a server what they need; single channels may take some away."""
    granted = int(guild.get("permissions") or 0)
    lacking = [name for name, bit in PERMISSIONS.items() if not granted & (bit | ADMINISTRATOR)]
    if lacking:
        return broken(str(guild["name"]), "doctor.discord.no_permissions", names=", ".join(lacking))
    return fine(str(guild["name"]), "doctor.discord.permissions")


@asynccontextmanager
async def _session(token: str) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {token}"}, timeout=timeout) as session:
        yield session
