"""From a mention in Slack to the finished text in its thread, with everything real but the model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.slack import SlackAdapter
from bot.dispatcher import Dispatcher
from bot.messages import Room
from bot.outbox import Outbox
from bot.play import StoryPlay
from bot.queue import JobQueue
from bot.store import SqlStore, open_store
from config.phrases import Phrases
from tests.loopback.slack import SlackServer
from tests.loopback.slack_workspace import TEAM, Posted
from tests.slack.running import StillClock, adapter_for, running
from tests.slack.storyteller import Storyteller

FIRST_LINE = "　それは九月初旬の、ある蒸し暑い<晩>の &c. ことであった――。"
TYPED = "　それは九月初旬の、ある蒸し暑い&lt;晩&gt;の &amp;c. ことであった――。"

Deliver = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class House:
    """What a test needs of the running bot."""

    store: SqlStore
    adapter: SlackAdapter
    deliver: Deliver


@asynccontextmanager
async def house(slack: SlackServer, engine: Storyteller, mode: str) -> AsyncIterator[House]:
    """The bot as the composition root builds it, on a store in memory."""
    store, queue, say = await open_store("sqlite:///:memory:"), JobQueue(), Phrases.load()
    adapter = adapter_for(slack, mode=mode, say=say)
    outbox = Outbox(store, {"slack": adapter}, StillClock())
    dispatcher = Dispatcher(store, queue, engine, outbox, say)
    play = StoryPlay(store, queue, engine, outbox.show, say)
    tasks = [asyncio.create_task(work) for work in (outbox.run(), dispatcher.run())]
    try:
        async with running(adapter, play):
            deliver = slack.deliver if mode == "socket" else slack.sender(adapter.port).event
            yield House(store, adapter, deliver)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await outbox.close(1.0)
        await store.close()


async def shows(slack: SlackServer, text: str, count: int = 1) -> Posted:
    """Wait until the bot's message number `count` shows exactly `text` as the story, without a mark."""

    def reached() -> bool:
        posts = slack.workspace.by_bot()
        return len(posts) >= count and posts[count - 1].story == text

    await slack.until(reached)
    return slack.workspace.by_bot()[count - 1]


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_story_in_a_thread(slack: SlackServer, mode: str) -> None:
    """A continuation streams into its thread, the next mention goes on, the writer's text is exact."""
    engine = Storyteller(("夜が更けた。", "雨が降り出した。"), ("朝が来た。", "鳥が鳴いた。"))
    async with house(slack, engine, mode) as bot:
        event = slack.mention("C1", "U1", TYPED)
        thread = event["event"]["ts"]
        await bot.deliver(event)
        first = await slack.until_posted()
        assert first.thread_ts == thread
        engine.go_on(2)
        await slack.until(lambda: first.story.startswith("夜が更けた。"))
        await shows(slack, "夜が更けた。雨が降り出した。")

        await bot.deliver(slack.mention("C1", "U2", "「誰だ」", thread))
        await slack.until_posted(2)
        engine.go_on(2)
        second = await shows(slack, "朝が来た。鳥が鳴いた。", 2)
        assert second.thread_ts == thread

        story = await bot.store.story(Room("slack", f"{TEAM}/C1/{thread}"))
        assert story is not None
        assert [
            (passage.author.name, passage.text) for passage in story.passages if not passage.by_model
        ] == [
            ("花子", FIRST_LINE),
            ("太郎", "「誰だ」"),
        ]
        assert [passage.text for passage in story.passages if passage.by_model] == [
            "夜が更けた。雨が降り出した。",
            "朝が来た。鳥が鳴いた。",
        ]
        assert "夜が更けた。雨が降り出した。" in engine.requests[1].prompt
        assert engine.requests[0].prompt.startswith(FIRST_LINE)
    assert len(slack.workspace.by_bot()) == 2
    assert slack.workspace.pings == []
    assert {call.answer for call in slack.calls} == {"ok"}


async def test_one_answer_whatever_is_delivered_again(slack: SlackServer) -> None:
    """Retries, the message beside the mention, and lost answers still give one message."""
    engine = Storyteller(("夜が更けた。", "雨が降り出した。"))
    slack.faults.lose_answer("chat.postMessage")
    slack.faults.lose_answer("chat.update", times=2)
    async with house(slack, engine, "socket") as bot:
        event = slack.mention("C1", "U1", TYPED)
        await bot.deliver(event)
        await slack.deliver(slack.event_of(slack.workspace.messages[0]))
        await slack.deliver(event, retry=1)
        engine.go_on(2)
        await shows(slack, "夜が更けた。雨が降り出した。")
    assert len(slack.workspace.by_bot()) == 1
    assert len(engine.requests) == 1


async def test_a_mention_without_text_goes_on(slack: SlackServer) -> None:
    """In a story's thread the name alone is enough; elsewhere the person is told how to begin."""
    engine = Storyteller(("夜が更けた。",), ("朝が来た。",))
    async with house(slack, engine, "socket") as bot:
        event = slack.mention("C1", "U1", TYPED)
        await bot.deliver(event)
        engine.go_on()
        await shows(slack, "夜が更けた。")
        await bot.deliver(slack.mention("C1", "U2", "", event["event"]["ts"]))
        engine.go_on()
        await shows(slack, "朝が来た。", 2)
        await bot.deliver(slack.mention("C1", "U3", ""))
        told = await slack.until_posted(3)
        assert told.shown.startswith("Give me the beginning of a story")


async def test_a_command_and_a_direct_message(slack: SlackServer) -> None:
    """`/continue` tells in the thread of the text it posts, a direct message in its own."""
    engine = Storyteller(("夜が更けた。",), ("朝が来た。",))
    async with house(slack, engine, "socket") as bot:
        await bot.deliver(slack.command("C1", "U1", "昔々。 --length short"))
        engine.go_on()
        told = await shows(slack, "夜が更けた。", 2)
        assert told.thread_ts == slack.workspace.by_bot()[0].ts
        whispered = slack.types("D1", "U1", "今は昔。")
        await bot.deliver(slack.event_of(whispered))
        engine.go_on()
        told = await shows(slack, "朝が来た。", 3)
        assert (told.channel, told.thread_ts) == ("D1", whispered.ts)
