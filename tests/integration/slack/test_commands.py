"""`/continue`."""

from __future__ import annotations

import pytest

from adapters.slack import SlackAdapter
from bot.domain.chat import Message, Room
from bot.domain.errors import TooManyWaiting
from bot.domain.jobs import GenerationOptions, JobReceipt, Length
from tests.fakes.clock import InstantClock
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer
from tests.servers.slack_workspace import TEAM, Channel

FIRST_LINE = "それは九月初旬のある蒸し暑い晩のことであった。"


async def test_the_text_begins_a_story_in_the_channel(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The person's text is posted in the channel with their name, and its thread is the story's room."""
    await slack.deliver(slack.command("C1", "U1", FIRST_LINE))
    heard = await services.until_heard()
    (root,) = slack.workspace.by_bot()
    assert root.story == FIRST_LINE
    assert root.shown == f"{FIRST_LINE}\n[slack.by/ja name=花子]"
    assert root.thread_ts == ""
    assert heard.message.room == Room("slack", f"{TEAM}/C1/{root.ts}")
    assert heard.message.event_id == f"C1:{root.ts}"
    assert heard.message.text == FIRST_LINE
    assert heard.message.author.name == "花子"


async def test_it_is_acknowledged_before_anything_is_done(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The acknowledgement comes while Slack still keeps the first call waiting."""
    slack.hold("users.info")
    await slack.deliver(slack.command("C1", "U1", FIRST_LINE))
    assert services.heard == []
    slack.let_go()
    await services.until_heard()


async def test_options_at_the_end(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Length, preset and candidates are taken from the end of the text; a phone's dash will do."""
    await slack.deliver(
        slack.command("C1", "U1", "昔々、--length の村に。 --length long —preset 冒険 --candidates 3")
    )
    heard = await services.until_heard()
    assert heard.message.text == "昔々、--length の村に。"
    assert heard.ask == GenerationOptions(Length.LONG, "bold", 3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "slack.help/ja command=/continue"),
        ("   ", "slack.help/ja command=/continue"),
        ("昔々。 --length huge", "error.unknown_length/ja known=短め、ふつう、長め、20–1000 name=huge"),
        ("昔々。 --preset 無謀", "error.unknown_preset/ja"),
    ],
)
async def test_what_is_wrong_is_told_to_the_person_only(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, text: str, sentence: str
) -> None:
    """Nothing is posted in the channel; the person reads what to do."""
    await slack.deliver(slack.command("C1", "U1", text))
    response = await slack.until(lambda: slack.responses and slack.responses[0])
    assert response["response_type"] == "ephemeral"
    assert response["text"].startswith(sentence)
    assert slack.workspace.by_bot() == []
    assert services.heard == []


@pytest.mark.parametrize(
    ("channel", "sentence"), [("C2", "slack.invite"), ("G9", "slack.invite"), ("C8", "slack.closed")]
)
async def test_where_the_bot_may_not_write(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, channel: str, sentence: str
) -> None:
    """Where the bot is no member the person is asked, in their language, to invite it first."""
    slack.workspace.channels["G9"] = Channel("G9", "private", "group", has_bot=False)
    slack.workspace.channels["C8"] = Channel("C8", "old", archived=True)
    await slack.deliver(slack.command(channel, "U3", "It was a dark night."))
    response = await slack.until(lambda: slack.responses and slack.responses[0])
    assert response["text"] == f"{sentence}/en command=/continue"
    assert services.heard == []


async def test_a_refused_story_is_told_in_its_thread(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The text is in the channel already, so what the play says stands below it."""
    services.refuse(TooManyWaiting(limit=5))
    await slack.deliver(slack.command("C1", "U1", FIRST_LINE))
    told = await slack.until_posted(2)
    assert told.thread_ts == slack.workspace.by_bot()[0].ts
    assert told.shown == "error.too_many_waiting/ja limit=5"


async def test_the_japanese_name_of_the_command(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """A workspace may call it 続き."""
    await slack.deliver(slack.command("C1", "U1", FIRST_LINE, "/続き"))
    assert (await services.until_heard()).message.text == FIRST_LINE


async def test_a_story_is_begun_once_though_the_answer_is_lost(
    slack: SlackServer, services: RecordedServices
) -> None:
    """The channel is searched for the post before it is posted again."""
    slack.faults.lose_answer("chat.postMessage")
    clock = InstantClock()
    async with running(adapter_for(slack, clock=clock), services):
        await slack.deliver(slack.command("C1", "U1", FIRST_LINE))
        heard = await services.until_heard()
    (root,) = slack.workspace.by_bot()
    assert heard.message.room.id == f"{TEAM}/C1/{root.ts}"
    assert clock.slept == [1.0]


async def test_a_workspace_that_is_hard_to_reach(slack: SlackServer, services: RecordedServices) -> None:
    """After some tries the person is told to come back later."""
    slack.faults.status("chat.postMessage", 429, times=10, retry_after="7")
    clock = InstantClock()
    async with running(adapter_for(slack, clock=clock), services):
        await slack.deliver(slack.command("C1", "U1", FIRST_LINE))
        response = await slack.until(lambda: slack.responses and slack.responses[0])
    assert response["text"] == "slack.later/ja"
    assert clock.slept == [7.0, 7.0, 7.0]


async def test_a_beginning_that_comes_late_is_taken_away(slack: SlackServer) -> None:
    """It was not there when it was looked for, and appears beside the second try."""

    class Late(RecordedServices):
        async def receive_message(self, message: Message, ask: GenerationOptions | None) -> JobReceipt | None:
            slack.do_what_is_late()
            return await super().receive_message(message, ask)

    services = Late()
    async with running(adapter_for(slack, clock=InstantClock()), services):
        slack.faults.come_late("chat.postMessage")
        await slack.deliver(slack.command("C1", "U1", FIRST_LINE))
        await slack.until(lambda: slack.called("chat.delete"))
    (root,) = slack.workspace.by_bot()
    assert services.heard[0].message.event_id == f"C1:{root.ts}"
