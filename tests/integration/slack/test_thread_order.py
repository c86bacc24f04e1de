"""A story's order is its thread's, with people who write while replies are written and wait."""

from __future__ import annotations

from bot.domain.chat import Room
from tests.integration.slack.running_bot import BUTTONS, running_bot
from tests.integration.slack.scripted_engine import SteppedEngine
from tests.servers.slack import SlackServer
from tests.servers.slack_workspace import TEAM

FIRST, SECOND, THIRD = "夜が更けた。雨が降り出した。", "朝が来た。", "鳥が鳴いた。"


def thread_of(slack: SlackServer, thread_ts: str) -> list[str]:
    """What a thread shows from top to bottom."""
    messages = [one for one in slack.workspace.messages if thread_ts in {one.ts, one.thread_ts}]
    shown = [one.story or one.text for one in sorted(messages, key=lambda one: float(one.ts))]
    return [text.rpartition(" ")[2] for text in shown]


async def test_what_is_written_while_replies_wait_stands_above_them(slack: SlackServer) -> None:
    """Their signs go, they are posted below what they read, and each knows all that stands above it."""
    engine = SteppedEngine(("夜が更けた。雨", "が降り出した。"), (SECOND,), (THIRD,))
    async with running_bot(slack, engine) as bot:
        begun = slack.mention("C1", "U1", "昔々。")
        thread = begun["event"]["ts"]
        await bot.deliver(begun)
        engine.go_on()
        await slack.until(lambda: any("夜が更けた。" in one.story for one in slack.workspace.by_bot()))
        signs = []
        for number, (user, text) in enumerate((("U2", "三。"), ("U3", "四。")), start=2):
            await bot.deliver(slack.event_of(slack.types("C1", user, text, thread)))
            signs.append(await slack.until_posted(number))
        engine.go_on(3)

        expected = ["昔々。", FIRST, "三。", "四。", SECOND, THIRD]
        await slack.until(lambda: thread_of(slack, thread) == expected)
        last = slack.workspace.by_bot()[-1]
        await slack.until(lambda: len(last.labels) == len(BUTTONS))
        story = await bot.store.stories.open_in(Room("slack", f"{TEAM}/C1/{thread}"))
        assert story is not None
        assert [one.text for one in story.passages] == expected
        assert not any(sign in slack.workspace.messages for sign in signs)
        assert [request.prompt for request in engine.requests] == [
            "昔々。",
            f"昔々。{FIRST}\n三。\n四。",
            f"昔々。{FIRST}\n三。\n四。{SECOND}",
        ]
        assert slack.workspace.pings == []
    assert {call.answer for call in slack.calls} == {"ok"}
