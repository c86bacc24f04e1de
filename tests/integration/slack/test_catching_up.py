"""What was written while nobody listened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.slack import SlackAdapter
from adapters.slack.catchup.missed_messages import ListeningGap
from bot.domain.chat import MODEL, Author, Room
from bot.domain.errors import QueueFull
from bot.domain.room_settings import RoomSettings
from tests.fakes.clock import InstantClock
from tests.fakes.heartbeats import MemoryHeartbeats
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import HastyClock, adapter_for, running
from tests.servers.slack import SlackServer
from tests.servers.slack_faults import Tier
from tests.servers.slack_workspace import BOT_USER, TEAM, Channel, Posted

FIRST_LINE = "それは九月初旬のある蒸し暑い晩のことであった。"
HANAKO = Author("slack", "U1", "花子")
_MINUTE_S = 60.0


class Day:
    """What all clocks show; and what a database keeps of it."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0
        self.memory = MemoryHeartbeats()
        self.pass_minutes(0)

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.seconds

    def pass_minutes(self, minutes: float) -> None:
        """It is later."""
        self.seconds += minutes * _MINUTE_S
        self.memory.now = datetime.fromtimestamp(self.seconds, UTC)


@pytest.fixture
def day(slack: SlackServer) -> Day:
    """A day on which Slack and the bot agree."""
    today = Day()
    slack.workspace.wall = today
    return today


@asynccontextmanager
async def listening(
    slack: SlackServer, services: RecordedServices, day: Day, **changed: Any
) -> AsyncIterator[SlackAdapter]:
    """An adapter that remembers until when it listened."""
    adapter = adapter_for(slack, **({"wall": day, "clock": HastyClock()} | changed))
    adapter.remember_in(day.memory)
    async with running(adapter, services):
        yield adapter


async def was_there(slack: SlackServer, services: RecordedServices, day: Day, **changed: Any) -> None:
    """A first process listens, and ends; what is there already was written a good while ago."""
    day.pass_minutes(1)
    async with listening(slack, services, day, **changed):
        pass


def story(slack: SlackServer, services: RecordedServices, channel: str = "C1") -> Posted:
    """The first message of a thread in which a story is told."""
    root = slack.types(channel, "U1", FIRST_LINE)
    services.lay_out(room_of(root), f"{channel}:{root.ts}", FIRST_LINE, HANAKO)
    return root


def room_of(root: Posted) -> Room:
    """The room of a message's thread."""
    within = (f"team/{TEAM}", f"channel/{root.channel}")
    return Room("slack", f"{TEAM}/{root.channel}/{root.thread_ts or root.ts}", within)


def heard(services: RecordedServices) -> list[tuple[str, bool]]:
    """What the play heard, and whether that asked for more."""
    return [(each.message.text, each.ask is not None) for each in services.heard]


async def caught_up(
    slack: SlackServer, services: RecordedServices, day: Day, **changed: Any
) -> list[tuple[str, bool]]:
    """What a process hears that starts now, from before it could hear anything."""
    async with listening(slack, services, day, **changed):
        await until_beat(day)
    return heard(services)


async def until_beat(day: Day) -> None:
    """Wait until nothing is missing any more: the bot keeps that it listens."""
    async with asyncio.timeout(20):
        while (await day.memory.listened_until("slack")).get(TEAM) != day.memory.now:
            await asyncio.sleep(0.01)


async def test_a_first_start_takes_nothing(slack: SlackServer, services: RecordedServices, day: Day) -> None:
    """Nobody knows since when it would have to be."""
    root = story(slack, services)
    slack.types("C1", "U2", "雨が降った。", root.ts)
    slack.mention("C1", "U1", "昔々。")
    assert await caught_up(slack, services, day) == []
    assert slack.called("conversations.replies") == []


async def test_what_was_written_in_a_storys_thread(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """Each line is its writer's, in order, once; the last of those that ask, and only that, is answered."""
    root = story(slack, services)
    slack.types("C1", "U2", "前に。", root.ts)
    await was_there(slack, services, day)
    day.pass_minutes(20)
    slack.types("C1", "U2", "ずっと前に。", root.ts)
    day.pass_minutes(20)
    slack.types("C1", "U1", "<@U2> は&lt;森&gt;へ。", root.ts)
    slack.types("C1", BOT_USER, "宣伝です。", root.ts)
    last = slack.types("C1", "U2", "雨。", root.ts)
    slack.types("C1", "U1", "// そろそろ寝ます", root.ts)
    day.pass_minutes(10)
    async with listening(slack, services, day):
        await services.until_heard(4)
        await slack.deliver(slack.event_of(last))
        await until_beat(day)
    assert heard(services) == [
        ("ずっと前に。", False),
        ("@太郎 は<森>へ。", False),
        ("雨。", True),
        ("// そろそろ寝ます", False),
    ]
    assert {each.message.room for each in services.heard} == {room_of(root)}
    assert services.heard[2].message.author.name == "太郎"


async def test_who_wrote_long_ago_is_not_answered(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """It is part of the story all the same."""
    root = story(slack, services)
    await was_there(slack, services, day)
    day.pass_minutes(1)
    slack.types("C1", "U2", f"<@{BOT_USER}> 雨。", root.ts)
    slack.types("C1", "U2", "続けて", root.ts)
    day.pass_minutes(16)
    assert await caught_up(slack, services, day) == [("雨。", False)]


async def test_edits_and_a_deletion(slack: SlackServer, services: RecordedServices, day: Day) -> None:
    """What was changed meanwhile of what was there before; nothing else is touched."""
    root, other = story(slack, services), story(slack, services)
    line = slack.types("C1", "U1", "雨。", root.ts)
    services.lay_out(room_of(root), f"C1:{line.ts}", "雨。", HANAKO)
    early = slack.types("C1", "U1", "風。", root.ts)
    services.lay_out(room_of(root), f"C1:{early.ts}", "別の文。", HANAKO)
    slack.changed(early, "嵐。")
    await was_there(slack, services, day)
    day.pass_minutes(5)
    slack.changed(line, "雪。")
    slack.deleted(other, tombstone=True)
    day.pass_minutes(5)
    assert await caught_up(slack, services, day) == []
    assert [arguments[3] for arguments in services.asked("edit")] == ["雪。"]
    assert [arguments[2] for arguments in services.asked("delete")] == [services.shown[f"C1:{other.ts}"].id]


@pytest.mark.parametrize(("minutes", "obeyed"), [(1, ["cancel"]), (30, ["cancel"])])
async def test_words_of_that_time(
    slack: SlackServer, services: RecordedServices, day: Day, minutes: int, obeyed: list[str]
) -> None:
    """A stop holds for what is taken up again, a mute from then on; what only shows something is over."""
    root = story(slack, services)
    await was_there(slack, services, day)
    day.pass_minutes(1)
    for text in ("止めて", "静かに", "人どうしの話。", "聞いて", "雨。", "静かに"):
        slack.types("C1", "U2", text, root.ts)
    day.pass_minutes(minutes)
    assert await caught_up(slack, services, day) == [("雨。", minutes == 1)]
    assert [name for name, _ in services.calls if name != "set_rules"] == obeyed
    assert [arguments[2] for arguments in services.asked("set_rules")] == [
        {"listens": False},
        {"listens": True},
        {"listens": False},
    ]


async def test_old_words_that_show_something_are_over(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """A file of a story that was asked for an hour ago is not put into its thread."""
    root = story(slack, services)
    await was_there(slack, services, day)
    day.pass_minutes(1)
    slack.types("C1", "U2", "書き出し", root.ts)
    slack.types("C1", "U2", f"<@{BOT_USER}> 使い方", root.ts)
    day.pass_minutes(60)
    assert await caught_up(slack, services, day) == []
    assert (slack.workspace.files, slack.methods.ephemeral) == ({}, [])


async def test_a_thread_that_does_not_listen(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """As if it had been there: only what mentions the bot."""
    root = story(slack, services)
    services.now = RoomSettings(listens=False)
    await was_there(slack, services, day)
    day.pass_minutes(1)
    slack.types("C1", "U2", "人どうしの話。", root.ts)
    slack.types("C1", "U2", f"<@{BOT_USER}> 雨。", root.ts)
    day.pass_minutes(1)
    assert await caught_up(slack, services, day) == [("雨。", True)]


async def test_files_of_that_time(slack: SlackServer, services: RecordedServices, day: Day) -> None:
    """A paste is read as it would have been."""
    root = story(slack, services)
    await was_there(slack, services, day)
    day.pass_minutes(1)
    slack.sends("C1", "U2", "", slack.files.add("a.txt", "夜。".encode()), thread_ts=root.ts)
    async with listening(slack, services, day):
        assert (await services.until_heard()).message.attached == "夜。"


async def test_a_refusal_is_told(slack: SlackServer, services: RecordedServices, day: Day) -> None:
    """As at any other time."""
    root = story(slack, services)
    await was_there(slack, services, day)
    day.pass_minutes(1)
    slack.types("C1", "U2", f"<@{BOT_USER}> 雨。", root.ts)
    services.refuse(QueueFull(limit=3))
    assert await caught_up(slack, services, day) == []
    assert [each.shown for each in slack.workspace.by_bot()] == ["error.queue_full/ja limit=3"]


async def test_an_odd_message_keeps_out_nobody_else(
    slack: SlackServer, services: RecordedServices, day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, without a word of anybody, and the others are heard."""
    roots = [story(slack, services) for _ in range(2)]
    odd = slack.types("C1", "U1", "雨。", roots[1].ts)
    await was_there(slack, services, day)
    day.pass_minutes(1)
    odd.edited_ts = "yesterday"
    slack.types("C1", "U2", "風。", roots[0].ts)
    assert await caught_up(slack, services, day) == [("風。", True)]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "A story's thread could not be caught up with"
    ]


# Channels


async def test_mentions_that_nobody_answered(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """Of the last quarter of an hour, in every channel that the bot is in, and direct messages."""
    story(slack, services)
    slack.mention("C1", "U1", "その前に。")
    await was_there(slack, services, day)
    day.pass_minutes(1)
    slack.mention("C1", "U1", "ずっと前に。")
    day.pass_minutes(60)
    slack.types("C1", "U1", "人どうしの話。")
    answered = slack.mention("C1", "U1", "答えのある。")["event"]["ts"]
    slack.types("C1", BOT_USER, "夜。", answered)
    slack.mention("C1", "U2", "昔々。")
    slack.mention("C2", "U2", "入っていない所。")
    slack.mention("G1", "U3", "Once upon a time.")
    slack.types("D1", "U2", "今は昔。")
    day.pass_minutes(5)
    found = await caught_up(slack, services, day)
    assert sorted(found) == [("Once upon a time.", True), ("今は昔。", True), ("昔々。", True)]
    assert slack.methods.ephemeral == []


async def test_a_mention_in_a_thread_without_a_story(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """The last one is answered, and the thread so far becomes the story."""
    await was_there(slack, services, day)
    day.pass_minutes(1)
    root = slack.types("C1", "U1", FIRST_LINE)
    slack.mention("C1", "U2", "雨。", root.ts)
    slack.mention("C1", "U1", "風。", root.ts)
    answered = slack.types("C1", "U1", "別の話。")
    slack.mention("C1", "U2", "海。", answered.ts)
    slack.types("C1", BOT_USER, "山。", answered.ts)
    day.pass_minutes(1)
    assert await caught_up(slack, services, day) == [(FIRST_LINE, False), ("雨。", False), ("風。", True)]


async def test_without_the_scope_for_direct_messages(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """Channels are looked through all the same, and direct messages in which a story is told."""
    slack.scopes.discard("im:read")
    story(slack, services, "D1")
    await was_there(slack, services, day)
    day.pass_minutes(1)
    slack.mention("C1", "U1", "昔々。")
    slack.types("D1", "U2", "今は昔。")
    day.pass_minutes(1)
    assert sorted(await caught_up(slack, services, day)) == [("今は昔。", True), ("昔々。", True)]


# Limits


async def test_the_latest_stories_first(slack: SlackServer, services: RecordedServices, day: Day) -> None:
    """Each thread is read once, and one that is closed to the bot keeps out no other."""
    slack.workspace.channels["C3"] = Channel("C3", "closed")
    roots = [story(slack, services, channel) for channel in ("C1", "C3", "D1")]
    await was_there(slack, services, day)
    slack.workspace.channels["C3"].has_bot = False
    day.pass_minutes(1)
    for root in roots:
        slack.types(root.channel, "U2", "雨。", root.ts)
    assert await caught_up(slack, services, day) == [("雨。", True), ("雨。", True)]
    read = [(call.arguments["channel"], call.answer) for call in slack.called("conversations.replies")]
    assert read == [("D1", "ok"), ("C3", "not_in_channel"), ("C1", "ok")]


async def test_an_app_that_may_read_little(slack: SlackServer, services: RecordedServices, day: Day) -> None:
    """Once a minute, 15 messages: it is learned, only what is new is read, and nothing is refused twice."""
    clock = InstantClock()
    slack.set_clock(clock.now)
    slack.methods.most_at_once = 15
    for method in ("conversations.replies", "conversations.history"):
        slack.rates.tiers[method] = Tier(1, 60.0)
    roots = [story(slack, services) for _ in range(4)]
    for root in roots:
        for number in range(20):
            slack.types("C1", "U1", f"{number}。", root.ts)
    await was_there(slack, services, day, clock=clock)
    day.pass_minutes(30)
    for number, root in enumerate(roots):
        slack.types("C1", "U2", f"雨{number}。", root.ts)
    assert await caught_up(slack, services, day, clock=clock) == [(f"雨{n}。", True) for n in (3, 2, 1, 0)]
    answers = [call.answer for call in slack.called("conversations.replies")]
    assert answers.count("429") <= 1
    assert answers.count("ok") <= len(roots) + 1


async def test_a_long_line_of_old_stories_after_a_moment(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """Reading takes no longer than the absence, two minutes in any case: the latest hundred are looked at."""
    for _ in range(130):
        story(slack, services)
    await was_there(slack, services, day)
    day.pass_minutes(0.5)
    clock = InstantClock()
    slack.set_clock(clock.now)
    await caught_up(slack, services, day, clock=clock)
    assert len(slack.called("conversations.replies")) == 100


@pytest.mark.parametrize(
    ("minutes", "a_minute", "looks"), [(0.1, 50, 100), (0.1, 1, 15), (60, 50, 3_000), (60, 1, 60)]
)
def test_how_many_are_looked_at(minutes: float, a_minute: int, looks: int) -> None:
    """As many as can be read in the time that was missed, a few in any case."""
    assert ListeningGap(0.0, minutes * _MINUTE_S).max_reads(a_minute) == looks


# Now and then


async def test_what_comes_now_comes_after_what_was_missed(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """A message in a thread that was not read yet lets it be read first."""
    roots = [story(slack, services) for _ in range(3)]
    await was_there(slack, services, day)
    day.pass_minutes(1)
    slack.types("C1", "U2", "雨。", roots[0].ts)
    day.pass_minutes(1)
    slack.hold("conversations.history")
    slack.hold("users.conversations")
    async with listening(slack, services, day):
        day.pass_minutes(1)
        await slack.deliver(slack.event_of(slack.types("C1", "U2", "風。", roots[0].ts)))
        await services.until_heard(2)
        slack.let_go()
    assert heard(services) == [("雨。", True), ("風。", True)]


async def test_what_was_not_read_to_its_end_is_still_missing(
    slack: SlackServer, services: RecordedServices, day: Day
) -> None:
    """A process that ends while it catches up keeps nothing of having listened."""
    root = story(slack, services)
    await was_there(slack, services, day)
    day.pass_minutes(1)
    slack.types("C1", "U2", "雨。", root.ts)
    day.pass_minutes(1)
    slack.hold("conversations.replies")
    async with listening(slack, services, day):
        await slack.until_connected()
    slack.let_go()
    day.pass_minutes(1)
    assert await caught_up(slack, services, day) == [("雨。", True)]


async def test_after_a_restart_over_http(slack: SlackServer, services: RecordedServices, day: Day) -> None:
    """The same."""
    root = story(slack, services)
    await was_there(slack, services, day, mode="http")
    day.pass_minutes(1)
    slack.types("C1", "U2", "雨。", root.ts)
    slack.mention("C1", "U1", "昔々。")
    assert sorted(await caught_up(slack, services, day, mode="http")) == [("昔々。", True), ("雨。", True)]


async def test_a_link_that_was_half_open(slack: SlackServer, services: RecordedServices) -> None:
    """Without a restart: what Slack sent into nothing is read when a new connection stands."""
    root = story(slack, services)
    async with running(adapter_for(slack, ping_interval_s=2.0), services):
        await slack.deliver(slack.event_of(slack.types("C1", "U2", "雨。", root.ts)))
        slack.socket.silent = True
        slack.types("C1", "U2", "風。", root.ts)
        slack.mention("C1", "U1", "昔々。")
        await slack.until(lambda: slack.socket.opened >= 2)
        slack.socket.silent = False
        await services.until_heard(3)
    assert sorted(heard(services)[1:]) == [("昔々。", True), ("風。", True)]


async def test_a_new_connection_that_slack_asks_for_misses_nothing(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """So nothing is read."""
    root = story(slack, services)
    await slack.socket.refresh()
    await slack.until(lambda: slack.socket.opened == 2 and len(slack.socket.connections) == 1)
    await slack.deliver(slack.event_of(slack.types("C1", "U2", "雨。", root.ts)))
    await services.until_heard()
    assert slack.called("conversations.replies") == []


async def test_a_model_without_words(slack: SlackServer, services: RecordedServices, day: Day) -> None:
    """Own messages are no lines, whatever they show."""
    root = story(slack, services)
    await was_there(slack, services, day)
    day.pass_minutes(1)
    own = slack.types("C1", BOT_USER, "夜。", root.ts)
    services.lay_out(room_of(root), f"C1:{own.ts}", "夜。", MODEL)
    assert await caught_up(slack, services, day) == []
    assert services.asked("edit") == []
