"""Many threads at once share a workspace's limits: nothing is rejected, and nobody waits long."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event

from adapters.slack import SlackAdapter
from adapters.slack.delivery.render import WRITING_MARK
from bot.aio.rate_limit import NO_TIME_S, RateLimiter
from bot.domain.chat import Message, Room
from bot.domain.errors import RetryLater
from bot.domain.inference import Delta, GenerationRequest
from bot.domain.replies import Reply, ReplyState
from bot.store import Store
from tests.fakes.clock import FakeClock, InstantClock, settle
from tests.fakes.services import FakeReply
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.integration.slack.running_bot import BUTTONS, running_bot
from tests.integration.slack.scripted_engine import SteppedEngine
from tests.servers.slack import SlackServer
from tests.servers.slack_workspace import TEAM

THREADS = 5
WRITES_S = 60.0
CHARACTERS_PER_S = 25 / 3
PIECE_S = 0.6
STORY = "夜が更けた。雨が降り出した。鳥が鳴いた。" * 60
WHO = ("雨", "風", "月", "鳥", "犬", "猫", "船", "霧", "鐘", "花")
DOES = (
    "来た",
    "去った",
    "見えた",
    "消えた",
    "笑った",
    "鳴った",
    "動いた",
    "戻った",
    "光った",
    "止んだ",
    "揺れた",
    "待った",
)
BEGUN_BY = {"chat.postMessage", "chat.startStream"}
SHOWN_BY = {"chat.appendStream", "chat.update", "chat.stopStream"}


async def tell(adapter: SlackAdapter, room: Room, job: str, clock: FakeClock) -> None:
    """Show a reply as the outbox does: the rest and the room's throttle first, the latest draft after."""
    limits, begun, over = adapter.limits, clock.now(), False
    throttle = RateLimiter(limits.changes_per_period, limits.period_s, clock)
    message_id = await adapter.post(room, Reply(ReplyState.WAITING, note="まもなく", job=job), f"{job}:0")
    growing = Reply(ReplyState.WRITING, job=job)
    while not over:
        while (rest_s := await adapter.seconds_until_due(room, message_id, growing)) > NO_TIME_S:
            await clock.sleep(rest_s)
        await throttle.acquire()
        text = STORY[: int((clock.now() - begun) * CHARACTERS_PER_S)]
        over = clock.now() - begun >= WRITES_S
        state = ReplyState.DONE if over else ReplyState.WRITING
        draft = Reply(state, text, job=job, passage=f"{job}.0" if over else "")
        while True:
            try:
                await adapter.edit(room, message_id, draft)
                break
            except RetryLater as error:
                await clock.sleep(error.after_s or 1.0)


def gaps(slack: SlackServer) -> dict[str, float]:
    """The longest time between two changes of each thread, from first sign to whole text, in seconds."""
    times: dict[str, list[float]] = defaultdict(list)
    whole: set[str] = set()
    for call in slack.calls:
        channel, ts = call.arguments.get("channel", ""), call.arguments.get("ts", "")
        if call.method in BEGUN_BY and call.arguments.get("thread_ts"):
            times[call.arguments["thread_ts"]].append(call.at)
        elif call.method in SHOWN_BY and ts not in whole:
            times[slack.workspace.message(channel, ts).thread_ts].append(call.at)
            if call.method == "chat.stopStream":
                whole.add(ts)
    return {ts: max((b - a for a, b in itertools.pairwise(at)), default=0.0) for ts, at in times.items()}


class Writer(SteppedEngine):
    """Everybody's continuation grows at once, by so many characters a second."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Five hundred characters in a minute."""
        self.requests.append(request)
        text = "".join(f"{who}が{does}。" for does in DOES for who in WHO)
        size = round(CHARACTERS_PER_S * PIECE_S)
        for start in range(0, len(text), size):
            await self._clock.sleep(PIECE_S)
            yield Delta(0, text[start : start + size])


class Rest:
    """Waits until all that could go on did, also in the thread of the database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun = 0
        event.listen(store.engine.pool, "checkout", self._note)

    def _note(self, *_: object) -> None:
        self._begun += 1

    async def __call__(self) -> None:
        """Until nobody begins a transaction but ourselves."""
        before = -1
        while self._begun > before:
            await settle()
            before = self._begun + 1
            await self._store.messages.find("slack", "nothing")
            await settle()


@pytest.mark.parametrize("channels", [("C1",) * THREADS, ("C1", "C1", "G1", "D1", "C1")])
async def test_five_threads_and_two_commands(slack: SlackServer, channels: tuple[str, ...]) -> None:
    """Five replies are written for a minute, two commands' replies with them: no 429, a change every 3 s."""
    clock = FakeClock()
    slack.set_clock(clock.now)
    async with running_bot(slack, engine := Writer(clock), clock=clock) as bot:
        clock.rest = Rest(bot.store)
        await bot.services.settings.change(Room("slack", f"{TEAM}/C1/"), f"team/{TEAM}", {"length": "long"})
        for channel in channels:
            await bot.deliver(slack.mention(channel, "U1", "昔々。"))
        await clock.advance(20)
        commands = [slack.command("C1", user, "今は昔。") for user in ("U1", "U2")]
        await asyncio.gather(*(slack.socket.send("slash_commands", command) for command in commands))
        await clock.advance(100)
    replies = [message for message in slack.workspace.by_bot() if message.thread_ts]
    assert {call.answer for call in slack.calls} == {"ok"}
    longest = gaps(slack)
    assert (len(engine.requests), len(replies), len(longest)) == (7, 7, 7)
    assert max(longest.values()) <= 3.0
    assert all(len(reply.story) >= 500 and reply.labels == BUTTONS for reply in replies)


async def test_without_streams_edits_are_shared_fairly(
    slack: SlackServer, services: RecordedServices
) -> None:
    """Fifty edits a minute for five threads: no 429, and each thread gets its part in turn."""
    clock = FakeClock()
    slack.set_clock(clock.now)
    slack.faults.refuse("chat.startStream", "unknown_method")
    async with running(adapter_for(slack, clock=clock), services) as adapter:
        for _ in range(THREADS):
            await slack.deliver(slack.mention("C1", "U1", "昔々。"))
        await services.until_heard(THREADS)
        tellers = [
            asyncio.create_task(tell(adapter, heard.message.room, f"job-{number}", clock))
            for number, heard in enumerate(services.heard)
        ]
        while not all(teller.done() for teller in tellers):
            await clock.advance(5)
        await asyncio.gather(*tellers)
    assert {call.answer for call in slack.calls} == {"ok", "unknown_method"}
    assert max(gaps(slack).values()) <= 7.5


async def test_only_growing_texts_are_paced(slack: SlackServer, services: RecordedServices) -> None:
    """What they wait for people read at once, and a last text is not kept back."""
    clock = InstantClock()
    async with running(adapter_for(slack, clock=clock), services) as adapter:
        root = slack.types("C1", "U1", "昔々。")
        room = Room("slack", f"{TEAM}/C1/{root.ts}")
        reply = FakeReply(adapter, room, "j:0")
        for place in (3, 2, 1):
            await reply.show(Reply(ReplyState.WAITING, note=f"{place}番目", job="j"))
        await reply.show(Reply(ReplyState.WRITING, "夜が", job="j"))
        await reply.show(Reply(ReplyState.DONE, "夜が明けた。", job="j", passage="j.0"))
    assert clock.slept == []
    assert reply.rested_s == [pytest.approx(1.44, abs=0.01)]


async def test_the_first_sign_costs_one_call(slack: SlackServer, services: RecordedServices) -> None:
    """From the mention to the first message nothing is waited for, and one call shows it."""
    clock = FakeClock()
    async with running(adapter_for(slack, clock=clock), services) as adapter:
        await slack.deliver(slack.mention("C1", "U1", "昔々。"))
        message: Message = (await services.until_heard()).message
        before = len(slack.calls)
        await adapter.post(message.room, Reply(ReplyState.WAITING, note="まもなく", job="j"), "j:0")
        assert len(slack.calls) == before + 1
    assert clock.now() == 0.0


@pytest.mark.parametrize("streams", [True, False])
async def test_a_stop_does_not_wait_its_turn(slack: SlackServer, streams: bool) -> None:
    """However many write, whoever stops one sees it stopped at once, with the text as it was."""
    clock = FakeClock()
    slack.set_clock(clock.now)
    if not streams:
        slack.faults.refuse("chat.startStream", "unknown_method", times=50)
    async with running_bot(slack, Writer(clock), clock=clock) as bot:
        clock.rest = Rest(bot.store)
        await bot.services.settings.change(Room("slack", f"{TEAM}/C1/"), f"team/{TEAM}", {"length": "long"})
        for number in range(8):
            await bot.deliver(slack.mention("C1", f"U{number % 3 + 1}", "昔々。"))
        await clock.advance(20)
        for reply in [message for message in slack.workspace.by_bot() if message.thread_ts]:
            before = reply.story.rpartition("\n\n")[2].removesuffix(WRITING_MARK)
            await bot.deliver(slack.people.click(reply, "stop", "U1"))
            await clock.advance(1.5)
            assert len(reply.labels) == len(BUTTONS)
            assert reply.story.startswith(before)


async def test_a_stop_of_the_bot_leaves_no_message_growing(slack: SlackServer) -> None:
    """Eight messages that are edited in turn all say that they were interrupted, with what there was."""
    clock = FakeClock()
    slack.set_clock(clock.now)
    slack.faults.refuse("chat.startStream", "unknown_method", times=50)
    async with running_bot(slack, Writer(clock), clock=clock) as bot:
        clock.rest = Rest(bot.store)
        await bot.services.settings.change(Room("slack", f"{TEAM}/C1/"), f"team/{TEAM}", {"length": "long"})
        for number in range(8):
            await bot.deliver(slack.mention("C1", f"U{number % 3 + 1}", "昔々。"))
        await clock.advance(20)
        clock.rest = settle
        passing = asyncio.create_task(clock.advance(10))
    await asyncio.gather(passing)
    replies = [message for message in slack.workspace.by_bot() if message.thread_ts]
    assert len(replies) == 8
    notes = [reply.shown.rpartition("\n")[2] for reply in replies]
    assert set(notes) == {
        "[少し席を外します。戻ったら、ここから続けます。]",
        "[Back in a moment; the story goes on here.]",
    }
    assert not any(WRITING_MARK in reply.shown for reply in replies)
