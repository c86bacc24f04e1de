"""From a mention in Slack to the finished text in its thread, with everything real but the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.slack.payloads.events import message_id
from bot.domain.chat import Room
from tests.integration.slack.running import HastyClock
from tests.integration.slack.running_bot import BUTTONS, RunningBot, running_bot, shows
from tests.integration.slack.scripted_engine import SteppedEngine
from tests.servers.slack import SlackServer
from tests.servers.slack_workspace import TEAM, Posted

FIRST_LINE = "　それは九月初旬の、ある蒸し暑い<晩>の &c. ことであった――。"
TYPED = "　それは九月初旬の、ある蒸し暑い&lt;晩&gt;の &amp;c. ことであった――。"


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_story_in_a_thread(slack: SlackServer, mode: str) -> None:
    """A continuation streams into its thread, the next mention goes on, the writer's text is exact."""
    engine = SteppedEngine(("夜が更けた。", "雨が降り出した。"), ("朝が来た。", "鳥が鳴いた。"))
    async with running_bot(slack, engine, mode) as bot:
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

        story = await bot.store.stories.open_in(Room("slack", f"{TEAM}/C1/{thread}"))
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
    engine = SteppedEngine(("夜が更けた。", "雨が降り出した。"))
    slack.faults.lose_answer("chat.postMessage")
    slack.faults.lose_answer("chat.update", times=2)
    async with running_bot(slack, engine, "socket") as bot:
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
    engine = SteppedEngine(("夜が更けた。",), ("朝が来た。",))
    async with running_bot(slack, engine, "socket") as bot:
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
    engine = SteppedEngine(("夜が更けた。",), ("朝が来た。",))
    async with running_bot(slack, engine, "socket") as bot:
        await bot.deliver(slack.command("C1", "U1", "昔々。 --length short"))
        engine.go_on()
        told = await shows(slack, "夜が更けた。", 2)
        assert told.thread_ts == slack.workspace.by_bot()[0].ts
        whispered = slack.types("D1", "U1", "今は昔。")
        await bot.deliver(slack.event_of(whispered))
        engine.go_on()
        told = await shows(slack, "朝が来た。", 3)
        assert (told.channel, told.thread_ts) == ("D1", whispered.ts)


async def first_reply(slack: SlackServer, bot: RunningBot, engine: SteppedEngine) -> Posted:
    """Begin a story, and let the model answer 「一。」 with the buttons below it."""
    await bot.deliver(slack.mention("C1", "U1", "昔々。"))
    engine.go_on()
    reply = await shows(slack, "一。")
    await slack.until(lambda: reply.labels == BUTTONS)
    return reply


async def goes_on(slack: SlackServer, bot: RunningBot, engine: SteppedEngine, first: Posted) -> Posted:
    """Press 続き, and let the model answer 「二。」: the buttons are below that now."""
    await bot.deliver(slack.people.click(first, "continue", "U2"))
    engine.go_on()
    reply = await shows(slack, "二。", 2)
    await slack.until(lambda: reply.labels == BUTTONS and first.labels == [])
    return reply


async def test_a_story_by_buttons(slack: SlackServer) -> None:
    """Go on, again, candidates and choosing, undo: the buttons stand below the story's end only."""
    engine = SteppedEngine(("一。",), ("二。",), ("三。",), ("四。",))
    async with running_bot(slack, engine) as bot:
        first = await first_reply(slack, bot, engine)
        room = Room("slack", f"{TEAM}/C1/{first.thread_ts}")
        second = await goes_on(slack, bot, engine, first)

        await bot.deliver(slack.people.click(second, "retry", "U2"))
        engine.go_on()
        third = await shows(slack, "三。", 3)
        await slack.until(lambda: third.labels == BUTTONS and second.labels == [])

        await bot.deliver(slack.people.click(third, "several", "U1"))
        engine.go_on()
        fourth = await shows(slack, "四。", 4)
        await slack.until(lambda: "これにする" in fourth.labels)
        assert "2番目の夜。" in fourth.shown
        assert "3番目の夜。" in fourth.shown
        await bot.deliver(slack.people.click(fourth, "choose", "U1"))
        await slack.until(lambda: fourth.story == "2番目の夜。")
        story = await bot.store.stories.open_in(room)
        assert story is not None
        assert [passage.text for passage in story.passages] == ["昔々。", "一。", "2番目の夜。"]

        await bot.deliver(slack.people.click(fourth, "undo", "U1"))
        await slack.until(lambda: first.labels == BUTTONS and fourth.labels == [])
        story = await bot.store.stories.open_in(room)
        assert story is not None
        assert [passage.text for passage in story.passages] == ["昔々。", "一。"]
    assert {call.answer for call in slack.calls} == {"ok"}


async def test_once_more_after_a_stop_before_the_first_word(slack: SlackServer) -> None:
    """The good passage stays, and two who press at once get one continuation behind it."""
    engine = SteppedEngine(("一。",), ("二。",), ("三。",))
    async with running_bot(slack, engine) as bot:
        first = await first_reply(slack, bot, engine)
        await bot.deliver(slack.people.click(first, "continue", "U1"))
        stopped = await slack.until_posted(2)
        await bot.deliver(slack.people.click(stopped, "stop", "U1"))
        await slack.until(lambda: stopped.labels == ["もう一度"])
        await bot.deliver(slack.people.click(stopped, "again", "U1"))
        await bot.deliver(slack.people.click(stopped, "again", "U2"))
        engine.go_on()
        again = await shows(slack, "三。", 3)
        await slack.until(lambda: again.labels == BUTTONS and stopped.labels == [])
        story = await bot.store.stories.open_in(Room("slack", f"{TEAM}/C1/{first.thread_ts}"))
    assert story is not None
    assert [passage.text for passage in story.passages] == ["昔々。", "一。", "三。"]
    assert (len(engine.requests), len(slack.workspace.by_bot())) == (3, 3)


async def test_changes_reach_the_model(slack: SlackServer) -> None:
    """An edited line is what the model reads next, a deleted one is not read; a form does the same."""
    engine = SteppedEngine(("夜。",), ("朝。",), ("昼。",))
    async with running_bot(slack, engine) as bot:
        root = slack.types("C1", "U1", "昔々。")
        line = slack.types("C1", "U2", "消える行。", root.ts)
        await bot.deliver(slack.mention("C1", "U1", "雨が降った。", root.ts))
        engine.go_on()
        answer = await shows(slack, "夜。")
        await bot.deliver(slack.changed(root, "今は昔。"))
        await bot.deliver(slack.deleted(line))
        await slack.until(lambda: answer.labels == BUTTONS)
        await bot.deliver(slack.people.click(answer, "edit", "U1"))
        await slack.until(lambda: slack.people.views)
        await bot.deliver(slack.people.submit("U1", text="夜が更けた。"))
        await shows(slack, "夜が更けた。")
        await bot.deliver(slack.event_of(slack.types("C1", "U2", "そして。", root.ts)))
        engine.go_on()
        await shows(slack, "朝。", 3)
    prompt = engine.requests[1].prompt
    for text in ("今は昔。", "雨が降った。", "夜が更けた。", "そして。"):
        assert text in prompt
    assert "消える行。" not in prompt
    assert "昔々。" not in prompt


async def over(bot: RunningBot, message: Posted) -> None:
    """Wait until nobody writes what a message shows."""
    job = None
    while job is None or not job.state.final:
        job = await bot.store.jobs.by_message("slack", message_id(message.channel, message.ts))


async def test_a_word_stops_the_writing(slack: SlackServer) -> None:
    """What was written by then stays, with the buttons to go on."""
    engine = SteppedEngine(("夜が更けた。", "雨が降り出した。"))
    async with running_bot(slack, engine) as bot:
        event = slack.mention("C1", "U1", "昔々。")
        await bot.deliver(event)
        engine.go_on()
        message = await slack.until_posted()
        await slack.until(lambda: "夜が更けた。" in message.story)
        await bot.deliver(slack.event_of(slack.types("C1", "U2", "止めて", event["event"]["ts"])))
        await slack.until(lambda: message.labels == BUTTONS)
        assert message.story == "夜が更けた。"


@pytest.mark.parametrize("streams", [True, False])
async def test_a_stop_of_the_bot_leaves_readable_text_and_its_start_finishes_it(
    slack: SlackServer, tmp_path: Path, streams: bool
) -> None:
    """The same message is finished by the next process, and its buttons work there."""
    if not streams:
        slack.faults.refuse("chat.startStream", "unknown_method", times=9)
    url = f"sqlite:///{tmp_path}/stories.db"
    engine = SteppedEngine(("夜が更けた。", "雨が降り出した。"))
    async with running_bot(slack, engine, url=url) as bot:
        await bot.deliver(slack.mention("C1", "U1", "昔々。"))
        engine.go_on()
        message = await slack.until_posted()
        await slack.until(lambda: "夜が更けた。" in message.story)
    assert message.streamed is streams
    assert "夜が更けた。" in message.story
    assert not slack.methods.streams.is_open(message)
    again = SteppedEngine(("夜が更けた。", "雨が降り出した。"), ("朝が来た。",))
    again.go_on(9)
    async with running_bot(slack, again, url=url) as bot:
        await shows(slack, "夜が更けた。雨が降り出した。")
        await slack.until(lambda: message.labels == BUTTONS)
        assert slack.workspace.by_bot() == [message]
        await bot.deliver(slack.people.click(message, "continue", "U1"))
        await shows(slack, "朝が来た。", 2)
        await slack.until(lambda: message.labels == [])


@pytest.mark.parametrize("streams", [True, False])
async def test_a_reply_that_is_deleted_while_it_is_written_is_not_in_the_story(
    slack: SlackServer, streams: bool
) -> None:
    """Nobody wanted it: the next one goes on from before it."""
    if not streams:
        slack.faults.refuse("chat.startStream", "unknown_method", times=9)
    engine = SteppedEngine(("夜が更けた。", "雨が降り出した。"), ("朝が来た。",))
    async with running_bot(slack, engine) as bot:
        event = slack.mention("C1", "U1", "昔々。")
        await bot.deliver(event)
        engine.go_on()
        message = await slack.until_posted()
        await slack.until(lambda: "夜が更けた。" in message.story)
        await bot.deliver(slack.deleted(message))
        await over(bot, message)
        engine.go_on()
        await bot.deliver(slack.event_of(slack.types("C1", "U2", "そして。", event["event"]["ts"])))
        engine.go_on()
        await shows(slack, "朝が来た。")
        story = await bot.services.stories.open_in(Room("slack", f"{TEAM}/C1/{event['event']['ts']}"))
    assert story is not None
    assert [passage.text for passage in story.passages] == ["昔々。", "そして。", "朝が来た。"]


async def test_a_guest_whom_slack_does_not_name_is_asked_to_wait(slack: SlackServer) -> None:
    """Where guests may not, nobody gets in because it is not known who they are."""
    slack.workspace.people["U2"].is_restricted = True
    engine = SteppedEngine(("夜。",))
    async with running_bot(slack, engine) as bot:
        await bot.services.settings.change(
            Room("slack", f"{TEAM}/C1/"), f"team/{TEAM}", {"denied": ["role/guest"]}
        )
        slack.faults.status("users.info", 500, times=2)
        await bot.deliver(slack.mention("C1", "U2", "昔々。"))
        assert "確かめられませんでした" in (await slack.until_posted()).shown
        await bot.deliver(slack.mention("C1", "U2", "昔々。"))
        assert "受けない" in (await slack.until_posted(2)).shown
        assert engine.requests == []


async def test_buttons_speak_the_language_of_who_asked_also_after_a_restart(
    slack: SlackServer, tmp_path: Path
) -> None:
    """Nobody spoke in the new process yet."""
    url = f"sqlite:///{tmp_path}/stories.db"
    async with running_bot(slack, SteppedEngine(("夜。",)), url=url) as bot:
        await bot.deliver(slack.mention("C1", "U3", "Once upon a time."))
        message = await slack.until_posted()
        assert message.labels == ["Stop"]
    again = SteppedEngine(("夜。",))
    again.go_on(9)
    async with running_bot(slack, again, url=url):
        await slack.until(lambda: "Continue" in message.labels)


async def test_quotas_and_who_may_ask(slack: SlackServer) -> None:
    """What an admin sets in the form holds at once; who is refused is told why."""
    engine = SteppedEngine(("夜。",), ("朝。",))
    async with running_bot(slack, engine) as bot:
        await bot.deliver(slack.command("C1", "U1", "設定"))
        await slack.until(lambda: slack.people.views)
        await bot.deliver(slack.people.submit("U1", daily_per_person="1", denied=["U2"], length="short"))
        event = slack.mention("C1", "U1", "昔々。")
        await bot.deliver(event)
        engine.go_on()
        await shows(slack, "夜。")
        await bot.deliver(slack.mention("C1", "U1", "もっと。", event["event"]["ts"]))
        told = await slack.until_posted(2)
        assert "1回" in told.shown
        await bot.deliver(slack.mention("C1", "U2", "私も。"))
        assert "受けない" in (await slack.until_posted(3)).shown
        await bot.deliver(slack.mention("G1", "U1", "別の所で。"))
        engine.go_on()
        await shows(slack, "朝。", 4)
    assert len(engine.requests) == 2


async def test_what_may_not_be_said_is_not_posted(slack: SlackServer) -> None:
    """A command's text would stand under the bot's name: who is refused sees why, and nobody else sees it."""
    engine = SteppedEngine()
    async with running_bot(slack, engine) as bot:
        here = Room("slack", f"{TEAM}/C1/", (f"team/{TEAM}", "channel/C1"))
        rules = {"denied": ["user/U2"], "filter_people": True, "words": ["禁句"]}
        await bot.services.settings.change(here, f"team/{TEAM}", rules)

        await bot.deliver(slack.command("C1", "U2", "誰でも見る広告です。"))
        await slack.until(lambda: len(slack.responses) == 1)
        await bot.deliver(slack.command("C1", "U1", "これは禁句です。"))
        await slack.until(lambda: len(slack.responses) == 2)

    assert [word in said["text"] for said, word in zip(slack.responses, ("受けない", "禁句"), strict=True)]
    assert slack.workspace.by_bot() == []


async def test_a_channels_own_preset(slack: SlackServer) -> None:
    """Made in the form, chosen by name behind the command; what it cannot be is said below its field."""
    engine = SteppedEngine(("夜。",))
    async with running_bot(slack, engine) as bot:
        await bot.deliver(slack.command("C1", "U2", "設定"))
        await slack.until(lambda: slack.people.views)
        envelope = await bot.deliver(slack.people.submit("U2", presets="夜語り\ntemperature = 3"))
        assert slack.socket.acknowledged[envelope]["errors"] == {
            "presets": "使えません：夜語り.temperature: ≤ 2"
        }
        await bot.deliver(slack.people.submit("U2", presets="夜語り\ntemperature = 1.1\ntop_k = 40"))
        await bot.deliver(slack.command("C1", "U1", "昔々。 --preset 夜語り"))
        engine.go_on()
        await shows(slack, "夜。", 2)
    sampling = engine.requests[0].sampling
    assert (sampling.temperature, sampling.top_k, sampling.top_p) == (1.1, 40, 0.9)


async def test_only_those_with_a_role(slack: SlackServer) -> None:
    """Where admins only may use it, their own changes are followed, and other people's words are not."""
    engine = SteppedEngine(("夜。",), ("朝。",))
    async with running_bot(slack, engine) as bot:
        root = slack.types("C1", "U1", "昔々。")
        line = slack.types("C1", "U1", "消える行。", root.ts)
        await bot.deliver(slack.mention("C1", "U1", "雨。", root.ts))
        room = Room("slack", f"{TEAM}/C1/{root.ts}", (f"team/{TEAM}", "channel/C1"))
        engine.go_on()
        answer = await shows(slack, "夜。")
        await slack.until(lambda: answer.labels == BUTTONS)
        await bot.services.settings.change(room, "channel/C1", {"allowed": ["role/admin"]})
        await bot.deliver(slack.deleted(line))
        await bot.deliver(slack.event_of(slack.types("C1", "U2", "静かに", root.ts)))
        await slack.until(lambda: slack.methods.ephemeral)
        story, rules = await bot.services.stories.open_in(room), await bot.services.settings.resolve(room)
    assert story is not None
    assert [passage.text for passage in story.passages] == ["昔々。", "雨。", "夜。"]
    assert rules.listens
    assert "受けない" in slack.methods.ephemeral[0]["text"]


async def test_going_on_from_an_earlier_answer(slack: SlackServer) -> None:
    """The shortcut on an old answer branches there; deleting an answer takes its passage out."""
    engine = SteppedEngine(("一。",), ("二。",), ("三。",))
    async with running_bot(slack, engine) as bot:
        first = await first_reply(slack, bot, engine)
        room = Room("slack", f"{TEAM}/C1/{first.thread_ts}")
        second = await goes_on(slack, bot, engine, first)
        await bot.deliver(slack.people.shortcut(first, "U2", "continue_here"))
        engine.go_on()
        third = await shows(slack, "三。", 4)
        await slack.until(lambda: third.labels == BUTTONS and second.labels == [])
        story = await bot.store.stories.open_in(room)
        assert story is not None
        assert [passage.text for passage in story.passages] == ["昔々。", "一。", "三。"]
        await bot.deliver(slack.deleted(first))
        await bot.deliver(slack.event_of(slack.types("C1", "U1", "（（おしまい））", first.thread_ts)))
        await bot.deliver(slack.event_of(slack.types("C1", "U1", "書き出し", first.thread_ts)))
        await slack.until(lambda: slack.workspace.files)
    (exported,) = slack.workspace.files.values()
    assert "三。" in exported.decode()
    assert "一。" not in exported.decode()


async def test_what_was_written_while_the_bot_was_away(slack: SlackServer, tmp_path: Path) -> None:
    """The next process takes it into the story, once, and answers once in each thread."""
    url = f"sqlite:///{tmp_path}/stories.db"
    engine = SteppedEngine(("夜が更けた。",))
    async with running_bot(slack, engine, url=url, clock=HastyClock(), remembers=True) as bot:
        event = slack.mention("C1", "U1", "昔々。")
        thread = event["event"]["ts"]
        await bot.deliver(event)
        engine.go_on()
        await shows(slack, "夜が更けた。")
    slack.types("C1", "U2", "雨が降った。", thread)
    slack.sends("C1", "U1", "", slack.files.add("a.txt", "風が吹いた。".encode("cp932")), thread_ts=thread)
    elsewhere = slack.types("D1", "U2", "今は昔。")
    again = SteppedEngine(("朝が来た。",), ("昼が来た。",))
    again.go_on(9)
    async with running_bot(slack, again, url=url, clock=HastyClock(), remembers=True) as bot:
        # The first reply loses its buttons only when the thread's second one is there.
        await slack.until(
            lambda: (
                [m.labels == BUTTONS for m in slack.workspace.by_bot() if m.story != "夜が更けた。"]
                == [True, True]
            )
        )
        # It comes as an event, too.
        await bot.deliver(slack.event_of(slack.workspace.messages[-4]))
        room = Room("slack", f"{TEAM}/C1/{thread}")
        told = await bot.store.stories.open_in(room)
        other = await bot.store.stories.open_in(Room("slack", f"{TEAM}/D1/{elsewhere.ts}"))
    assert told is not None
    assert other is not None
    texts = [passage.text for passage in told.passages]
    assert texts[:-1] == ["昔々。", "夜が更けた。", "雨が降った。", "風が吹いた。"]
    assert sorted([texts[-1], other.passages[-1].text]) == ["昼が来た。", "朝が来た。"]
    assert [passage.text for passage in other.passages][:-1] == ["今は昔。"]
    assert len(again.requests) == 2
    assert {call.answer for call in slack.calls} == {"ok"}
