"""The smaller parts: names kept for a while, the budget, work in flight."""

from __future__ import annotations

import asyncio

import pytest

from adapters.slack import SlackAdapter
from adapters.slack.connection.bolt_app import web_client
from adapters.slack.delivery.posts import IdempotentPosts
from adapters.slack.delivery.render import render_reply
from adapters.slack.listeners.registration import InFlight
from adapters.slack.payloads.events import SlackThread
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.rate_limits import CALLS_A_MINUTE, MINUTE_S, POSTS_PER_CHANNEL, MethodRateLimits
from adapters.slack.web_api.users import CACHED_S, UserDirectory
from bot.core.permissions import UNKNOWN_ROLES
from bot.domain.chat import Author
from bot.domain.errors import RetryLater
from bot.domain.replies import Reply, ReplyState
from tests.fakes.clock import InstantClock
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import BOT_TOKEN, SlackServer
from tests.servers.slack_workspace import TEAM


@pytest.fixture
def clock() -> InstantClock:
    """A clock that the test moves."""
    return InstantClock()


@pytest.fixture
def api(slack: SlackServer, clock: InstantClock) -> WebApi:
    """The calls of the adapter, alone."""
    return WebApi(web_client(BOT_TOKEN, slack.api_url), MethodRateLimits(clock))


async def test_a_name_is_asked_for_again_after_a_while(
    slack: SlackServer, api: WebApi, clock: InstantClock
) -> None:
    """A new display name shows within the hour; while Slack does not answer the old one stays."""
    people = UserDirectory(api, clock)
    assert (await people.author("U1")).name == "花子"
    slack.workspace.people["U1"].display_name = "花代"
    assert (await people.author("U1")).name == "花子"
    clock.advance(CACHED_S)
    slack.faults.status("users.info", 500)
    assert (await people.author("U1")).name == "花子"
    assert (await people.author("U1")).name == "花代"


async def test_a_person_without_a_display_name(slack: SlackServer, api: WebApi, clock: InstantClock) -> None:
    """The real name stands in; for somebody Slack does not know, the name that came along, or the id."""
    slack.workspace.people["U1"].display_name = " "
    people = UserDirectory(api, clock)
    assert (await people.author("U1")).name == "hanako"
    assert await people.author("U404", "ghost") == Author("slack", "U404", "ghost")
    assert (await people.author("U404")).roles == (UNKNOWN_ROLES,)
    assert (await people.author("U404")).name == "U404"


async def test_each_channel_has_its_own_budget_for_posts(clock: InstantClock) -> None:
    """A busy channel does not slow another, but all channels share one budget of updates."""
    budget = MethodRateLimits(clock)
    calls, period_s = POSTS_PER_CHANNEL
    for _ in range(calls):
        await budget.acquire("chat.postMessage", "C1")
    await budget.acquire("chat.postMessage", "C2")
    assert clock.slept == []
    await budget.acquire("chat.postMessage", "C1")
    assert clock.slept == [period_s]
    before = clock.now()
    for number in range(CALLS_A_MINUTE["chat.update"] + 1):
        await budget.acquire("chat.update", f"C{number}")
    assert clock.now() - before == pytest.approx(MINUTE_S)


async def test_a_resting_method_leaves_the_others_alone(clock: InstantClock) -> None:
    """A 429 concerns one method."""
    budget = MethodRateLimits(clock)
    budget.block("chat.update", 30.0)
    await budget.acquire("chat.postMessage", "C1")
    with pytest.raises(RetryLater) as resting:
        await budget.acquire("chat.update")
    assert resting.value.after_s == 30.0


async def test_draining_waits_for_the_last() -> None:
    """It is true at once when nothing runs, and false when something does not end in time."""
    inflight, go_on = InFlight(), asyncio.Event()
    assert await inflight.drained(0)

    async def work() -> None:
        async with inflight:
            await go_on.wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    assert not await inflight.drained(0)
    go_on.set()
    assert await inflight.drained(5)
    await task


async def test_a_thread_that_may_not_be_read(slack: SlackServer, api: WebApi) -> None:
    """A post goes out though the thread cannot be read for long; in doubt rather twice than never."""
    root = slack.types("C1", "U1", "昔々。")
    place, draft = SlackThread(TEAM, "C1", root.ts), render_reply(Reply(ReplyState.DONE, "夜。"))
    postings = IdempotentPosts(api)
    slack.faults.status("conversations.replies", 503)
    with pytest.raises(RetryLater):
        await postings.post(place, draft, "a")
    await postings.post(place, draft, "a")
    slack.faults.refuse("conversations.replies", "missing_scope")
    await postings.post(place, draft, "b")
    slack.faults.lose_answer("chat.postMessage")
    with pytest.raises(RetryLater):
        await postings.post(place, draft, "c")
    slack.faults.refuse("conversations.replies", "missing_scope")
    await postings.post(place, draft, "c")
    slack.faults.status("conversations.replies", 429, retry_after="60")
    await postings.post(place, draft, "d")
    assert len(slack.workspace.by_bot()) == 5


@pytest.mark.parametrize(
    ("read_as", "told"),
    [
        ("", "slack.unknown/ja characters=鱻 麤 read_as="),
        ("〓〓。", "slack.unknown_as/ja characters=鱻 麤 read_as=〓〓。"),
    ],
)
async def test_what_the_model_cannot_see_is_told_to_the_writer(
    slack: SlackServer, read_as: str, told: str
) -> None:
    """Only the writer reads it, once, in the thread, with what is read instead."""
    async with running(adapter_for(slack), RecordedServices(unknown=("鱻", "麤"), read_as=read_as)):
        event = slack.mention("C1", "U1", "鱻麤。")
        await slack.deliver(event)
        await slack.until(lambda: slack.methods.ephemeral)
        await slack.deliver(event, retry=1)
        await slack.deliver(slack.command("C1", "U1", "鱻。"))
        await slack.until(lambda: len(slack.methods.ephemeral) == 2)
    first, second = slack.methods.ephemeral
    assert first["user"] == "U1"
    assert first["thread_ts"] == event["event"]["ts"]
    assert first["text"] == told
    assert second["thread_ts"] == slack.workspace.by_bot()[0].ts


async def test_what_the_model_may_not_write_is_told_to_the_writer(slack: SlackServer) -> None:
    """With the languages that it would have to be allowed."""
    services = RecordedServices(unwritable=("한",), languages_needed=("ko",))
    async with running(adapter_for(slack), services):
        await slack.deliver(slack.mention("C1", "U1", "한국。"))
        await slack.until(lambda: slack.methods.ephemeral)
    [told] = slack.methods.ephemeral
    assert (told["user"], told["text"]) == ("U1", "languages.unwritable/ja characters=한 languages=ko")


async def test_it_is_a_platform(slack: SlackServer, adapter: SlackAdapter) -> None:
    """The outbox finds its name, measure and limits: a full text of the limit can be shown by an update."""
    assert adapter.name == "slack"
    assert adapter.measure("あ&") == 8
    root = slack.types("C1", "U1", "昔々。")
    place = SlackThread(TEAM, "C1", root.ts)
    text = "あ" * (adapter.limits.max_units // 3)
    ts = await adapter.post(place.room, Reply(ReplyState.WRITING, text, "執" * 200), "job:0")
    await adapter.edit(place.room, ts, Reply(ReplyState.DONE, text))
    assert slack.workspace.by_bot()[0].story == text
