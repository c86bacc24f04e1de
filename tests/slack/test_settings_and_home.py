"""The form for a channel's rules, the home tab, and `/continue` without a text."""

from __future__ import annotations

import re
from typing import Any

import pytest

from adapters.slack import SlackAdapter
from adapters.slack.forms import filled
from adapters.slack.settings import changed
from bot.errors import BadRule
from bot.messages import Author, Choice, Draft, DraftState, Filter, Room, Rules
from config.phrases import Phrases
from tests.loopback.slack import SlackServer
from tests.loopback.slack_workspace import TEAM, Posted
from tests.slack.desk import Desk
from tests.slack.running import adapter_for, running

FIRST_LINE = "それは九月初旬のある蒸し暑い晩のことであった。"
HANAKO = Author("slack", "U1", "花子")
WITHIN = (f"team/{TEAM}", "channel/C1")


@pytest.fixture
def root(slack: SlackServer, play: Desk, adapter: SlackAdapter) -> Posted:
    """The first message of a story in C1."""
    typed = slack.types("C1", "U1", FIRST_LINE)
    play.lay_out(Room("slack", f"{TEAM}/C1/{typed.ts}", WITHIN), f"C1:{typed.ts}", FIRST_LINE, HANAKO)
    return typed


async def whispered(slack: SlackServer, count: int = 1) -> dict[str, Any]:
    """The `count`th answer that only one person sees."""
    await slack.until(lambda: len(slack.responses) >= count)
    return slack.responses[count - 1]


# /continue


async def test_without_a_text_it_goes_on_with_the_latest_story(
    slack: SlackServer, play: Desk, root: Posted
) -> None:
    """In that story's thread; who typed it is told where."""
    await slack.deliver(slack.command("C1", "U2", ""))
    heard = (await play.until_heard()).message
    assert (heard.text, heard.room.id, heard.author.name) == ("", f"{TEAM}/C1/{root.ts}", "太郎")
    told = (await whispered(slack))["text"]
    assert told.startswith("slack.going_on/ja")
    assert f"/archives/C1/p{root.ts.replace('.', '')}" in told


async def test_another_channels_story_is_not_meant(slack: SlackServer, play: Desk, root: Posted) -> None:
    """Where the channel has no story, the person is told how to begin one."""
    await slack.deliver(slack.command("G1", "U1", ""))
    assert (await whispered(slack))["text"].startswith("slack.help/ja")
    await slack.deliver(slack.command("C1", "U1", "ヘルプ"))
    assert (await whispered(slack, 2))["text"].startswith("slack.help/ja")
    assert play.heard == []


async def test_a_channel_that_it_had_to_leave(slack: SlackServer, play: Desk, root: Posted) -> None:
    """The story is there, the bot is not: the person is told how to invite it."""
    slack.workspace.channels["C1"].has_bot = False
    await slack.deliver(slack.command("C1", "U1", ""))
    assert (await whispered(slack))["text"].startswith("slack.invite/ja")
    assert play.heard == []


# The form


async def test_an_admin_sets_what_holds_in_a_channel(
    slack: SlackServer, play: Desk, adapter: SlackAdapter
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
    room, scope, changes = await play.until_asked("set_rules")
    assert (room.within, scope) == (WITHIN, "channel/C1")
    assert changes == {
        "listens": False,
        "length": "long",
        "words": ["悪い", "汚い"],
        "daily_per_person": 20,
        "allowed": ["user/U1", "user/U2"],
        "denied": ["role/guest"],
    }


async def test_others_set_only_how_it_writes(slack: SlackServer, play: Desk, adapter: SlackAdapter) -> None:
    """The form has no more fields for them, and a forged one changes nothing."""
    await slack.deliver(slack.command("C1", "U2", "settings"))
    await slack.until(lambda: slack.people.views)
    blocks = slack.people.views[0]["blocks"]
    assert [block["block_id"] for block in blocks] == ["listens", "length", "preset", "candidates"]
    forged = slack.people.submit("U2", preset="bold")
    forged["view"]["state"]["values"]["denied"] = {"value": {"selected_users": ["U1"]}}
    await slack.deliver(forged)
    assert (await play.until_asked("set_rules"))[2] == {"preset": "bold"}


async def test_what_a_rule_cannot_be_is_said_in_the_form(
    slack: SlackServer, play: Desk, adapter: SlackAdapter
) -> None:
    """Below its field."""
    play.wrong = [BadRule(name="words", value="x", known="")]
    await slack.deliver(slack.command("C1", "U1", "設定"))
    await slack.until(lambda: slack.people.views)
    envelope = await slack.deliver(slack.people.submit("U1", words="x"))
    said = slack.socket.acknowledged[envelope]
    assert said["response_action"] == "errors"
    assert list(said["errors"]) == ["words"]


async def test_nothing_changed_sets_nothing(slack: SlackServer, play: Desk, adapter: SlackAdapter) -> None:
    """Rules of further out stay in force."""
    play.now = Rules(length=300, filter=Filter.ON, words=("悪い",), denied=("role/guest", "user/U3"))
    await slack.deliver(slack.command("C1", "U1", "設定"))
    await slack.until(lambda: slack.people.views)
    await slack.deliver(slack.people.submit("U1"))
    assert play.asked("set_rules") == []


def test_fields_that_a_form_lacks_change_nothing() -> None:
    """An older form knows fewer rules."""
    state = {"length": {"value": {"selected_option": {"value": "short"}}}}
    assert changed(Rules(), state, admin=True) == {"length": "short"}
    assert filled(state, "words") is None


# The home tab


@pytest.mark.parametrize(("user", "locale"), [("U1", "ja"), ("U3", "en")])
async def test_every_word_of_forms_and_home_is_there(
    slack: SlackServer, play: Desk, user: str, locale: str
) -> None:
    """In both languages no key shows through."""
    slack.workspace.people["U3"].is_admin = True
    phrases = Phrases.load()
    async with running(adapter_for(slack, say=phrases), play) as adapter:
        root = slack.types("C1", "U1", FIRST_LINE)
        room = Room("slack", f"{TEAM}/C1/{root.ts}", WITHIN)
        answer = play.lay_out(room, "C1:x", "夜。", HANAKO)
        await slack.deliver(home_event(slack, user))
        await slack.deliver(slack.command("C1", user, "settings"))
        await slack.deliver(slack.mention("C1", user, "夜。", root.ts))
        await play.until_heard()
        draft = Draft(DraftState.DONE, "夜。", job="j", passage=answer.id, choices=(Choice("c", "朝。"),))
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


async def test_the_home_tab_shows_ones_own_stories(slack: SlackServer, play: Desk, root: Posted) -> None:
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


async def test_a_story_from_the_home_tab_as_a_file(slack: SlackServer, play: Desk, root: Posted) -> None:
    """It comes as a direct message."""
    await slack.deliver(home_event(slack, "U1"))
    await slack.until(lambda: slack.people.homes)
    (story,) = await play.stories("slack")
    await slack.deliver(slack.people.click_home("U1", "tsuzuki:home_export", story.id))
    await slack.until(lambda: any(message.files for message in slack.workspace.messages))
    assert [message.channel for message in slack.workspace.messages if message.files] == ["D1"]


async def test_settings_of_the_whole_workspace(slack: SlackServer, play: Desk, root: Posted) -> None:
    """An admin sets them from the home tab."""
    await slack.deliver(home_event(slack, "U1"))
    await slack.until(lambda: slack.people.homes)
    await slack.deliver(slack.people.click_home("U1", "tsuzuki:home_settings_team"))
    await slack.until(lambda: slack.people.views)
    await slack.deliver(slack.people.submit("U1", daily_in_all="100"))
    room, scope, changes = await play.until_asked("set_rules")
    assert (scope, changes) == (f"team/{TEAM}", {"daily_in_all": 100})
    assert room.within[0] == f"team/{TEAM}"
