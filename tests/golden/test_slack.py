"""What a Slack gets from `tsuzuki run`: blocks, buttons, forms, the home tab, words; and what is kept of it.

The names of actions and forms that people press here are written out: those of old messages never change.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.golden.conftest import Golden
from tests.golden.doors import (
    APP_TOKEN,
    BOT_TOKEN,
    SLACK_MANIFEST,
    SlackMessage,
    SlackServer,
    bot_process,
)
from tests.golden.normal import alike
from tests.golden.stored import rows_of
from tests.golden.story_worker import StoryWorker, story_worker

BEGINNING = "　それは九月初旬のある蒸し暑い晩の*こと*であった。"
PATIENCE_S = 30
WORDS = (
    """
stop、止めて、とめて、やめて、ストップ、停止、mute、静かに、静かにして、しずかに、ミュート
unmute、聞いて、きいて、ミュート解除、continue、続き、続けて、つづき、つづけて
export、書き出し、書き出して、エクスポート、export md
export markdown、書き出し md、書き出し markdown、マークダウン
settings、設定、help、ヘルプ、使い方、ＨＥＬＰ。
""".strip()
    .replace("\n", "、")
    .split("、")
)


@asynccontextmanager
async def visited(folder: Path) -> AsyncIterator[tuple[SlackServer, StoryWorker]]:
    """A running bot in a Slack, by Socket Mode; it has to end well."""
    async with SlackServer() as slack, story_worker() as worker:
        variables = {
            "SLACK_API_URL": slack.api_url,
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_APP_TOKEN": APP_TOKEN,
            "TSUZUKI_ENGINE__URL": worker.url,
            "TSUZUKI_WEB__ENABLED": "false",
        }
        async with bot_process(folder, **variables) as bot:
            await slack.until(lambda: slack.socket.connections, PATIENCE_S)
            yield slack, worker
            assert await bot.stop() == 0
        assert "Traceback" not in bot.said


def seen(message: SlackMessage) -> dict[str, Any]:
    """What people see of a message and can do with it, and what it carries for us."""
    return {"text": message.text, "blocks": message.blocks, "metadata": message.metadata}


def stream_of(arguments: dict[str, Any]) -> dict[str, Any]:
    """How a stream is begun, but for its first words, which may be those of the story already."""
    chunks = [chunk for chunk in arguments["chunks"] if chunk["type"] != "markdown_text"]
    return {**arguments, "chunks": chunks}


async def reply(slack: SlackServer, text: str, buttons: int = 5) -> SlackMessage:
    """The newest message is a whole reply with its buttons."""

    def whole() -> SlackMessage | None:
        last = slack.workspace.by_bot()[-1:]
        live = [
            one
            for one in last
            if text in one.text and len(one.buttons) >= buttons and not one.streaming_since
        ]
        return live[0] if live else None

    found = await slack.until(whole, PATIENCE_S)
    assert found is not None
    return found


def named(slack: SlackServer, action: str) -> list[SlackMessage]:
    """The messages that have a button for an action."""
    posts = slack.workspace.by_bot()
    return [message for message in posts if any(one["action_id"] == action for one in message.buttons)]


async def answered(slack: SlackServer, payload: dict[str, Any]) -> Any:
    """What only the person sees of an answer."""
    before = len(slack.responses)
    await slack.deliver(payload)
    await slack.until(lambda: len(slack.responses) > before, PATIENCE_S)
    return slack.responses[-1]


async def form(slack: SlackServer, payload: dict[str, Any]) -> Any:
    """The form that something brings."""
    before = len(slack.people.views)
    await slack.deliver(payload)
    await slack.until(lambda: len(slack.people.views) > before, PATIENCE_S)
    return slack.people.views[-1]


async def whispered(slack: SlackServer, payload: dict[str, Any]) -> Any:
    """What only the person sees in the thread."""
    before = len(slack.methods.ephemeral)
    await slack.deliver(payload)
    await slack.until(lambda: len(slack.methods.ephemeral) > before, PATIENCE_S)
    return slack.methods.ephemeral[-1]


def test_manifest(golden: Golden) -> None:
    """What people paste into Slack."""
    golden(slack_manifest=yaml.safe_load(SLACK_MANIFEST.read_text("utf-8")))


async def test_a_story(golden: Golden, tmp_path: Path) -> None:
    """Replies, their buttons in every state, what each does, and the rows that are left."""
    told: dict[str, Any] = {}
    async with visited(tmp_path) as (slack, worker):
        people = slack.people
        worker.go.clear()
        await slack.deliver(slack.mention("C1", "U1", BEGINNING))
        writing = await slack.until_posted()
        await slack.until(lambda: "一つ目" in writing.story, PATIENCE_S)
        told["stop, in a stream"] = [stream_of(call.arguments) for call in slack.called("chat.startStream")]
        worker.go.set()
        first = await reply(slack, "一つ目")
        told["written"] = seen(first)
        await slack.deliver(people.click(first, "continue", "U2"))
        second = await reply(slack, "二つ目")
        told["tsuzuki:continue"] = seen(second)
        await slack.deliver(people.click(second, "retry", "U2"))
        third = await reply(slack, "三つ目")
        told["tsuzuki:retry"] = seen(third)
        await slack.deliver(people.click(third, "several", "U1"))
        fourth = await reply(slack, "四つ目", 7)
        told["tsuzuki:several"] = seen(fourth)
        await slack.deliver(people.click(fourth, "choose", "U1"))
        await slack.until(lambda: fourth.story.startswith("2番目"), PATIENCE_S)
        told["tsuzuki:choose"] = seen(fourth)
        told["tsuzuki:edit"] = await form(slack, people.click(fourth, "edit", "U1"))
        sent = await slack.deliver(people.submit("U1", text=" "))
        told["tsuzuki:edit_form refused"] = slack.socket.acknowledged[sent]
        await slack.deliver(people.submit("U1", text="直した夜。"))
        await slack.until(lambda: fourth.story == "直した夜。", PATIENCE_S)
        await slack.deliver(people.click(fourth, "undo", "U1"))
        await slack.until(lambda: first.labels and not fourth.labels, PATIENCE_S)
        told["tsuzuki:undo"] = [seen(first), seen(fourth)]
        line = await slack.until(lambda: named(slack, "tsuzuki:take_back")[1:], PATIENCE_S)
        told["lines"] = [seen(one) for one in named(slack, "tsuzuki:take_back")]
        await slack.deliver(people.click(line[-1], "take_back", "U1"))
        await slack.until(lambda: fourth.labels and not first.labels and not line[-1].labels, PATIENCE_S)
        told["tsuzuki:take_back"] = seen(line[-1])
        await slack.deliver(people.click(fourth, "undo", "U1"))
        await slack.until(lambda: first.labels and not fourth.labels, PATIENCE_S)
        worker.refusing = True
        await slack.deliver(people.click(first, "continue", "U2"))
        failed = await slack.until(lambda: named(slack, "tsuzuki:again"), PATIENCE_S)
        told["failed"] = seen(failed[0])
        worker.refusing = False
        await slack.deliver(people.click(failed[0], "again", "U2"))
        again = await reply(slack, "二つ目")
        told["tsuzuki:again"] = seen(again)
        await slack.deliver(people.shortcut(first, "U3", "continue_here"))
        told["continue_here"] = seen(await reply(slack, "三つ目"))
    golden(
        slack_story=alike(told),
        slack_requests_to_the_worker=alike(worker.settled()),
        slack_rows=rows_of(tmp_path / "stories.db"),
    )


async def test_forms_and_home(golden: Golden, tmp_path: Path) -> None:
    """What admins and others are shown, in both languages, and what of it is kept."""
    told: dict[str, Any] = {}
    async with visited(tmp_path) as (slack, _):
        people = slack.people
        slack.workspace.people["U3"].is_admin = True
        await slack.deliver(slack.mention("C1", "U1", BEGINNING))
        root = slack.workspace.messages[0]
        await reply(slack, "一つ目")
        for user in ("U1", "U2", "U3"):
            told[f"settings {user}"] = await form(slack, slack.command("C1", user, "settings"))
            await slack.deliver(slack.event("app_home_opened", user=user, tab="home", channel="D1"))
            await slack.until(lambda user=user: user in people.homes, PATIENCE_S)
            told[f"home {user}"] = people.homes[user]
            typed = slack.event_of(slack.types("C1", user, "設定", root.ts))
            offered = await whispered(slack, typed)
            told[f"offered {user}"] = {key: offered[key] for key in ("text", "blocks")}
            told[f"settings of a story {user}"] = await form(
                slack, people.click_whispered(offered, "settings", user)
            )
        told["home settings"] = await form(slack, people.click_home("U1", "tsuzuki:home_settings"))
        told["home settings_team"] = await form(slack, people.click_home("U1", "tsuzuki:home_settings_team"))
        values = {
            "listens": "no",
            "length": "long",
            "preset": "bold",
            "candidates": "4",
            "parentheses_aside": "yes",
            "filter": "on",
            "filter_people": "yes",
            "words": "悪い\n汚い",
            "banned": "しかし",
            "daily_per_person": "20",
            "daily_in_all": "90",
            "allowed": ["U1", "U2"],
            "denied": ["U9"],
            "guests": "no",
            "presets": "夜語り\ntemperature = 1.1",
        }
        sent = await slack.deliver(people.submit("U1", **values))
        told["settings_form sent"] = slack.socket.acknowledged[sent]
        sent = await slack.deliver(people.submit("U1", presets="temperature = 1"))
        told["settings_form refused"] = slack.socket.acknowledged[sent]
        told["settings as they are now"] = await form(slack, slack.command("C1", "U1", "設定"))
        story = people.homes["U1"]["blocks"][-1]["elements"][-1]["value"]
        await slack.deliver(people.click_home("U1", "tsuzuki:home_export", story))
        await slack.until(lambda: slack.workspace.files, PATIENCE_S)
        told["home export"] = [content.decode() for content in slack.workspace.files.values()]
        told["file"] = [call.arguments for call in slack.called("files.getUploadURLExternal")]
    golden(slack_forms_and_home=alike(told), slack_rows_of_forms=rows_of(tmp_path / "stories.db")["rules"])


async def test_words(golden: Golden, tmp_path: Path) -> None:
    """What each word does as a command, and in a story's thread, for people of both languages."""
    told: dict[str, Any] = {}
    async with visited(tmp_path) as (slack, _):
        for word in WORDS:
            before = len(slack.responses), len(slack.people.views)
            await slack.deliver(slack.command("G1", "U3", word, "/続き"))
            await slack.until(
                lambda b=before: (len(slack.responses), len(slack.people.views)) != b, PATIENCE_S
            )
            shown = (
                slack.responses[-1]
                if len(slack.responses) > before[0]
                else slack.people.views[-1]["callback_id"]
            )
            told[f"/continue {word}"] = shown
        told["bad length"] = await answered(slack, slack.command("C1", "U1", "昔々。 --length huge"))
        await slack.deliver(slack.command("C1", "U2", "昔々。 --length short —preset 冒険 --candidates 2"))
        await reply(slack, "一つ目", 6)
        await form(slack, slack.command("C1", "U1", "settings"))
        await slack.deliver(slack.people.submit("U1", daily_per_person="1"))  # no word is answered by a story
        told["a beginning by command"] = seen(slack.workspace.by_bot()[0])
        thread = slack.workspace.by_bot()[0].ts
        for word in WORDS:
            told[f"thread {word}"] = await _said(slack, thread, word)
        count = len(slack.workspace.by_bot())
        told["goes on with the latest"] = (await answered(slack, slack.command("C1", "U1", "")))["text"]
        await slack.until_posted(count + 1)
        await reply(slack, "。")
        told["a bare mention"] = await _bare(slack)
    golden(slack_words=alike(told))


async def _said(slack: SlackServer, thread: str, word: str) -> Any:
    """What comes of a word in a thread: a file, a whisper, or that there was enough for today."""
    files, told, posted = slack.workspace.files, slack.methods.ephemeral, slack.workspace.by_bot
    before = len(files), len(told), len(posted())
    await slack.deliver(slack.mention("C1", "U2", word, thread))
    await slack.until(lambda: len(told) > before[1] or len(posted()) > before[2], PATIENCE_S)
    if len(files) > before[0]:
        return list(files.values())[-1].decode()
    if len(told) > before[1]:
        return {key: told[-1][key] for key in ("text", "blocks")}
    return seen(posted()[-1])


async def _bare(slack: SlackServer) -> Any:
    count = len(slack.workspace.by_bot())
    await slack.deliver(slack.mention("G1", "U3", ""))
    await slack.until(lambda: len(slack.workspace.by_bot()) > count, PATIENCE_S)
    return seen(slack.workspace.by_bot()[-1])
