"""Edits and deletions in the chat are followed, once, and by whom the rules let."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from adapters.discord.client import SeenEdits
from bot.domain.chat import Author
from bot.domain.errors import NotPermitted
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Passage
from tests.integration.discord.stage import BEGINNING, Stage
from tests.servers.discord import Channel, Message

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def written(stage: Stage, text: str) -> tuple[Channel, Message]:
    """A message of Hanako's in a story's thread, and a passage that shows it."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.tell(stage.room(thread), BEGINNING)
    message = await stage.discord.say_in(thread, stage.discord.hanako, text, mentions_bot=False)
    await stage.services.until_heard()
    reads(stage, message, text)
    return thread, message


def reads(stage: Stage, message: Message, text: str) -> None:
    """The passage of a message reads so now."""
    author = Author("discord", str(message.author.id), message.author.display_name)
    name = f"p{message.id}"
    stage.services.shows[str(message.id)] = Passage(name, "story-1", None, author, text, edited=True)


async def noted_after(stage: Stage, thread: Channel) -> list[tuple[object, ...]]:
    """All that was noted until another message, sent now, was heard."""
    heard = len(stage.services.heard)
    await stage.discord.say_in(thread, stage.discord.taro, "そして。", mentions_bot=False)
    await stage.services.until_heard(heard + 1)
    return stage.services.noted


async def test_a_pinned_message_keeps_what_its_passage_was_changed_to(stage: Stage) -> None:
    """Pins, link previews and new threads bring the old words of the chat again: they are no edit."""
    thread, message = await written(stage, "彼は立つた。")
    reads(stage, message, "彼は静かに立ち上がった。")
    await stage.discord.pin(message)
    assert await noted_after(stage, thread) == []


async def test_a_message_that_was_edited_once_is_not_edited_again_by_a_pin(stage: Stage) -> None:
    """The edit is followed; what its passage reads after that, by form, stays."""
    thread, message = await written(stage, "彼は立つた。")
    await stage.discord.rewrite(message, "彼は立った。")
    assert (await stage.services.until_noted())[4] == "彼は立った。"
    reads(stage, message, "彼は静かに立ち上がった。")
    await stage.discord.pin(message)
    assert len(await noted_after(stage, thread)) == 1
    await stage.discord.rewrite(message, "彼は座った。")
    assert (await stage.services.until_noted(2))[4] == "彼は座った。"


async def test_an_edit_back_to_the_first_words_is_followed(stage: Stage) -> None:
    """What counts is that somebody edited, not what the chat said before."""
    _, message = await written(stage, "彼は立つた。")
    reads(stage, message, "彼は静かに立ち上がった。")
    await stage.discord.rewrite(message, "彼は立つた。")
    assert (await stage.services.until_noted())[4] == "彼は立つた。"


def test_an_edit_from_before_we_listened_is_no_news() -> None:
    """Whatever became of the passage since: a pin after a restart tells of it again."""
    edits = SeenEdits(NOON)
    assert not edits.is_new(1, None)
    assert not edits.is_new(1, NOON - MINUTE)
    assert edits.is_new(1, NOON + MINUTE)
    assert not edits.is_new(1, NOON + MINUTE)
    assert edits.is_new(1, NOON + 2 * MINUTE)


def test_a_forgotten_edit_is_no_news_either() -> None:
    """Only so many are remembered; the time of the oldest one stands for those before."""
    edits = SeenEdits(NOON, remembered=2)
    assert all(edits.is_new(number, NOON + number * MINUTE) for number in (1, 2, 3, 4))
    assert not edits.is_new(1, NOON + MINUTE)
    assert not edits.is_new(2, NOON + 2 * MINUTE)
    assert edits.is_new(1, NOON + 5 * MINUTE)


async def test_who_may_write_by_a_role_may_delete_by_it(stage: Stage) -> None:
    """Discord does not say whose the deleted message was: the roles are asked for."""
    role = await stage.discord.add_role("作家", stage.discord.hanako)
    _, message = await written(stage, "彼は立った。")
    stage.services.room_settings = RoomSettings(allowed=(f"role/{role.id}",))
    await stage.discord.delete(message)
    _, _, author, name = await stage.services.until_noted()
    assert isinstance(author, Author)
    assert (author.roles, name) == ((f"role/{role.id}",), f"p{message.id}")


async def test_who_left_the_server_is_nobodys_trouble(stage: Stage) -> None:
    """Without roles; the story decides."""
    thread, message = await written(stage, "彼は立った。")
    stage.services.room_settings = RoomSettings(allowed=("role/5",))
    stage.discord.guild.members.remove(stage.discord.hanako)
    stage.services.fail(NotPermitted())
    await stage.discord.delete(message)
    await stage.discord.until(lambda: [sent for sent in stage.discord.requests if "/members/" in sent.path])
    assert await noted_after(stage, thread) == []


async def test_without_roles_in_the_rules_nobody_is_looked_up(stage: Stage) -> None:
    """Most servers have none."""
    _, message = await written(stage, "彼は立った。")
    await stage.discord.delete(message)
    await stage.services.until_noted()
    assert not [sent for sent in stage.discord.requests if "/members/" in sent.path]


async def test_messages_that_are_taken_away_together_leave_the_story(stage: Stage) -> None:
    """In the order they were written, as moderators do it."""
    thread, first = await written(stage, "彼は立った。")
    second = await stage.discord.say_in(thread, stage.discord.taro, "彼は座った。", mentions_bot=False)
    await stage.services.until_heard(2)
    reads(stage, second, "彼は座った。")
    await stage.discord.purge(second, first)
    await stage.services.until_noted(2)
    assert [(noted[0], noted[3]) for noted in stage.services.noted] == [
        ("delete", f"p{first.id}"),
        ("delete", f"p{second.id}"),
    ]
