"""Many threads at once share a workspace's limits: nothing is rejected, and nobody waits long."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict

import pytest

from adapters.slack import SlackAdapter
from bot.errors import RetryLater
from bot.messages import Draft, DraftState, Message, Room
from bot.throttle import RoomThrottle
from tests.fakes.clock import FakeClock, settle
from tests.loopback.slack import Call, SlackServer
from tests.slack.desk import Desk
from tests.slack.running import adapter_for, running

THREADS = 5
WRITES_S = 60.0
CHARACTERS_PER_S = 12.0
STORY = "夜が更けた。雨が降り出した。鳥が鳴いた。" * 60
SHOWN_BY = {"chat.appendStream", "chat.update", "chat.stopStream"}


async def tell(adapter: SlackAdapter, room: Room, job: str, clock: FakeClock) -> None:
    """Show a reply as the outbox does: the room's throttle first, the latest draft after."""
    limits, begun, over = adapter.limits, clock.now(), False
    throttle = RoomThrottle(limits.changes_per_period, limits.period_s, clock)
    message_id = await adapter.post(room, Draft(DraftState.WAITING, note="まもなく", job=job), f"{job}:0")
    while not over:
        await throttle.acquire()
        text = STORY[: int((clock.now() - begun) * CHARACTERS_PER_S)]
        over = clock.now() - begun >= WRITES_S
        state = DraftState.DONE if over else DraftState.WRITING
        draft = Draft(state, text, job=job, passage=f"{job}.0" if over else "")
        while True:
            try:
                await adapter.edit(room, message_id, draft)
                break
            except RetryLater as error:
                await clock.sleep(error.after_s or 1.0)


def gaps(calls: list[Call]) -> dict[str, float]:
    """The longest time between two changes of each message until its text is whole, in seconds."""
    times: dict[str, list[float]] = defaultdict(list)
    whole: set[str] = set()
    for call in calls:
        ts = call.arguments.get("ts", "")
        if call.method in SHOWN_BY and ts not in whole:
            times[ts].append(call.at)
            if call.method == "chat.stopStream":
                whole.add(ts)
    return {ts: max((b - a for a, b in itertools.pairwise(at)), default=0.0) for ts, at in times.items()}


@pytest.mark.parametrize("channels", [("C1",) * THREADS, ("C1", "C1", "G1", "D1", "C1")])
async def test_five_threads_and_two_commands(
    slack: SlackServer, play: Desk, channels: tuple[str, ...]
) -> None:
    """Five replies are written for a minute, two commands come in between: no 429, a change every 3 s."""
    clock = FakeClock()
    slack.set_clock(clock.now)
    async with running(adapter_for(slack, clock=clock), play) as adapter:
        for channel in channels:
            mention = slack.mention(channel, "U1", "昔々。")
            await slack.deliver(mention)
        await play.until_heard(THREADS)
        rooms = [heard.message.room for heard in play.heard]
        tellers = [
            asyncio.create_task(tell(adapter, room, f"job-{number}", clock))
            for number, room in enumerate(rooms)
        ]
        await clock.advance(20)
        for text in ("今は昔。", "むかし、男ありけり。"):
            await slack.socket.send("slash_commands", slack.command("C1", "U2", text))
        await settle()
        await clock.advance(WRITES_S - 15)
        while not all(teller.done() for teller in tellers):
            await clock.advance(5)
        await asyncio.gather(*tellers)
        await play.until_heard(THREADS + 2)
    assert {call.answer for call in slack.calls} == {"ok"}
    longest = gaps(slack.calls)
    assert len(longest) == THREADS
    assert max(longest.values()) <= 3.0
    ended = [message for message in slack.workspace.by_bot() if message.buttons]
    assert len(ended) == THREADS
    assert all(message.story.startswith("夜が更けた。") and len(message.labels) == 5 for message in ended)


async def test_without_streams_edits_are_shared_fairly(slack: SlackServer, play: Desk) -> None:
    """Fifty edits a minute for five threads: no 429, and each thread gets its part in turn."""
    clock = FakeClock()
    slack.set_clock(clock.now)
    slack.faults.refuse("chat.startStream", "unknown_method")
    async with running(adapter_for(slack, clock=clock), play) as adapter:
        for _ in range(THREADS):
            await slack.deliver(slack.mention("C1", "U1", "昔々。"))
        await play.until_heard(THREADS)
        tellers = [
            asyncio.create_task(tell(adapter, heard.message.room, f"job-{number}", clock))
            for number, heard in enumerate(play.heard)
        ]
        while not all(teller.done() for teller in tellers):
            await clock.advance(5)
        await asyncio.gather(*tellers)
    assert {call.answer for call in slack.calls} == {"ok", "unknown_method"}
    assert max(gaps(slack.calls).values()) <= 7.5


async def test_the_first_sign_costs_one_call(slack: SlackServer, play: Desk) -> None:
    """From the mention to the first message nothing is waited for, and one call shows it."""
    clock = FakeClock()
    async with running(adapter_for(slack, clock=clock), play) as adapter:
        await slack.deliver(slack.mention("C1", "U1", "昔々。"))
        message: Message = (await play.until_heard()).message
        before = len(slack.calls)
        await adapter.post(message.room, Draft(DraftState.WAITING, note="まもなく", job="j"), "j:0")
        assert len(slack.calls) == before + 1
    assert clock.now() == 0.0
