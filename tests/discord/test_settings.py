"""`/story settings`: what holds is shown to everybody, and changed by who may."""

from __future__ import annotations

import pytest

from adapters.discord.settings import value_of
from bot.errors import BadRule
from bot.messages import Filter, Length
from tests.discord.stage import BEGINNING, Stage
from tests.loopback.discord import Channel, Slash, User


async def story_thread(stage: Stage) -> Channel:
    """A thread with a story."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.play.tell(stage.room(thread), BEGINNING)
    return thread


async def set_rule(stage: Stage, where: Channel, who: User, rule: str, value: str, scope: str) -> Slash:
    """Somebody sets a rule; waits for the answer."""
    slash = await stage.discord.slash(where, who, "story settings", rule=rule, value=value, scope=scope)
    await stage.discord.until(lambda: slash.answers)
    return slash


async def test_without_a_rule_everything_that_holds_is_shown(stage: Stage) -> None:
    """To the asker, in their language."""
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.taro, "story settings")
    await stage.discord.until(lambda: slash.answers)
    (shown,) = slash.answers
    assert "**調子**：標準" in shown.content
    assert "**一人の一日の回数**：制限なし" in shown.content
    assert shown.ephemeral_to is stage.discord.taro


@pytest.mark.parametrize(
    ("scope", "rule", "value", "kept"),
    [
        ("server", "daily_per_person", "２０", 20),
        ("channel", "filter", "オフ", "off"),
        ("server", "preset", "冒険", "bold"),
        ("channel", "words", "ばか、あほ", ["ばか", "あほ"]),
        ("server", "listens", "いいえ", False),
        ("channel", "length", "-", None),
    ],
)
async def test_who_manages_the_place_sets_its_rules(
    stage: Stage, scope: str, rule: str, value: str, kept: object
) -> None:
    """Server and channel by their own scopes."""
    await set_rule(stage, stage.discord.channel, stage.discord.hanako, rule, value, scope)
    _, _, address, changes = await stage.play.until_noted()
    ids = {"server": f"guild/{stage.discord.guild.id}", "channel": f"channel/{stage.discord.channel.id}"}
    assert (address, changes) == (ids[scope], {rule: kept})


@pytest.mark.parametrize(
    ("scope", "rule", "needed"),
    [
        ("server", "preset", "manage_guild"),
        ("channel", "preset", "manage_channels"),
        ("story", "filter", "manage_channels"),
        ("story", "daily_per_person", "manage_channels"),
        ("story", "denied", "manage_channels"),
    ],
)
async def test_others_are_told_which_permission_it_takes(
    stage: Stage, scope: str, rule: str, needed: str
) -> None:
    """Nothing is set; quotas and filter are no matter of a story's own thread."""
    thread = await story_thread(stage)
    slash = await set_rule(stage, thread, stage.discord.taro, rule, "5", scope)
    permission = stage.say(f"discord.permission.{needed}", "ja")
    assert stage.say("discord.not_your_setting", "ja", permission=permission) == slash.answers[0].content
    assert stage.play.noted == []


async def test_a_storys_own_thread_belongs_to_everybody_in_it(stage: Stage) -> None:
    """How it is written there."""
    thread = await story_thread(stage)
    slash = await set_rule(stage, thread, stage.discord.taro, "preset", "冒険", "story")
    assert (await stage.play.until_noted())[2:] == ("", {"preset": "bold"})
    line = "**調子**：冒険"
    assert [stage.say("discord.settings.done", "ja", line=line)] == [a.content for a in slash.answers]


async def test_people_roles_and_channels_are_named_by_mention(stage: Stage) -> None:
    """As they are typed."""
    typed = "<@1> と <@&22> と <#333>"
    slash = await set_rule(stage, stage.discord.channel, stage.discord.hanako, "allowed", typed, "server")
    assert (await stage.play.until_noted())[3] == {"allowed": ["user/1", "role/22", "channel/333"]}
    assert "<@1>、<@&22>、<#333>" in slash.answers[0].content
    assert slash.answers[0].allowed_mentions[-1] == {"parse": []}


async def test_a_list_without_a_value_is_a_form(stage: Stage) -> None:
    """One a line, with what is there; the form asks for the permission again when it is sent."""
    opened = await stage.discord.slash(
        stage.discord.channel, stage.discord.hanako, "story settings", rule="banned", scope="channel"
    )
    await stage.discord.submit(opened, text="しかし\nところで\n")
    assert (await stage.play.until_noted())[3] == {"banned": ["しかし", "ところで"]}
    stage.discord.guild.managers.clear()
    sent = await stage.discord.submit(opened, text="あ")
    await stage.discord.until(lambda: sent.answers)
    assert len(stage.play.noted) == 1


async def test_values_are_proposed_for_the_chosen_rule(stage: Stage) -> None:
    """What it can be, and the way back."""
    channel, taro = stage.discord.channel, stage.discord.taro
    proposed = await stage.discord.complete(channel, taro, "story settings", "value", rule="listens")
    assert proposed == ["はい", "いいえ", "（もとに戻す）"]
    assert "オン" in await stage.discord.complete(channel, taro, "story settings", "value", rule="filter")
    typed = await stage.discord.complete(channel, taro, "story settings", "value", "30", rule="daily_in_all")
    assert typed == ["30", "（もとに戻す）"]


@pytest.mark.parametrize(
    ("rule", "typed", "value"),
    [
        ("length", "短め", Length.SHORT),
        ("length", "300", 300),
        ("filter", "自動", Filter.AUTO),
        ("filter_people", "ON", True),
        ("candidates", "３", 3),
        ("denied", "user/5 role/6", ["user/5", "role/6"]),
        ("words", "", []),
    ],
)
def test_values_as_people_type_them(rule: str, typed: str, value: object) -> None:
    """Full-width digits, Japanese words, several in a line."""
    assert value_of(rule, typed) == value


@pytest.mark.parametrize(
    ("rule", "typed"), [("listens", "たぶん"), ("candidates", "many"), ("allowed", "太郎")]
)
def test_other_values_are_refused(rule: str, typed: str) -> None:
    """With what it could be."""
    with pytest.raises(BadRule):
        value_of(rule, typed)
