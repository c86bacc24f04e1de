"""`/story settings`: what holds is shown to everybody, and changed by who may."""

from __future__ import annotations

import pytest

from adapters.discord.handlers.settings_command import parse_value
from bot.domain.errors import BadRule
from bot.domain.jobs import Length
from bot.domain.room_settings import RoomSettings
from tests.integration.discord.stage import BEGINNING, Stage
from tests.servers.discord import Channel, Slash, User


async def story_thread(stage: Stage) -> Channel:
    """A thread with a story."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.tell(stage.room(thread), BEGINNING)
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
        ("channel", "length", "既定", None),
        ("server", "words", "reset", None),
        ("channel", "allowed", "なし", []),
    ],
)
async def test_who_manages_the_place_sets_its_rules(
    stage: Stage, scope: str, rule: str, value: str, kept: object
) -> None:
    """Server and channel by their own scopes."""
    await set_rule(stage, stage.discord.channel, stage.discord.hanako, rule, value, scope)
    _, _, address, changes = await stage.services.until_noted()
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
    assert stage.services.noted == []


async def test_a_storys_own_thread_belongs_to_everybody_in_it(stage: Stage) -> None:
    """How it is written there."""
    thread = await story_thread(stage)
    slash = await set_rule(stage, thread, stage.discord.taro, "preset", "冒険", "story")
    assert (await stage.services.until_noted())[2:] == ("", {"preset": "bold"})
    line = "**調子**：冒険〔この物語〕"
    assert [stage.say("discord.settings.done", "ja", line=line)] == [a.content for a in slash.answers]


async def test_people_roles_and_channels_are_named_by_mention(stage: Stage) -> None:
    """As they are typed."""
    typed = "<@1> と <@&22> と <#333>"
    slash = await set_rule(stage, stage.discord.channel, stage.discord.hanako, "allowed", typed, "server")
    assert (await stage.services.until_noted())[3] == {"allowed": ["user/1", "role/22", "channel/333"]}
    assert "<@1>、<@&22>、<#333>" in slash.answers[0].content
    assert slash.answers[0].allowed_mentions[-1] == {"parse": []}


async def test_a_list_without_a_value_is_a_form(stage: Stage) -> None:
    """One a line, with what is there; the form asks for the permission again when it is sent."""
    opened = await stage.discord.slash(
        stage.discord.channel, stage.discord.hanako, "story settings", rule="banned", scope="channel"
    )
    await stage.discord.submit(opened, text="しかし\nところで\n")
    assert (await stage.services.until_noted())[3] == {"banned": ["しかし", "ところで"]}
    stage.discord.guild.managers.clear()
    sent = await stage.discord.submit(opened, text="あ")
    await stage.discord.until(lambda: sent.answers)
    assert len(stage.services.noted) == 1


async def test_a_rule_without_a_value_is_shown_and_stays(stage: Stage) -> None:
    """With the place where it was set; the nearest one counts."""
    guild, channel = stage.discord.guild, stage.discord.channel
    stage.services.layers = {
        f"guild/{guild.id}": {"length": "short", "candidates": 5},
        f"channel/{channel.id}": {"length": "long"},
    }
    stage.services.room_settings = RoomSettings(length=Length.LONG, candidates=5, daily_per_person=3)
    shown = [await shown_rule(stage, rule) for rule in ("length", "candidates", "daily_per_person")]
    assert shown == [
        "**長さ**：長め（500字ほど）〔このチャンネル〕",
        "**候補の数**：5〔サーバー全体〕",
        "**一人の一日の回数**：3〔はじめの設定〕",
    ]
    assert stage.services.noted == []


async def shown_rule(stage: Stage, rule: str) -> str:
    """What somebody who may change nothing is shown of a rule."""
    channel, taro = stage.discord.channel, stage.discord.taro
    slash = await stage.discord.slash(channel, taro, "story settings", rule=rule, scope="channel")
    await stage.discord.until(lambda: slash.answers)
    return slash.answers[0].content


async def test_who_may_not_change_a_list_is_shown_it(stage: Stage) -> None:
    """A form would be refused in the end."""
    stage.services.room_settings = RoomSettings(words=("ばか", "あほ"))
    assert await shown_rule(stage, "words") == "**フィルターに足す言葉**：ばか、あほ〔はじめの設定〕"
    assert await shown_rule(stage, "presets") == "**自分たちの調子**：なし〔はじめの設定〕"


async def test_the_form_of_a_list_holds_what_is_set_at_that_scope(stage: Stage) -> None:
    """Not what holds in the end: saving it would copy the server's words to the channel, or lose some."""
    guild, channel, hanako = stage.discord.guild, stage.discord.channel, stage.discord.hanako
    server, here = f"guild/{guild.id}", f"channel/{channel.id}"
    stage.services.layers = {server: {"banned": ["しかし、彼は"]}, here: {"denied": ["user/5", "room/6"]}}
    stage.services.room_settings = RoomSettings(banned=("しかし、彼は",), denied=("user/5", "room/6"))
    for scope, rule, lines in (
        ("server", "banned", "しかし、彼は"),
        ("channel", "banned", ""),
        ("channel", "denied", "<@5>\nroom/6"),
    ):
        opened = await stage.discord.slash(channel, hanako, "story settings", rule=rule, scope=scope)
        sent = await stage.discord.submit(opened)
        assert opened.modal is not None
        assert opened.modal["components"][0]["component"].get("value", "") == lines
        await stage.discord.until(lambda sent=sent: sent.answers)
    assert stage.services.layers == {
        server: {"banned": ["しかし、彼は"]},
        here: {"denied": ["user/5", "room/6"]},
    }


async def test_a_list_that_no_form_holds_is_not_cut(stage: Stage) -> None:
    """Saving it would lose the rest."""
    guild, channel = stage.discord.guild, stage.discord.channel
    stage.services.layers = {f"guild/{guild.id}": {"words": ["長い言葉" * 10 + str(n) for n in range(100)]}}
    slash = await stage.discord.slash(
        channel, stage.discord.hanako, "story settings", rule="words", scope="server"
    )
    await stage.discord.until(lambda: slash.answers)
    assert slash.modal is None


async def preset_form(stage: Stage, name: str = "") -> Slash:
    """The form for a preset of the server's own."""
    given = {"value": name} if name else {}
    opened = await stage.discord.slash(
        stage.discord.channel, stage.discord.hanako, "story settings", rule="presets", scope="server", **given
    )
    await stage.discord.until(lambda: opened.modal)
    return opened


async def test_a_preset_of_ones_own_is_made_changed_renamed_and_removed(stage: Stage) -> None:
    """By a form with all its settings, one a line."""
    server = f"guild/{stage.discord.guild.id}"
    await stage.discord.submit(await preset_form(stage), name="夜", text="温度\n")
    assert stage.services.noted == []
    opened = await preset_form(stage)
    assert opened.modal is not None
    assert "temperature = 0.75\n" in opened.modal["components"][1]["component"]["value"]
    await stage.discord.submit(opened, name=" 夜 ", text="temperature ＝ ０．９\n top_k: 50")
    await stage.services.until_noted()
    assert stage.services.layers[server] == {"presets": {"夜": {"temperature": 0.9, "top_k": 50}}}
    again = await preset_form(stage, "夜")
    assert again.modal is not None
    assert "temperature = 0.9\n" in again.modal["components"][1]["component"]["value"]
    await stage.discord.submit(again, name="真夜中")
    await stage.services.until_noted(2)
    assert list(stage.services.layers[server]["presets"]) == ["真夜中"]  # type: ignore[call-overload]
    sent = await stage.discord.submit(await preset_form(stage, "真夜中"), text="")
    await stage.discord.until(lambda: sent.answers)
    assert stage.services.layers[server] == {}


@pytest.mark.parametrize(
    ("written", "named"),
    [("熱さ = 0.9", "top_p"), ("temperature = 高め", "temperature = 0.9"), ("ただの文", "temperature = 0.9")],
)
async def test_what_is_no_setting_is_told_with_the_line(stage: Stage, written: str, named: str) -> None:
    """And what could stand there; what was written comes back."""
    sent = await stage.discord.submit(await preset_form(stage), name="夜", text=f"top_p = 0.9\n{written}")
    await stage.discord.until(lambda: sent.answers)
    (told,) = sent.answers
    assert f"「自分たちの調子」を「{written}」にはできません。" in told.content
    assert named in told.content
    assert told.content.endswith(f">>> top_p = 0.9\n{written}")
    assert stage.services.noted == []


async def test_a_preset_out_of_bounds_is_told_by_its_name(stage: Stage) -> None:
    """The rules know the bounds."""
    stage.services.fail(
        BadRule(name="presets", value={"夜": {"temperature": 9}}, known="夜.temperature: ≤ 2")
    )
    sent = await stage.discord.submit(await preset_form(stage), name="夜", text="temperature = 9")
    await stage.discord.until(lambda: sent.answers)
    expected = stage.say(
        "error.bad_rule", "ja", name="自分たちの調子", value="夜", known="夜.temperature: ≤ 2"
    )
    assert sent.answers[0].content.startswith(expected)


async def test_presets_are_proposed_from_the_scope_in_question(stage: Stage) -> None:
    """One of the server's is not changed in the channel."""
    stage.services.layers = {f"guild/{stage.discord.guild.id}": {"presets": {"夜": {}}}}
    channel, taro = stage.discord.channel, stage.discord.taro
    for scope, names in (("server", ["夜", "（もとに戻す）"]), ("channel", ["（もとに戻す）"])):
        proposed = await stage.discord.complete(
            channel, taro, "story settings", "value", rule="presets", scope=scope
        )
        assert proposed == names


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
        ("denied", "user/5 role/6", ["user/5", "role/6"]),
        ("denied", "<@1>、user/5,\nrole/6", ["user/1", "user/5", "role/6"]),
        ("denied", "guild/1", ["guild/1"]),
        ("allowed", "なし", []),
        ("allowed", "", None),
    ],
)
def test_people_and_places_as_people_type_them(rule: str, typed: str, value: object) -> None:
    """As mentions or by their ids, several in a line."""
    assert parse_value(rule, typed) == value


@pytest.mark.parametrize(("rule", "typed"), [("allowed", "太郎"), ("denied", "<@1> @太郎 <@2>")])
def test_other_values_are_refused(rule: str, typed: str) -> None:
    """With what it could be."""
    with pytest.raises(BadRule):
        parse_value(rule, typed)
