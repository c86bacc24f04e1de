"""What people say to the bot becomes what the play hears."""

from __future__ import annotations

import pytest

from adapters.slack import SlackAdapter
from bot.domain.chat import Author, Room
from bot.domain.errors import QueueFull
from bot.domain.jobs import GenerationOptions
from tests.fakes.services import FakeReply
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer
from tests.servers.slack_workspace import BOT_USER, TEAM

FIRST_LINE = "それは九月初旬のある蒸し暑い晩のことであった。"


async def test_a_mention_begins_a_story_in_its_thread(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The text without the mention is heard, in the room of the mention's own thread, by its writer."""
    event = slack.mention("C1", "U1", FIRST_LINE)
    await slack.deliver(event)
    heard = await services.until_heard()
    ts = event["event"]["ts"]
    assert heard.message.text == FIRST_LINE
    assert heard.message.room == Room("slack", f"{TEAM}/C1/{ts}")
    assert heard.message.event_id == f"C1:{ts}"
    assert heard.message.author == Author("slack", "U1", "花子", "ja")
    assert heard.ask == GenerationOptions()


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("静かに", "slack.word_elsewhere"),
        ("stop", "slack.word_elsewhere"),
        ("聞いて。", "slack.word_elsewhere"),
        ("書き出し", "slack.word_elsewhere"),
        ("設定", "slack.settings_where"),
        ("使い方", "slack.help"),
        ("続き", "slack.help"),
    ],
)
async def test_a_word_without_a_story_begins_none(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, word: str, sentence: str
) -> None:
    """In a channel, in a direct message and behind the command: its writer is told where it belongs."""
    await slack.deliver(slack.mention("C1", "U1", word))
    await slack.deliver(slack.event_of(slack.types("D1", "U1", word)))
    await slack.until_posted(2)
    assert [told.shown for told in slack.workspace.by_bot()] == [f"{sentence}/ja command=/continue"] * 2
    if word != "設定":
        await slack.deliver(slack.command("C1", "U1", word))
        told = await slack.until(lambda: slack.responses and slack.responses[0])
        assert told["text"] == f"{sentence}/ja command=/continue"
    assert (services.heard, services.calls) == ([], [])


async def test_the_reply_streams_into_the_thread(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """One message in the thread of the mention is posted and then changed to the last text."""
    event = slack.mention("C1", "U1", FIRST_LINE)
    await slack.deliver(event)
    heard = await services.until_heard()
    reply = FakeReply(adapter, heard.message.room, "job-1:0")
    await reply.stream("夜更け。", "夜更け。雨が降った。")
    (posted,) = slack.workspace.by_bot()
    assert posted.thread_ts == event["event"]["ts"]
    assert reply.message_id == f"C1:{posted.ts}"
    assert posted.story == "夜更け。雨が降った。"
    assert posted.history[0].startswith("夜更け。")


async def test_a_mention_in_the_thread_goes_on_with_the_story(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The next mention in the thread has the same room, and one without text asks to go on."""
    event = slack.mention("C1", "U1", FIRST_LINE)
    await slack.deliver(event)
    thread = event["event"]["ts"]
    await slack.deliver(slack.mention("C1", "U2", "雨が降り出した。", thread))
    await slack.deliver(slack.mention("C1", "U1", "", thread))
    await services.until_heard(3)
    assert {heard.message.room.id for heard in services.heard} == {f"{TEAM}/C1/{thread}"}
    assert [heard.message.text for heard in services.heard] == [FIRST_LINE, "雨が降り出した。", ""]
    assert services.heard[1].message.author.name == "太郎"


@pytest.mark.parametrize("order", [("app_mention", "message"), ("message", "app_mention")])
async def test_a_mention_that_also_comes_as_a_message_is_heard_once(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, order: tuple[str, str]
) -> None:
    """The two events of one text have one event id, in either order."""
    typed = slack.types("C1", "U1", f"<@{BOT_USER}> {FIRST_LINE}")
    for kind in order:
        await slack.deliver(slack.event_of(typed, kind))
    await slack.deliver(slack.mention("C1", "U2", "もう一つ。"))
    await services.until_heard(2)
    assert [heard.message.text for heard in services.heard] == [FIRST_LINE, "もう一つ。"]


async def test_an_event_sent_again_is_heard_once(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Slack's retries of an envelope change nothing."""
    event = slack.mention("C1", "U1", FIRST_LINE)
    for retry in (None, 1, 2):
        await slack.deliver(event, retry)
    await slack.deliver(slack.mention("C1", "U2", "もう一つ。"))
    await services.until_heard(2)
    assert [heard.message.text for heard in services.heard] == [FIRST_LINE, "もう一つ。"]


async def test_a_direct_message_needs_no_mention(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """A message in the bot's DM begins a story in its own thread; one in that thread goes on."""
    first = slack.types("D1", "U1", FIRST_LINE)
    await slack.deliver(slack.event_of(first))
    await slack.deliver(slack.event_of(slack.types("D1", "U1", "それから？", first.ts)))
    await services.until_heard(2)
    assert [heard.message.room.id for heard in services.heard] == [f"{TEAM}/D1/{first.ts}"] * 2


async def test_what_is_not_meant_for_the_bot_is_ignored(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Bots, edits, deletions, joins, talk between people and the bot's own posts are not heard."""
    mention = f"<@{BOT_USER}> {FIRST_LINE}"
    for event in (
        slack.event_of(slack.types("C1", "U1", "ただの会話。")),
        slack.event_of(slack.types("C1", "U1", mention), "app_mention", bot_id="B9"),
        slack.event_of(slack.types("C1", "U1", mention), "app_mention", edited={"user": "U1", "ts": "1.0"}),
        slack.event_of(slack.types("C1", "U1", mention), "message", subtype="message_changed"),
        slack.event_of(slack.types("D1", "U1", FIRST_LINE), "message", subtype="message_deleted"),
        slack.event_of(slack.types("D1", "U1", "joined"), "message", subtype="channel_join"),
        slack.event_of(slack.types("D1", BOT_USER, FIRST_LINE)),
        slack.event_of(slack.types("D1", "USLACKBOT", FIRST_LINE)),
        slack.event_of(slack.types("C1", "U1", ""), "reaction_added"),
    ):
        await slack.deliver(event)
    await slack.deliver(slack.mention("C1", "U2", "これだけ。"))
    await services.until_heard()
    assert [heard.message.text for heard in services.heard] == ["これだけ。"]


async def test_people_in_the_text_have_their_names(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Mentions of others become display names; someone unknown keeps their id; a name is looked up once."""
    text = "<@U2> と <@U404> は &lt;森&gt; &amp; 海へ行った。"
    await slack.deliver(slack.mention("C1", "U1", text))
    await services.until_heard()
    await slack.deliver(slack.mention("C1", "U1", "<@U2> は泣いた。"))
    await services.until_heard(2)
    assert services.heard[0].message.text == "@太郎 と @U404 は <森> & 海へ行った。"
    assert services.heard[1].message.text == "@太郎 は泣いた。"
    assert sorted(call.arguments["user"] for call in slack.called("users.info")) == ["U1", "U2", "U404"]


async def test_someone_elses_language(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """A person with an English Slack is answered in English; where Slack does not say, in Japanese."""
    services.refuse(QueueFull(limit=3))
    await slack.deliver(slack.mention("C1", "U3", "It was a dark night."))
    posted = await slack.until_posted()
    assert posted.shown == "error.queue_full/en limit=3"
    slack.faults.status("users.info", 500)
    services.refuse(QueueFull(limit=3))
    await slack.deliver(slack.mention("C1", "U1", FIRST_LINE))
    assert (await slack.until_posted(2)).shown == "error.queue_full/ja limit=3"


async def test_a_refusal_is_told_in_the_thread_once(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """What the person did wrong is said under their message, however often the event comes."""
    event = slack.mention("C1", "U1", "")
    await slack.deliver(event)
    await slack.deliver(event, retry=1)
    await slack.deliver(slack.event_of(slack.workspace.messages[0]))
    await slack.deliver(slack.mention("C1", "U1", FIRST_LINE, event["event"]["ts"]))
    await services.until_heard()
    (posted,) = slack.workspace.by_bot()
    assert posted.thread_ts == event["event"]["ts"]
    assert posted.shown == "slack.help/ja command=/continue"


async def test_quick_messages_are_heard_in_order(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """A name that must be looked up does not let the next message of the thread overtake."""
    root = slack.types("C1", "U1", "集まれ。")
    texts = [root.text] + [f"{number}行目。" for number in range(6)]
    for number, text in enumerate(texts[1:]):
        name = "<@U2>" if number % 2 == 0 else ""
        await slack.socket.send("events_api", slack.mention("C1", "U1", f"{name}{text}", root.ts))
    await services.until_heard(len(texts))
    assert [heard.message.text.removeprefix("@太郎") for heard in services.heard] == texts


class BrokenServices(RecordedServices):
    """Services with a defect."""

    async def receive_message(self, message: object, ask: object) -> None:
        """Fail in a way nobody planned."""
        raise RuntimeError("a defect")


async def test_a_failure_of_ours_is_told_too(slack: SlackServer, caplog: pytest.LogCaptureFixture) -> None:
    """An error that is nobody's fault is logged once, and the person hears that they may try again."""
    async with running(adapter_for(slack), BrokenServices()):
        await slack.deliver(slack.mention("C1", "U1", FIRST_LINE))
        assert (await slack.until_posted()).shown == "slack.failed/ja"
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "A message could not be received"
    ]
