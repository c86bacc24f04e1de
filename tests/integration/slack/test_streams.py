"""Native streams: where they work, what they cannot show, and what happens when they end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack import SlackAdapter
from adapters.slack.payloads.text import escape_markdown
from bot.domain.chat import Room
from bot.domain.errors import RetryLater
from bot.domain.replies import Candidate, Reply, ReplyState
from tests.fakes.clock import InstantClock
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer
from tests.servers.slack_faults import Fault, Kind
from tests.servers.slack_workspace import Posted

STARTING = Reply(ReplyState.WAITING, note="まもなく", job="job-1")
DONE = Reply(ReplyState.DONE, "夜が更けた。雨が降った。", job="job-1", passage="job-1.0")


def writing(text: str, **more: object) -> Reply:
    """A draft that is being written."""
    return Reply(ReplyState.WRITING, text, job="job-1", **more)  # type: ignore[arg-type]


@pytest.fixture
def clock() -> InstantClock:
    """A clock that the test moves."""
    return InstantClock()


@pytest.fixture
async def still(
    slack: SlackServer, services: RecordedServices, clock: InstantClock
) -> AsyncIterator[SlackAdapter]:
    """A connected adapter on that clock; so is Slack."""
    slack.set_clock(clock.now)
    async with running(adapter_for(slack, clock=clock), services) as adapter:
        yield adapter


@pytest.fixture
async def room(slack: SlackServer, services: RecordedServices, still: SlackAdapter) -> Room:
    """A thread in which somebody asked just now."""
    await slack.deliver(slack.mention("C1", "U1", "昔々。"))
    return (await services.until_heard()).message.room


@pytest.fixture
def root_elsewhere(slack: SlackServer) -> Room:
    """A thread in which nobody asked this process for anything."""
    root = slack.types("C1", "U1", "今は昔。")
    return Room("slack", f"{slack.workspace.team}/C1/{root.ts}")


def reply(slack: SlackServer) -> Posted:
    """The only message of ours."""
    (message,) = slack.workspace.by_bot()
    return message


async def test_a_reply_grows_and_ends_as_an_ordinary_message(
    slack: SlackServer, still: SlackAdapter, room: Room
) -> None:
    """The message grows for who asked, with a button to stop; its last text is literal, with all buttons."""
    message_id = await still.post(room, STARTING, "job-1:0")
    message = reply(slack)
    assert message.streamed
    assert message.arguments["recipient_user_id"] == "U1"
    assert message.arguments["recipient_team_id"] == room.id.partition("/")[0]
    assert message.labels == ["slack.button.stop/ja"]
    await still.edit(room, message_id, writing("夜が"))
    await still.edit(room, message_id, writing("夜が更けた。"))
    assert message.streamed_text == "まもなく\n\n夜が更けた。"
    assert slack.called("chat.update") == []
    await still.edit(room, message_id, DONE)
    assert message.story == DONE.text
    assert message.shown == DONE.text
    assert len(message.labels) == 5
    assert not slack.methods.streams.is_open(message)
    assert len(slack.called("chat.stopStream")) == 1
    assert {call.answer for call in slack.calls} == {"ok"}


@pytest.mark.parametrize(
    "code", ["unknown_method", "feature_not_enabled", "invalid_chunks", "not_allowed_token_type"]
)
async def test_a_workspace_without_streams(
    slack: SlackServer, still: SlackAdapter, room: Room, code: str
) -> None:
    """The first refusal is enough: that message and all after it are posted and edited."""
    slack.faults.refuse("chat.startStream", code)
    for number in (1, 2):
        message_id = await still.post(room, STARTING, f"job-{number}:0")
        await still.edit(room, message_id, writing("夜が"))
        await still.edit(room, message_id, DONE)
    assert [message.streamed for message in slack.workspace.by_bot()] == [False, False]
    assert [message.story for message in slack.workspace.by_bot()] == [DONE.text] * 2
    assert len(slack.called("chat.startStream")) == 1


async def test_no_stream_just_now(slack: SlackServer, still: SlackAdapter, room: Room) -> None:
    """A limit on beginning streams keeps nobody waiting: that message is posted."""
    slack.faults.status("chat.startStream", 429, retry_after="1")
    await still.post(room, STARTING, "job-1:0")
    assert not reply(slack).streamed


async def test_nobody_known_to_stream_for(slack: SlackServer) -> None:
    """Where no caller is known, as after a restart, the message is posted."""
    root = slack.types("C1", "U1", "昔々。")
    await adapter_for(slack).post(Room("slack", f"{slack.workspace.team}/C1/{root.ts}"), STARTING, "job-1:0")
    assert not reply(slack).streamed


@pytest.mark.parametrize(
    "draft",
    [
        writing("雨が"),
        writing("夜が更けた。", note="語り手が起きるのを待っています"),
        writing("夜が更けた。", other_candidates=(Candidate("", "朝が"),)),
        Reply(ReplyState.WAITING, note="順番を待っています", job="job-1"),
    ],
)
async def test_what_a_stream_cannot_show_is_edited(
    slack: SlackServer, still: SlackAdapter, room: Room, draft: Reply
) -> None:
    """Another beginning, a note, candidates, waiting again: the same message goes on by edits."""
    message_id = await still.post(room, STARTING, "job-1:0")
    await still.edit(room, message_id, writing("夜が"))
    await still.edit(room, message_id, draft)
    message = reply(slack)
    assert not slack.methods.streams.is_open(message)
    assert (draft.text or draft.note) in message.shown
    await still.edit(room, message_id, DONE)
    assert reply(slack).story == DONE.text


async def test_a_stream_is_ended_before_slack_ends_it(
    slack: SlackServer, still: SlackAdapter, room: Room, clock: InstantClock
) -> None:
    """Before four minutes have passed, edits of the same message take over."""
    message_id = await still.post(room, STARTING, "job-1:0")
    await still.edit(room, message_id, writing("夜が"))
    clock.advance(235)
    await still.edit(room, message_id, writing("夜が更けた。"))
    message = reply(slack)
    assert not slack.methods.streams.is_open(message)
    assert message.story.startswith("夜が更けた。")
    await still.edit(room, message_id, DONE)
    assert message.story == DONE.text
    assert {call.answer for call in slack.calls} == {"ok"}


async def test_a_stream_that_slack_ended(
    slack: SlackServer, still: SlackAdapter, room: Room, clock: InstantClock
) -> None:
    """The refusal is noticed, and the same message is edited to the end."""
    message_id = await still.post(room, STARTING, "job-1:0")
    message = reply(slack)
    message.streaming_since = clock.now() - 301
    await still.edit(room, message_id, writing("夜が"))
    assert slack.called("chat.appendStream")[-1].answer == "message_not_in_streaming_state"
    await still.edit(room, message_id, DONE)
    assert reply(slack).story == DONE.text


@pytest.mark.parametrize("fault", ["lose_answer", "done_but_500"])
async def test_a_stream_whose_first_answer_was_lost(
    slack: SlackServer, still: SlackAdapter, room: Room, fault: str
) -> None:
    """The message is found by its button and finished; there is no second one."""
    getattr(slack.faults, fault)("chat.startStream")
    with pytest.raises(RetryLater):
        await still.post(room, STARTING, "job-1:0")
    message_id = await still.post(room, writing("夜が"), "job-1:0")
    await still.edit(room, message_id, DONE)
    assert reply(slack).story == DONE.text
    assert message_id == f"C1:{reply(slack).ts}"


async def test_a_stream_that_comes_late(slack: SlackServer, still: SlackAdapter, room: Room) -> None:
    """It is not there when it is looked for, and appears beside the second try: it is taken away."""
    slack.faults.come_late("chat.startStream")
    with pytest.raises(RetryLater):
        await still.post(room, STARTING, "job-1:0")
    message_id = await still.post(room, writing("夜が"), "job-1:0")
    slack.do_what_is_late()
    assert len(slack.workspace.by_bot()) == 2
    await still.edit(room, message_id, DONE)
    assert reply(slack).story == DONE.text
    assert message_id == f"C1:{reply(slack).ts}"


async def test_a_stream_of_which_slack_names_nothing(
    slack: SlackServer, still: SlackAdapter, room: Room
) -> None:
    """It is looked for like one whose answer was lost."""
    slack.methods.streams.nameless = True
    with pytest.raises(RetryLater):
        await still.post(room, STARTING, "job-1:0")
    message_id = await still.post(room, writing("夜が"), "job-1:0")
    await still.edit(room, message_id, DONE)
    assert reply(slack).story == DONE.text


@pytest.mark.parametrize("status", [408, 499])
async def test_a_stream_that_something_in_between_did_not_wait_for(
    slack: SlackServer, still: SlackAdapter, room: Room, status: int
) -> None:
    """Such an answer does not say that nothing was done."""
    slack.faults.add("chat.startStream", Fault(Kind.DONE_500, status))
    with pytest.raises(RetryLater):
        await still.post(room, STARTING, "job-1:0")
    await still.post(room, writing("夜が"), "job-1:0")
    assert len(slack.workspace.by_bot()) == 1


async def test_a_stream_of_a_process_that_died_before_it_knew(
    slack: SlackServer, still: SlackAdapter, room: Room
) -> None:
    """The next process finds what the last one began, ends the stream and goes on in the same message."""
    await still.post(room, STARTING, "job-1:0")
    message = reply(slack)
    after = adapter_for(slack)
    assert await after.post(room, writing("夜が"), "job-1:0") == f"C1:{message.ts}"
    assert not slack.methods.streams.is_open(message)
    assert reply(slack).story.startswith("夜が")


async def test_a_dead_processs_stream_in_a_thread_that_cannot_be_read_now(
    slack: SlackServer, still: SlackAdapter, room: Room
) -> None:
    """People do not wait for a limit; when the reply is over, the stream that was left open is taken away."""
    await still.post(room, STARTING, "job-1:0")
    left_open = reply(slack)
    clock = InstantClock()
    after = adapter_for(slack, clock=clock)
    slack.faults.status("conversations.replies", 429, retry_after="60")
    message_id = await after.post(room, writing("夜が"), "job-1:0")
    await after.edit(room, message_id, DONE)
    assert left_open in slack.workspace.by_bot()
    clock.advance(61)
    await after.edit(room, message_id, replace(DONE, interactive=False))
    assert [message.story for message in slack.workspace.by_bot()] == [DONE.text]


async def test_a_first_sign_does_not_wait_until_threads_may_be_read_again(
    slack: SlackServer, clock: InstantClock, root_elsewhere: Room
) -> None:
    """An app that reads once a minute and just did: what a dead process left is taken away later."""
    before, after = adapter_for(slack, clock=clock), adapter_for(slack, clock=clock)
    await before.post(root_elsewhere, STARTING, "job-1:0")
    slack.methods.most_at_once = 1
    await after.post(root_elsewhere, STARTING, "job-2:0")
    asked, slept = len(slack.called("conversations.replies")), len(clock.slept)
    message_id = await after.post(root_elsewhere, writing("夜が"), "job-1:0")
    await after.edit(root_elsewhere, message_id, DONE)
    assert (len(slack.called("conversations.replies")), len(clock.slept)) == (asked, slept)
    clock.advance(61)
    slack.methods.most_at_once = 1_000
    await after.edit(root_elsewhere, message_id, replace(DONE, interactive=False))
    assert [message.story for message in slack.workspace.by_bot() if message.story] == [DONE.text]


async def test_a_stop_whose_answer_was_lost(slack: SlackServer, still: SlackAdapter, room: Room) -> None:
    """The stream has ended, and the message shows the last text."""
    message_id = await still.post(room, STARTING, "job-1:0")
    slack.faults.lose_answer("chat.stopStream")
    await still.edit(room, message_id, DONE)
    assert reply(slack).story == DONE.text
    assert not slack.methods.streams.is_open(reply(slack))


async def test_a_stream_that_ends_between_two_calls(
    slack: SlackServer, still: SlackAdapter, room: Room
) -> None:
    """An edit is refused since it is open, and the stop since it is not: the edit is made once more."""
    message_id = await still.post(room, STARTING, "job-1:0")
    await still.edit(room, message_id, writing("雨が", note="待つ"))
    slack.faults.refuse("chat.update", "streaming_state_conflict")
    await still.edit(room, message_id, DONE)
    assert slack.called("chat.stopStream")[-1].answer == "message_not_in_streaming_state"
    assert reply(slack).story == DONE.text


async def test_an_append_whose_answer_was_lost(slack: SlackServer, still: SlackAdapter, room: Room) -> None:
    """Nothing is written twice: an edit shows what is right."""
    message_id = await still.post(room, STARTING, "job-1:0")
    slack.faults.lose_answer("chat.appendStream")
    await still.edit(room, message_id, writing("夜が"))
    assert reply(slack).story.startswith("夜が")
    await still.edit(room, message_id, writing("夜が更けた。"))
    assert reply(slack).story.count("夜が") == 1


async def test_a_429_rests_appending(slack: SlackServer, still: SlackAdapter, room: Room) -> None:
    """Retry-After is handed on, and the stream goes on after it."""
    message_id = await still.post(room, STARTING, "job-1:0")
    slack.faults.status("chat.appendStream", 429, retry_after="7")
    with pytest.raises(RetryLater) as refused:
        await still.edit(room, message_id, writing("夜が"))
    assert refused.value.after_s == 7.0
    message = reply(slack)
    assert slack.methods.streams.is_open(message)


async def test_a_stream_of_an_earlier_process(
    slack: SlackServer, still: SlackAdapter, room: Room, services: RecordedServices
) -> None:
    """A process that was killed left it open: the next one ends it and edits the same message."""
    message_id = await still.post(room, STARTING, "job-1:0")
    message = reply(slack)
    after = adapter_for(slack)
    await after.edit(room, message_id, DONE)
    assert message.story == DONE.text
    assert not slack.methods.streams.is_open(message)


async def test_leaving_ends_streams(slack: SlackServer, services: RecordedServices) -> None:
    """After a stop nothing is left open: what was written stays readable."""
    async with running(adapter_for(slack), services) as adapter:
        await slack.deliver(slack.mention("C1", "U1", "昔々。"))
        room = (await services.until_heard()).message.room
        message_id = await adapter.post(room, STARTING, "job-1:0")
        await adapter.edit(room, message_id, writing("夜が更けた。"))
        assert slack.methods.streams.is_open(reply(slack))
    assert not slack.methods.streams.is_open(reply(slack))
    assert reply(slack).text.endswith("夜が更けた。")


@given(text=st.text("/:<>@#!*_`[]|a ", max_size=12), cuts=st.sets(st.integers(1, 11)))
def test_pieces_come_to_what_the_whole_does(text: str, cuts: set[int]) -> None:
    """However a text is cut, no link and no markup comes together in the stream."""
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [
        escape_markdown(text[:end])[len(escape_markdown(text[:start])) :] for start, end in pairwise(edges)
    ]
    assert "".join(pieces) == escape_markdown(text)
    assert "//" not in escape_markdown(text)


async def test_a_link_in_two_pieces_is_none(slack: SlackServer, still: SlackAdapter, room: Room) -> None:
    """The second one begins where the first broke off."""
    message_id = await still.post(room, writing("昔https:/"), "job-1:0")
    await still.edit(room, message_id, writing("昔https://evil.example"))
    assert "evil.example" in reply(slack).text
    assert "://" not in reply(slack).text


async def test_no_ping_and_no_link_in_a_stream(slack: SlackServer, still: SlackAdapter, room: Room) -> None:
    """What the model writes neither pings, formats nor links, while it grows and at the end."""
    evil = "<!channel> <@U1> <!subteam^S1> @here *太字* https://evil.example/ `x` [a](b)"
    message_id = await still.post(room, writing("昔"), "job-1:0")
    await still.edit(room, message_id, writing("昔" + evil))
    message = reply(slack)
    assert slack.workspace.pings == []
    assert "://" not in message.text
    assert "\\*太字\\*" in message.text
    await still.edit(room, message_id, Reply(ReplyState.DONE, "昔" + evil, job="job-1", passage="p"))
    assert slack.workspace.pings == []
    assert message.story == "昔" + evil
