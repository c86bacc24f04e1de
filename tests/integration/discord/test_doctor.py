"""`tsuzuki doctor discord`, asking a loopback Discord."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from adapters.discord.doctor import MESSAGE_CONTENT_LIMITED, DiscordCheckup
from adapters.shared.diagnostics import Finding, State
from config.i18n import Translations
from tests.servers.discord import LoopbackDiscord, Permission


def told(findings: Sequence[Finding]) -> str:
    """What a person reads."""
    say = Translations.load()
    return "\n".join(say(finding.key, "en", **finding.values) for finding in findings)


async def test_all_is_well() -> None:
    """Token, intent and permissions, and the link that invites the bot."""
    async with LoopbackDiscord() as discord:
        discord.state.application_flags = MESSAGE_CONTENT_LIMITED
        findings = await DiscordCheckup(discord.token, discord.api_url).examine()
    assert {finding.state for finding in findings} == {State.FINE}
    assert f"client_id={discord.bot.id}&scope=bot+applications.commands&permissions=309237713920" in told(
        findings
    )


async def test_what_is_missing_is_named_with_where_to_click() -> None:
    """The intent is no must; a permission is."""
    async with LoopbackDiscord() as discord:
        discord.guild.denied = Permission.CREATE_PUBLIC_THREADS | Permission.SEND_MESSAGES
        findings = {f.subject: f for f in await DiscordCheckup(discord.token, discord.api_url).examine()}
    assert findings["intents"].state is State.MISSING
    assert f"{discord.bot.id}/bot" in told([findings["intents"]])
    assert findings["文芸部"].broken
    assert "send_messages, create_public_threads" in told([findings["文芸部"]])


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_a_token_that_is_none(token: str) -> None:
    """Where to get one; the token itself is not told."""
    async with LoopbackDiscord() as discord:
        (finding,) = await DiscordCheckup(token, discord.api_url).examine()
    assert finding.state is (State.BROKEN if token else State.MISSING)
    assert "https://discord.com/developers/applications" in told([finding])
    assert "wrong" not in told([finding])


async def test_a_discord_that_is_away() -> None:
    """Said in a sentence."""
    async with LoopbackDiscord() as discord:
        url = discord.api_url
    (finding,) = await DiscordCheckup("token", url).examine()
    assert finding.key == "doctor.discord.unreachable"
