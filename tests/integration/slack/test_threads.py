"""A story's own thread: no mention is needed, words mean something, and changes are followed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.slack import SlackAdapter
from bot.domain.chat import MODEL, Author, Room
from bot.domain.errors import FilteredText, NotPermitted, NotYours, TextTooLong
from bot.domain.jobs import GenerationOptions
from bot.domain.room_settings import RoomSettings
from bot.story.export_formats import export_text
from tests.fakes.clock import InstantClock
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer
from tests.servers.slack_faults import Tier
from tests.servers.slack_workspace import BOT_USER, TEAM, Posted

FIRST_LINE = "それは九月初旬のある蒸し暑い晩のことであった。"
HANAKO = Author("slack", "U1", "花子")
TAROU = Author("slack", "U2", "太郎")


@pytest.fixture
def root(slack: SlackServer, services: RecordedServices, adapter: SlackAdapter) -> Posted:
    """The first message of a thread in which a story is told."""
    typed = slack.types("C1", "U1", FIRST_LINE)
    services.lay_out(room_of(typed), f"C1:{typed.ts}", FIRST_LINE, HANAKO)
    return typed


def room_of(root: Posted) -> Room:
    """The room of a message's thread."""
    within = (f"team/{TEAM}", f"channel/{root.channel}")
    return Room("slack", f"{TEAM}/{root.channel}/{root.thread_ts or root.ts}", within)


async def said(slack: SlackServer, root: Posted, text: str, user: str = "U2") -> Posted:
    """Somebody writes in the thread, without a mention."""
    typed = slack.types("C1", user, text, root.ts)
    await slack.deliver(slack.event_of(typed))
    return typed


# The thread it is called into


async def test_the_thread_so_far_becomes_the_story(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Each person's lines are theirs, in order, once; other bots' are not; then the mention asks."""
    root = slack.types("C1", "U1", FIRST_LINE)
    slack.types("C1", "U2", "<@U1> は&lt;森&gt;へ。", root.ts)
    slack.types("C1", BOT_USER, "宣伝です。", root.ts)
    slack.types("C1", "U1", "雨が降った。", root.ts)
    await slack.deliver(slack.mention("C1", "U2", "続けて", root.ts))
    await services.until_heard(4)
    heard = [(each.message.author.name, each.message.text, each.ask) for each in services.heard]
    assert heard == [
        ("花子", FIRST_LINE, None),
        ("太郎", "@花子 は<森>へ。", None),
        ("花子", "雨が降った。", None),
        ("太郎", "", GenerationOptions()),
    ]
    assert {each.message.room.parent_scopes for each in services.heard} == {(f"team/{TEAM}", "channel/C1")}
    assert len(slack.called("conversations.replies")) == 1


async def test_words_for_the_bot_are_no_lines(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """What somebody asked of the bot before it was called in is left out; a line that reads alike stays."""
    root = slack.types("C1", "U1", FIRST_LINE)
    slack.types("C1", "U1", f"<@{BOT_USER}> ヘルプ", root.ts)
    slack.types("C1", "U2", "やめて。", root.ts)
    slack.types("C1", "U2", f"<@{BOT_USER}> 続けて", root.ts)
    await slack.deliver(slack.mention("C1", "U2", "夜。", root.ts))
    await services.until_heard(3)
    assert [each.message.text for each in services.heard] == [FIRST_LINE, "やめて。", "夜。"]


async def test_a_thread_is_read_once(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The next mention finds a story there, and nothing is read or heard again."""
    root = slack.types("C1", "U1", FIRST_LINE)
    event = slack.mention("C1", "U2", "夜。", root.ts)
    await slack.deliver(event)
    await slack.deliver(event, retry=1)
    await slack.deliver(slack.mention("C1", "U2", "朝。", root.ts))
    await services.until_heard(3)
    assert [each.message.text for each in services.heard] == [FIRST_LINE, "夜。", "朝。"]


async def test_a_line_the_story_cannot_have_is_left_out(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """One that is too long does not keep out the others."""
    services.refuse(TextTooLong(limit=10, length=20))
    root = slack.types("C1", "U1", FIRST_LINE)
    slack.types("C1", "U2", "短い。", root.ts)
    await slack.deliver(slack.mention("C1", "U2", "夜。", root.ts))
    await services.until_heard(2)
    assert [each.message.text for each in services.heard] == ["短い。", "夜。"]


async def test_a_thread_that_cannot_be_read_now(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """A limit on reading is waited for; the story begins with what stood there."""
    slack.faults.status("conversations.replies", 429, retry_after="0")
    root = slack.types("C1", "U1", FIRST_LINE)
    await slack.deliver(slack.mention("C1", "U2", "夜。", root.ts))
    await services.until_heard(2)
    assert [each.message.text for each in services.heard] == [FIRST_LINE, "夜。"]


async def test_an_app_that_may_read_little_at_a_time(slack: SlackServer, services: RecordedServices) -> None:
    """Fifteen messages a minute: the whole thread is there in the end, and who called is told meanwhile."""
    clock = InstantClock()
    slack.set_clock(clock.now)
    slack.methods.most_at_once = 15
    slack.rates.tiers["conversations.replies"] = Tier(1, 60.0)
    root = slack.types("C1", "U1", FIRST_LINE)
    for number in range(39):
        slack.types("C1", "U2", f"{number}行目。", root.ts)
    async with running(adapter_for(slack, clock=clock), services):
        await slack.deliver(slack.mention("C1", "U2", "夜。", root.ts))
        await services.until_heard(41)
    texts = [each.message.text for each in services.heard]
    assert texts == [FIRST_LINE, *(f"{number}行目。" for number in range(39)), "夜。"]
    assert slack.methods.ephemeral[0]["text"] == "slack.reading/ja"


# Without a mention


async def test_every_message_in_its_thread_is_heard(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """No mention is needed where a story is told, also in private channels; elsewhere nothing is heard."""
    await said(slack, root, "雨が降った。")
    other = slack.types("C1", "U1", "別の話。")
    await said(slack, other, "これは関係ない。")
    await said(slack, root, "朝が来た。")
    await services.until_heard(2)
    assert [each.message.text for each in services.heard] == ["雨が降った。", "朝が来た。"]
    assert [each.ask for each in services.heard] == [GenerationOptions(), GenerationOptions()]
    assert {each.message.room for each in services.heard} == {room_of(root)}


async def test_what_is_said_beside_the_story_asks_for_nothing(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """A message in parentheses is kept, and nobody goes on from it."""
    await said(slack, root, "（（ちょっと席を外します））")
    await said(slack, root, "雨が降った。")
    await services.until_heard(2)
    assert [each.ask for each in services.heard] == [None, GenerationOptions()]


async def test_a_picture_asks_for_nothing(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """A file without words in the thread is no wish to go on."""
    typed = slack.types("C1", "U1", "", root.ts)
    picture = {"id": "F1", "mimetype": "image/png"}
    await slack.deliver(slack.event_of(typed, subtype="file_share", files=[picture]))
    await said(slack, root, "朝。")
    await services.until_heard()
    assert [each.message.text for each in services.heard] == ["朝。"]


async def test_a_refusal_is_told_to_the_writer_only(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """Who did not speak to the bot is not corrected before everybody, and once only."""
    services.refuse(NotPermitted())
    typed = await said(slack, root, "雨が降った。")
    await slack.until_called("chat.postEphemeral")
    services.refuse(NotPermitted())
    await slack.deliver(slack.event_of(typed), retry=1)
    await said(slack, root, "朝。")
    await services.until_heard()
    assert [each["text"] for each in slack.methods.ephemeral] == ["error.not_permitted/ja"]
    assert slack.workspace.by_bot() == []


async def test_a_word_makes_it_quiet_and_another_listen_again(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """Muted, only mentions are heard; what the words did only their writer is told."""
    await said(slack, root, "静かに。")
    await said(slack, root, "人間どうしの話。")
    await slack.deliver(slack.mention("C1", "U2", "雨が降った。", root.ts))
    await said(slack, root, "聞いて")
    await said(slack, root, "朝が来た。")
    await services.until_heard(2)
    assert [each.message.text for each in services.heard] == ["雨が降った。", "朝が来た。"]
    assert services.asked("set_rules") == [
        (room_of(root), "", {"listens": False}),
        (room_of(root), "", {"listens": True}),
    ]
    told = [each["text"] for each in slack.methods.ephemeral]
    assert told == ["slack.muted/ja", "slack.unmuted/ja"]
    assert slack.workspace.by_bot() == []


async def test_a_channel_where_it_only_hears_mentions(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """The rule of the channel holds in its threads."""
    services.now = RoomSettings(listens=False)
    await said(slack, root, "雨が降った。")
    await slack.deliver(slack.mention("C1", "U2", "朝が来た。", root.ts))
    await services.until_heard()
    assert [each.message.text for each in services.heard] == ["朝が来た。"]


@pytest.mark.parametrize("word", ["止めて", "stop", "Ｓｔｏｐ", " やめて。 "])
async def test_words_stop_it(slack: SlackServer, services: RecordedServices, root: Posted, word: str) -> None:
    """In its thread a word is enough, even where it does not listen."""
    services.now = RoomSettings(listens=False)
    await said(slack, root, word)
    assert await services.until_asked("cancel") == (room_of(root),)
    assert services.heard == []


async def test_a_word_that_is_not_permitted(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """Its writer is told."""
    services.wrong = [NotPermitted()]
    await said(slack, root, "mute")
    await slack.until_called("chat.postEphemeral")
    assert [each["text"] for each in slack.methods.ephemeral] == ["error.not_permitted/ja"]


@pytest.mark.parametrize("word", ["止めて", "静かに", "聞いて", "書き出し"])
async def test_words_of_who_may_not_use_the_bot(
    slack: SlackServer, services: RecordedServices, root: Posted, word: str
) -> None:
    """They do nothing, as the buttons would; who is asked for by a role is permitted."""
    services.now = RoomSettings(allowed=("role/admin",))
    await said(slack, root, word)
    await slack.until_called("chat.postEphemeral")
    assert [each["text"] for each in slack.methods.ephemeral] == ["error.not_permitted/ja"]
    assert (services.calls, slack.workspace.files) == ([], {})
    await said(slack, root, "stop", "U1")
    assert await services.until_asked("cancel") == (room_of(root),)


async def test_stopping_nothing_is_told(slack: SlackServer, services: RecordedServices, root: Posted) -> None:
    """Only the person who asked reads that there is nothing to stop; a second delivery says nothing more."""
    services.running = False
    typed = await said(slack, root, "stop")
    await slack.deliver(slack.event_of(typed), retry=1)
    await slack.until_called("chat.postEphemeral")
    assert [each["text"] for each in slack.methods.ephemeral] == ["slack.nothing_to_stop/ja"]


async def test_a_word_goes_on(slack: SlackServer, services: RecordedServices, root: Posted) -> None:
    """「続き」 adds nothing to the story and asks for more."""
    await said(slack, root, "続き")
    assert (await services.until_heard()).message.text == ""


@pytest.mark.parametrize(("word", "form"), [("書き出し", "txt"), ("Export MD", "md")])
async def test_a_story_as_a_file(
    slack: SlackServer, services: RecordedServices, root: Posted, word: str, form: str
) -> None:
    """In its thread, to the byte as every door gives it out."""
    await said(slack, root, "((どうする？))\n*次*")
    await services.until_heard()
    await said(slack, root, word)
    await slack.until(lambda: any(message.files for message in slack.workspace.messages))
    (message,) = [message for message in slack.workspace.messages if message.files]
    assert (message.channel, message.thread_ts) == ("C1", root.ts)
    assert message.files[0]["name"].endswith(f".{form}")
    story = await services.stories.open_in(room_of(root))
    assert story is not None
    assert list(slack.workspace.files.values()) == [export_text(story, form).encode()]


@pytest.mark.parametrize("fault", ["lose_answer", "done_but_500"])
async def test_a_file_whose_answer_was_lost(
    slack: SlackServer, services: RecordedServices, root: Posted, fault: str
) -> None:
    """It stands there: nobody is told that it could not be had, and asks for a second one."""
    getattr(slack.faults, fault)("files.completeUploadExternal")
    await said(slack, root, "書き出し")
    await slack.until_called("conversations.replies")
    await said(slack, root, "朝。")
    await services.until_heard()
    assert slack.methods.ephemeral == []
    assert len([message for message in slack.workspace.messages if message.files]) == 1


async def test_a_file_that_did_not_go_up(slack: SlackServer, services: RecordedServices) -> None:
    """Its writer is told, after it was looked for a while."""
    async with running(adapter_for(slack, clock=InstantClock()), services):
        typed = slack.types("C1", "U1", FIRST_LINE)
        services.lay_out(room_of(typed), f"C1:{typed.ts}", FIRST_LINE, HANAKO)
        slack.faults.reset("files.completeUploadExternal")
        await said(slack, typed, "書き出し")
        await slack.until_called("chat.postEphemeral")
    assert [each["text"] for each in slack.methods.ephemeral] == ["slack.no_export/ja"]


# Changes


async def test_an_edited_message_changes_its_passage(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """The new text is the passage's; a link preview that changes no text does nothing."""
    await slack.deliver(slack.changed(root, root.text))
    await slack.deliver(slack.changed(root, f"<@{BOT_USER}> 昔々、&lt;森&gt;に。"))
    room, by, passage_id, text = await services.until_asked("edit")
    assert (room, by, text) == (room_of(root), HANAKO, "昔々、<森>に。")
    assert passage_id == services.shown[f"C1:{root.ts}"].id
    assert len(services.asked("edit")) == 1


@pytest.mark.parametrize("tombstone", [False, True])
async def test_a_deleted_message_takes_its_passage_with_it(
    slack: SlackServer, services: RecordedServices, root: Posted, tombstone: bool
) -> None:
    """Also the first one of a thread, of which Slack keeps a tombstone."""
    await slack.deliver(slack.deleted(root, tombstone=tombstone))
    assert await services.until_asked("delete") == (room_of(root), HANAKO, services.shown[f"C1:{root.ts}"].id)


async def test_changes_are_made_by_people_as_they_are_now(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """With the roles that rules may name: of those a story keeps nothing."""
    await slack.deliver(slack.changed(root, "昔々。"))
    await slack.deliver(slack.deleted(root))
    edited_by, deleted_by = (await services.until_asked("edit"))[1], (await services.until_asked("delete"))[1]
    assert (edited_by.roles, deleted_by.roles) == (("role/admin",), ("role/admin",))


async def test_a_deleted_answer_goes_for_who_asked_for_it(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """The model's passage is taken out when its message is."""
    answer = slack.types("C1", BOT_USER, "夜が更けた。", root.ts)
    services.lay_out(room_of(root), f"C1:{answer.ts}", "夜が更けた。", MODEL, TAROU)
    await slack.deliver(slack.deleted(answer))
    assert (await services.until_asked("delete"))[1] == TAROU


async def test_changes_of_other_messages_are_nobodys_business(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """Our own edits and messages outside of stories change no passage."""
    ours = slack.types("C1", BOT_USER, "夜が更けた。", root.ts)
    await slack.deliver(slack.changed(ours, "夜が明けた。"))
    await slack.deliver(slack.changed(slack.types("C1", "U1", "ただの話。"), "ただの話でした。"))
    await said(slack, root, "朝。")
    await services.until_heard()
    assert services.calls == []


@pytest.mark.parametrize("error", [NotYours(), FilteredText(words="x")])
async def test_an_edit_the_story_cannot_have_is_told_to_its_writer(
    slack: SlackServer, services: RecordedServices, root: Posted, error: Exception
) -> None:
    """Privately, in the thread."""
    services.wrong = [error]
    await slack.deliver(slack.changed(root, "だめな文。"))
    await slack.until_called("chat.postEphemeral")
    (told,) = slack.methods.ephemeral
    assert (told["user"], told["thread_ts"]) == ("U1", root.ts)
    assert told["text"].startswith(str(getattr(error, "key", "")))


async def test_a_private_channel_and_a_direct_message_are_alike(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Threads of a private channel and of a direct message are heard without a mention, too."""
    for channel in ("G1", "D1"):
        typed = slack.types(channel, "U1", FIRST_LINE)
        services.lay_out(replace(room_of(typed)), f"{channel}:{typed.ts}", FIRST_LINE, HANAKO)
        await slack.deliver(slack.event_of(slack.types(channel, "U2", "雨。", typed.ts)))
    await services.until_heard(2)
    assert [each.message.room.id.split("/")[1] for each in services.heard] == ["G1", "D1"]
