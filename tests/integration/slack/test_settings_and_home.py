"""The form for a channel's rules, the home tab, and `/continue` without a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.slack import SlackAdapter
from adapters.slack.listeners.settings_view import changed_settings
from adapters.slack.payloads.views import input_value
from bot.domain.chat import Author, Room
from bot.domain.errors import BadRule
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.room_settings import Filter, RoomSettings
from config.i18n import Translations
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer
from tests.servers.slack_workspace import TEAM, Posted

FIRST_LINE = "それは九月初旬のある蒸し暑い晩のことであった。"
HANAKO = Author("slack", "U1", "花子")
WITHIN = (f"team/{TEAM}", "channel/C1")


@pytest.fixture
def root(slack: SlackServer, services: RecordedServices, adapter: SlackAdapter) -> Posted:
    """The first message of a story in C1."""
    typed = slack.types("C1", "U1", FIRST_LINE)
    services.lay_out(Room("slack", f"{TEAM}/C1/{typed.ts}", WITHIN), f"C1:{typed.ts}", FIRST_LINE, HANAKO)
    return typed


async def whispered(slack: SlackServer, count: int = 1) -> dict[str, Any]:
    """The `count`th answer that only one person sees."""
    await slack.until(lambda: len(slack.responses) >= count)
    return slack.responses[count - 1]


# /continue


async def test_without_a_text_it_goes_on_with_the_latest_story(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """In that story's thread; who typed it is told where."""
    await slack.deliver(slack.command("C1", "U2", ""))
    heard = (await services.until_heard()).message
    assert (heard.text, heard.room.id, heard.author.name) == ("", f"{TEAM}/C1/{root.ts}", "太郎")
    told = (await whispered(slack))["text"]
    assert told.startswith("slack.going_on/ja")
    assert f"/archives/C1/p{root.ts.replace('.', '')}" in told


async def test_a_story_of_another_workspace_is_not_meant(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """In a channel that two workspaces share, the other one's bot may be telling, too."""
    services.tell(Room("slack", f"T0OTHER/C1/{root.ts}", ("team/T0OTHER", "channel/C1")), "別の話。", HANAKO)
    await slack.deliver(slack.command("C1", "U1", ""))
    assert (await services.until_heard()).message.room.id == f"{TEAM}/C1/{root.ts}"


async def test_another_channels_story_is_not_meant(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """Where the channel has no story, the person is told how to begin one."""
    await slack.deliver(slack.command("G1", "U1", ""))
    assert (await whispered(slack))["text"].startswith("slack.help/ja")
    await slack.deliver(slack.command("C1", "U1", "ヘルプ"))
    assert (await whispered(slack, 2))["text"].startswith("slack.help/ja")
    assert services.heard == []


async def test_a_channel_that_it_had_to_leave(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """The story is there, the bot is not: the person is told how to invite it."""
    slack.workspace.channels["C1"].has_bot = False
    await slack.deliver(slack.command("C1", "U1", ""))
    assert (await whispered(slack))["text"].startswith("slack.invite/ja")
    assert services.heard == []


# The form


async def test_an_admin_sets_what_holds_in_a_channel(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Only what was changed is set, at the channel."""
    await slack.deliver(slack.command("C1", "U1", "設定"))
    await slack.until(lambda: slack.people.views)
    values = {
        "listens": "no",
        "length": "long",
        "words": "悪い\n\n 汚い ",
        "daily_per_person": "20",
        "allowed": ["U1", "U2"],
        "guests": "no",
    }
    await slack.deliver(slack.people.submit("U1", **values))
    room, scope, changes = await services.until_asked("set_rules")
    assert (room.parent_scopes, scope) == (WITHIN, "channel/C1")
    assert changes == {
        "listens": False,
        "length": "long",
        "words": ["悪い", "汚い"],
        "daily_per_person": 20,
        "allowed": ["user/U1", "user/U2"],
        "denied": ["role/guest"],
    }


async def test_others_set_only_how_it_writes(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The form has no more fields for them, and a forged one changes nothing."""
    await slack.deliver(slack.command("C1", "U2", "settings"))
    await slack.until(lambda: slack.people.views)
    blocks = slack.people.views[0]["blocks"]
    for_all = ["listens", "length", "preset", "candidates", "parentheses_aside", "presets"]
    assert [block["block_id"] for block in blocks] == for_all
    forged = slack.people.submit("U2", preset="bold")
    forged["view"]["state"]["values"]["denied"] = {"value": {"selected_users": ["U1"]}}
    await slack.deliver(forged)
    assert (await services.until_asked("set_rules"))[2] == {"preset": "bold"}


async def test_everybody_sets_for_a_story_how_it_is_written(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """Translations that are never written among it: for the story alone, by a form that its thread offers."""
    await slack.deliver(slack.event_of(slack.types("C1", "U2", "設定", root.ts)))
    await slack.until_called("chat.postEphemeral")
    (offered,) = slack.methods.ephemeral
    assert (offered["thread_ts"], offered["user"]) == (root.ts, "U2")
    await slack.deliver(slack.people.click_whispered(offered, "settings", "U2"))
    await slack.until(lambda: slack.people.views)
    view = slack.people.views[0]
    assert view["title"]["text"].startswith("slack.settings.title_st")
    names = [block["block_id"] for block in view["blocks"]]
    assert ("banned" in names, "words" in names, "denied" in names) == (True, False, False)
    await slack.deliver(slack.people.submit("U2", banned="しかし\n彼は", length="long"))
    room, scope, changes = await services.until_asked("set_rules")
    assert room.id == f"{TEAM}/C1/{root.ts}"
    assert scope == room.own_scope
    assert changes == {"banned": ["しかし", "彼は"], "length": "long"}


async def test_above_a_story_admins_alone_set_what_is_never_written(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """A channel's form has no field for it for others, and a forged one changes nothing."""
    await slack.deliver(slack.command("C1", "U2", "settings"))
    await slack.until(lambda: slack.people.views)
    forged = slack.people.submit("U2", preset="bold")
    forged["view"]["state"]["values"]["banned"] = {"value": {"value": "しかし"}}
    await slack.deliver(forged)
    assert (await services.until_asked("set_rules"))[2] == {"preset": "bold"}
    await slack.deliver(slack.command("C1", "U1", "settings"))
    await slack.until(lambda: len(slack.people.views) == 2)
    await slack.deliver(slack.people.submit("U1", banned="しかし"))
    assert (await services.until_asked("set_rules", 2))[1:] == ("channel/C1", {"banned": ["しかし"]})


async def test_what_a_rule_cannot_be_is_said_in_the_form(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Below its field."""
    services.wrong = [BadRule(name="words", value="x", known="")]
    await slack.deliver(slack.command("C1", "U1", "設定"))
    await slack.until(lambda: slack.people.views)
    envelope = await slack.deliver(slack.people.submit("U1", words="x"))
    said = slack.socket.acknowledged[envelope]
    assert said["response_action"] == "errors"
    assert list(said["errors"]) == ["words"]


async def test_presets_of_a_channel(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The field shows those that are set there; what is written in it is made, changed, taken away."""
    services.set_there = {"channel/C1": {"presets": {"夜語り": {"temperature": 0.9, "top_p": 0.9}}}}
    await slack.deliver(slack.command("C1", "U2", "設定"))
    await slack.until(lambda: slack.people.views)
    (field,) = [block for block in slack.people.views[0]["blocks"] if block["block_id"] == "presets"]
    assert field["element"]["initial_value"] == "夜語り\ntemperature = 0.9"
    await slack.deliver(slack.people.submit("U2"))
    await slack.deliver(
        slack.people.submit("U2", presets="夜語り\nｔｅｍｐｅｒａｔｕｒｅ＝１．１\n\n朝\nTop_K = 40")
    )
    presets = {"夜語り": {"temperature": 1.1}, "朝": {"top_k": 40.0}}
    assert (await services.until_asked("set_rules"))[1:] == ("channel/C1", {"presets": presets})
    await slack.deliver(slack.people.submit("U2", presets=""))
    assert (await services.until_asked("set_rules", 2))[2] == {"presets": None}


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("temperature = 1", "temperature = 1 (temperature = 0.9)"),
        ("夜語り\ntemprature = 1", "temprature = 1 (repetition_penalty, "),
        ("夜語り\ntemperature = 高い", "temperature = 高い (temperature = 0.9)"),
    ],
)
async def test_a_line_that_is_no_setting(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, typed: str, named: str
) -> None:
    """It is named below the field, and nothing is set."""
    await slack.deliver(slack.command("C1", "U2", "設定"))
    await slack.until(lambda: slack.people.views)
    envelope = await slack.deliver(slack.people.submit("U2", presets=typed))
    errors = slack.socket.acknowledged[envelope]["errors"]
    assert errors["presets"].startswith(f"slack.settings.wrong/ja what={named}")
    assert services.asked("set_rules") == []


async def test_who_may_not_use_the_bot_sets_nothing(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Neither by the form that was open already, nor is there another one; an admin may always."""
    await slack.deliver(slack.command("C1", "U2", "設定"))
    await slack.until(lambda: slack.people.views)
    services.now = RoomSettings(denied=("user/U1", "user/U2"))
    envelope = await slack.deliver(slack.people.submit("U2", length="long"))
    assert slack.socket.acknowledged[envelope]["errors"] == {"listens": "error.not_permitted/ja"}
    await slack.deliver(slack.command("C1", "U2", "設定"))
    assert (await whispered(slack))["text"] == "error.not_permitted/ja"
    await slack.deliver(slack.command("C1", "U1", "設定"))
    await slack.until(lambda: len(slack.people.views) == 2)
    assert services.asked("set_rules") == []


async def test_nothing_changed_sets_nothing(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Rules of further out stay in force."""
    services.now = RoomSettings(
        length=300, filter=Filter.ON, words=("悪い",), denied=("role/guest", "user/U3")
    )
    await slack.deliver(slack.command("C1", "U1", "設定"))
    await slack.until(lambda: slack.people.views)
    await slack.deliver(slack.people.submit("U1"))
    assert services.asked("set_rules") == []


def test_fields_that_a_form_lacks_change_nothing() -> None:
    """An older form knows fewer rules."""
    state = {"length": {"value": {"selected_option": {"value": "short"}}}}
    assert changed_settings(RoomSettings(), state) == {"length": "short"}
    assert input_value(state, "words") is None


# The home tab


@pytest.mark.parametrize(("user", "locale"), [("U1", "ja"), ("U3", "en")])
async def test_every_word_of_forms_and_home_is_there(
    slack: SlackServer, services: RecordedServices, user: str, locale: str
) -> None:
    """In both languages no key shows through."""
    slack.workspace.people["U3"].is_admin = True
    phrases = Translations.load()
    async with running(adapter_for(slack, translate=phrases), services) as adapter:
        root = slack.types("C1", "U1", FIRST_LINE)
        room = Room("slack", f"{TEAM}/C1/{root.ts}", WITHIN)
        answer = services.lay_out(room, "C1:x", "夜。", Author("slack", user, "誰か"))
        await slack.deliver(home_event(slack, user))
        await slack.deliver(slack.command("C1", user, "settings"))
        await slack.deliver(slack.mention("C1", user, "夜。", root.ts))
        await services.until_heard()
        choices = (Candidate("c", "朝。"),)
        draft = Reply(
            ReplyState.DONE, "夜。", job="j", passage=answer.id, other_candidates=choices, locale=locale
        )
        await adapter.post(room, draft, "j:0")
        message = slack.workspace.by_bot()[-1]
        await slack.deliver(slack.people.click(message, "edit", user))
        await slack.until(lambda: len(slack.people.views) == 2 and slack.people.homes)
    words = str([slack.people.views, slack.people.homes, message.labels])
    assert not re.search(r"slack\.(settings|home|button|edit)\.", words)
    assert ("続き" in message.labels) is (locale == "ja")


def home_event(slack: SlackServer, user: str) -> dict[str, Any]:
    """Somebody opens it."""
    return slack.event("app_home_opened", user=user, tab="home", channel="D1")


async def test_the_home_tab_shows_ones_own_stories(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """With a way to each, how to start, and settings; of others' nothing."""
    await slack.deliver(home_event(slack, "U1"))
    await slack.deliver(home_event(slack, "U2"))
    await slack.until(lambda: {"U1", "U2"} <= set(slack.people.homes))
    texts = str(slack.people.homes["U1"])
    assert FIRST_LINE[:20] in texts
    assert "/archives/C1/" in texts
    assert "slack.home.how/ja" in texts
    assert "slack.home.settings_team/ja" in texts
    assert FIRST_LINE[:20] not in str(slack.people.homes["U2"])
    assert "slack.home.settings_team/ja" not in str(slack.people.homes["U2"])


async def test_the_home_tab_shows_nothing_of_channels_that_one_left(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """Neither the title nor a file, though one wrote there; a direct message stays one's own."""
    own = slack.types("D1", "U1", "私の話。")
    services.lay_out(Room("slack", f"{TEAM}/D1/{own.ts}"), f"D1:{own.ts}", own.text, HANAKO)
    secret = slack.types("G1", "U1", "秘密の話。")
    services.lay_out(Room("slack", f"{TEAM}/G1/{secret.ts}"), f"G1:{secret.ts}", secret.text, HANAKO)
    await slack.deliver(home_event(slack, "U1"))
    await slack.until(lambda: "秘密の話。" in str(slack.people.homes))
    forged = slack.people.click_home(
        "U1", "tsuzuki:home_export", (await services.stories.find("slack"))[0].id
    )
    slack.workspace.channels["G1"].left.add("U1")
    slack.faults.refuse("users.conversations", "missing_scope")
    await slack.deliver(home_event(slack, "U1"))
    await slack.until(lambda: "秘密の話。" not in str(slack.people.homes))
    assert FIRST_LINE[:20] not in str(slack.people.homes)
    await slack.deliver(home_event(slack, "U1"))
    await slack.until(lambda: FIRST_LINE[:20] in str(slack.people.homes))
    shown = str(slack.people.homes)
    assert ("秘密の話。" in shown, "私の話。" in shown) == (False, True)
    await slack.deliver(forged)
    for story in (await services.stories.find("slack"))[1:]:
        await slack.deliver(slack.people.click_home("U1", "tsuzuki:home_export", story.id))
    await slack.until(lambda: len(slack.workspace.files) == 2)
    assert not any("秘密" in content.decode() for content in slack.workspace.files.values())


async def test_a_story_from_the_home_tab_as_a_file(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """It comes as a direct message."""
    await slack.deliver(home_event(slack, "U1"))
    await slack.until(lambda: slack.people.homes)
    (story,) = await services.stories.find("slack")
    await slack.deliver(slack.people.click_home("U1", "tsuzuki:home_export", story.id))
    await slack.until(lambda: any(message.files for message in slack.workspace.messages))
    assert [message.channel for message in slack.workspace.messages if message.files] == ["D1"]


async def test_what_the_home_tab_cannot_do_is_said(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """In the person's own channel: who may not use the bot, and whose file does not come, read why."""
    services.now = RoomSettings(denied=("user/U2",))
    await slack.deliver(home_event(slack, "U2"))
    await slack.until(lambda: slack.people.homes)
    await slack.deliver(slack.people.click_home("U2", "tsuzuki:home_settings"))
    assert (await slack.until_posted(1)).shown == "error.not_permitted/ja"
    await slack.deliver(home_event(slack, "U1"))
    await slack.until(lambda: "U1" in slack.people.homes)
    (story,) = await services.stories.find("slack")
    slack.faults.refuse("files.getUploadURLExternal", "not_allowed", times=9)
    await slack.deliver(slack.people.click_home("U1", "tsuzuki:home_export", story.id))
    assert (await slack.until_posted(2)).shown == "slack.later/ja"
    assert {message.channel for message in slack.workspace.by_bot()} == {"D1"}


class BrokenSettings(RecordedServices):
    """Services with a defect."""

    async def at(self, room: Room, scope: str) -> Mapping[str, object]:
        """Fail in a way nobody planned."""
        raise RuntimeError("a defect")


async def test_a_defect_behind_the_home_tab_is_told(slack: SlackServer) -> None:
    """In the person's own channel, so that nobody clicks into silence."""
    async with running(adapter_for(slack), BrokenSettings()):
        await slack.deliver(home_event(slack, "U1"))
        await slack.until(lambda: slack.people.homes)
        await slack.deliver(slack.people.click_home("U1", "tsuzuki:home_settings"))
        notice = await slack.until_posted()
    assert (notice.channel, notice.shown) == ("D1", "slack.failed/ja")


async def test_settings_of_the_whole_workspace(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """An admin sets them from the home tab."""
    await slack.deliver(home_event(slack, "U1"))
    await slack.until(lambda: slack.people.homes)
    await slack.deliver(slack.people.click_home("U1", "tsuzuki:home_settings_team"))
    await slack.until(lambda: slack.people.views)
    await slack.deliver(slack.people.submit("U1", daily_in_all="100"))
    room, scope, changes = await services.until_asked("set_rules")
    assert (scope, changes) == (f"team/{TEAM}", {"daily_in_all": 100})
    assert room.parent_scopes[0] == f"team/{TEAM}"
