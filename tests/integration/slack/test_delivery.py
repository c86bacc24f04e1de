"""Posting and changing messages when Slack is slow, strict or away."""

from __future__ import annotations

import pytest

from adapters.slack import SlackAdapter
from bot.domain.chat import Room
from bot.domain.errors import RetryLater, Undeliverable
from bot.domain.replies import Reply, ReplyState
from tests.fakes.clock import InstantClock
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer
from tests.servers.slack_workspace import TEAM, Posted

DRAFT = Reply(ReplyState.WRITING, "夜が明けた。")
DONE = Reply(ReplyState.DONE, "夜が明けた。鳥が鳴いた。")


@pytest.fixture
def root(slack: SlackServer) -> Posted:
    """A message that stands in a channel."""
    return slack.types("C1", "U1", "昔々。")


@pytest.fixture
def room(root: Posted) -> Room:
    """The room of its thread."""
    return Room("slack", f"{TEAM}/C1/{root.ts}")


@pytest.fixture
def clock() -> InstantClock:
    """A clock that the test moves."""
    return InstantClock()


@pytest.fixture
def still(slack: SlackServer, clock: InstantClock) -> SlackAdapter:
    """An adapter on that clock. Posting needs no connection."""
    return adapter_for(slack, clock=clock)


@pytest.mark.parametrize("fault", ["lose_answer", "done_but_500"])
async def test_a_post_whose_answer_was_lost_is_not_made_twice(
    slack: SlackServer, still: SlackAdapter, room: Room, fault: str
) -> None:
    """Trying the same key again finds the message and brings it up to date."""
    getattr(slack.faults, fault)("chat.postMessage")
    with pytest.raises(RetryLater):
        await still.post(room, DRAFT, "job:0")
    ts = await still.post(room, DONE, "job:0")
    (posted,) = slack.workspace.by_bot()
    assert ts == f"C1:{posted.ts}"
    assert posted.story == DONE.text


async def test_a_post_that_never_arrived_is_made(slack: SlackServer, still: SlackAdapter, room: Room) -> None:
    """A dropped connection leaves it in doubt; the thread says that nothing was posted."""
    slack.faults.reset("chat.postMessage")
    with pytest.raises(RetryLater):
        await still.post(room, DRAFT, "job:0")
    await still.post(room, DRAFT, "job:0")
    assert len(slack.workspace.by_bot()) == 1


async def test_a_post_of_an_earlier_process_is_found(slack: SlackServer, root: Posted, room: Room) -> None:
    """After a restart the same key edits the message that is there, also on a later page of the thread."""
    for number in range(450):
        slack.types("C1", "U1", f"{number}", root.ts)
    before, after = adapter_for(slack), adapter_for(slack)
    ts = await before.post(room, DRAFT, "job:0")
    assert await after.post(room, DONE, "job:0") == ts
    assert [message.story for message in slack.workspace.by_bot()] == [DONE.text]


async def test_a_thread_that_just_began_is_not_searched(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The first sign in a new thread costs one call."""
    await slack.deliver(slack.mention("C1", "U1", "昔々。"))
    heard = await services.until_heard()
    await adapter.post(heard.message.room, DRAFT, "job:0")
    assert slack.called("conversations.replies") == []


async def test_the_same_key_twice_is_one_message(slack: SlackServer, still: SlackAdapter, room: Room) -> None:
    """Whoever lost the id that a post gave gets it again."""
    ts = await still.post(room, DRAFT, "job:0")
    assert await still.post(room, DONE, "job:0") == ts
    assert [message.story for message in slack.workspace.by_bot()] == [DONE.text]


async def test_different_keys_are_different_messages(
    slack: SlackServer, still: SlackAdapter, room: Room
) -> None:
    """Two parts of a long story are two messages."""
    first, second = await still.post(room, DRAFT, "job:0"), await still.post(room, DRAFT, "job:1")
    assert first != second


async def test_a_429_rests_the_method_as_long_as_slack_says(
    slack: SlackServer, still: SlackAdapter, clock: InstantClock, room: Room
) -> None:
    """Retry-After is handed on, and until then no call of the method leaves, from any thread."""
    ts = await still.post(room, DRAFT, "job:0")
    slack.faults.status("chat.update", 429, retry_after="12")
    with pytest.raises(RetryLater) as refused:
        await still.edit(room, ts, DONE)
    assert refused.value.after_s == 12.0
    clock.advance(5)
    with pytest.raises(RetryLater) as resting:
        await still.edit(room, ts, DONE)
    assert resting.value.after_s == 7.0
    assert len(slack.called("chat.update")) == 1
    clock.advance(7)
    await still.edit(room, ts, DONE)
    assert slack.workspace.by_bot()[0].story == DONE.text


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_server_errors_are_for_later(
    slack: SlackServer, still: SlackAdapter, room: Room, status: int
) -> None:
    """A server error asks for another try."""
    ts = await still.post(room, DRAFT, "job:0")
    slack.faults.status("chat.update", status)
    with pytest.raises(RetryLater):
        await still.edit(room, ts, DONE)
    assert len(slack.called("chat.update")) == 1


@pytest.mark.parametrize("code", ["internal_error", "fatal_error", "ratelimited"])
async def test_refusals_that_pass_are_for_later(
    slack: SlackServer, still: SlackAdapter, room: Room, code: str
) -> None:
    """Some answers of `ok: false` only mean that Slack has trouble of its own."""
    ts = await still.post(room, DRAFT, "job:0")
    slack.faults.refuse("chat.update", code)
    with pytest.raises(RetryLater):
        await still.edit(room, ts, DONE)


async def test_nobody_there(still: SlackAdapter, room: Room, slack: SlackServer) -> None:
    """A Slack that cannot be reached at all may be reached later."""
    away = adapter_for(slack, api_url="http://127.0.0.1:9/api/")
    with pytest.raises(RetryLater):
        await away.edit(room, "1.0", DONE)


async def test_what_is_gone_is_undeliverable(
    slack: SlackServer, still: SlackAdapter, room: Room, root: Posted
) -> None:
    """A deleted message, another's message, an archived or left channel: no further try."""
    ts = await still.post(room, DRAFT, "job:0")
    with pytest.raises(Undeliverable, match="cant_update_message"):
        await still.edit(room, root.ts, DONE)
    slack.workspace.delete(slack.workspace.by_bot()[0])
    with pytest.raises(Undeliverable, match="message_not_found"):
        await still.edit(room, ts, DONE)
    slack.workspace.channels["C1"].archived = True
    with pytest.raises(Undeliverable, match="is_archived"):
        await still.post(room, DRAFT, "job:1")
    with pytest.raises(Undeliverable, match="channel_not_found"):
        await still.post(Room("slack", f"{TEAM}/C404/1.0"), DRAFT, "job:2")


async def test_many_updates_stay_within_the_tier(
    slack: SlackServer, still: SlackAdapter, clock: InstantClock, room: Room
) -> None:
    """Sixty updates in a row wait for their turn instead of being rejected."""
    slack.set_clock(clock.now)
    ts = await still.post(room, DRAFT, "job:0")
    for number in range(60):
        await still.edit(room, ts, Reply(ReplyState.WRITING, f"{number}行。"))
    assert {call.answer for call in slack.calls} == {"ok"}
    assert clock.slept


async def test_no_secret_and_no_text_in_the_logs(
    slack: SlackServer, services: RecordedServices, caplog: pytest.LogCaptureFixture
) -> None:
    """At the most talkative setting, neither tokens nor tickets nor people's words are logged."""
    caplog.set_level("DEBUG")
    async with running(adapter_for(slack), services) as adapter:
        await slack.deliver(slack.mention("C1", "U1", "ひみつの言葉。"))
        heard = await services.until_heard()
        slack.faults.status("chat.update", 500)
        ts = await adapter.post(heard.message.room, DRAFT, "job:0")
        with pytest.raises(RetryLater):
            await adapter.edit(heard.message.room, ts, DONE)
        await slack.deliver(slack.command("C2", "U1", "ひみつの言葉。"))
        await slack.until(lambda: slack.responses)
    async with running(adapter_for(slack, mode="http"), services) as adapter:
        event = slack.mention("C1", "U1", "ひみつの言葉。")
        await slack.sender(adapter.port).event(event, signature="v0=0")
    logged = "\n".join(record.getMessage() for record in caplog.records)
    for secret in ("secret-token", "signing-secret", "ticket=", "/respond/", "ひみつ", DRAFT.text):
        assert secret not in logged
