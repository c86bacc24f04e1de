"""`/story …` and `/help`: names in both languages, private answers where only the asker needs them."""

from __future__ import annotations

import pytest

from bot.domain.chat import Author, Room
from bot.domain.errors import NothingToUndo
from bot.domain.story import Lore, Notes
from bot.story.export_formats import export_text
from tests.integration.discord.stage import BEGINNING, Stage
from tests.servers.discord import Channel, ChannelType, Slash

SUBCOMMANDS = {
    "new", "open", "title", "show", "list", "undo", "redo", "retry", "branch", "memory", "note", "lore",
    "settings", "close", "export", "forget-me",
}  # fmt: skip


HANAKO = Author("discord", "2", "花子")


async def thread_with_story(stage: Stage, text: str = BEGINNING) -> Channel:
    """A thread with a story."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.tell(stage.room(thread), text)
    return thread


async def answered(stage: Stage, slash: Slash, count: int = 1) -> list[str]:
    """The answers, once there are so many."""
    await stage.discord.until(lambda: len(slash.answers) >= count)
    return [answer.content for answer in slash.answers]


async def test_every_command_has_a_japanese_name_and_description(stage: Stage) -> None:
    """Discord registers them all at once, or none."""
    commands = {(c["name"], c["type"]): c for c in stage.discord.state.commands}
    assert {name for name, kind in commands if kind == 1} == {"continue", "story", "help"}
    menus = {c["name_localizations"]["ja"] for c in stage.discord.state.commands if c["type"] == 3}
    assert menus == {"ここから続ける", "この文を物語に加える", "この文を直す"}
    story = commands["story", 1]
    assert {option["name"] for option in story["options"]} == SUBCOMMANDS
    for part in (story, *story["options"], commands["help", 1]):
        assert part["name_localizations"]["ja"]
        assert part["description_localizations"]["ja"]
    assert all(c["integration_types"] == [0, 1] for c in stage.discord.state.commands)


async def test_a_new_story_is_told_to_everybody(stage: Stage) -> None:
    """It concerns all who write there."""
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.taro, "story new", title="夜の川")
    noted = await stage.services.until_noted()
    assert noted[0::3] == ("begin", "夜の川")
    assert await answered(stage, slash) == [
        stage.say("discord.story.begun", "ja", person="太郎", title="夜の川")
    ]
    assert slash.answers[0].ephemeral_to is None


async def test_title_close_undo_redo_retry(stage: Stage) -> None:
    """Each does what it is called, in the room of the command."""
    thread = await thread_with_story(stage)
    for name, options in (
        ("title", {"title": "夜"}),
        ("undo", {}),
        ("redo", {}),
        ("retry", {}),
        ("close", {}),
    ):
        await stage.discord.slash(thread, stage.discord.taro, f"story {name}", **options)
    await stage.services.until_noted(5)
    assert {noted[0] for noted in stage.services.noted} == {"rename", "undo", "redo", "retry", "close"}


async def test_of_two_who_write_one_memory_the_second_is_asked_to_compare(stage: Stage) -> None:
    """Nothing of the first is overwritten unseen, and nothing of the second is lost."""
    thread = await thread_with_story(stage)
    first = await stage.discord.slash(thread, stage.discord.hanako, "story memory")
    second = await stage.discord.slash(thread, stage.discord.taro, "story memory")
    await stage.discord.until(lambda: first.modal and second.modal)
    await answered(stage, await stage.discord.submit(first, text="花子の設定。"))
    refused = await stage.discord.submit(second, text="太郎の設定。")
    said = stage.say("discord.form.changed", "ja")
    assert await answered(stage, refused) == [f"{said}\n>>> 太郎の設定。"]
    assert stage.services.kept[stage.room(thread)].memory == "花子の設定。"


async def test_what_is_public_is_in_the_servers_language(stage: Stage) -> None:
    """Also what somebody with an English client asked for; what only they read is in theirs."""
    thread = await thread_with_story(stage)
    slash = await stage.discord.slash(thread, stage.discord.taro, "story undo", locale="en-US")
    assert await answered(stage, slash) == [
        stage.say("discord.undone", "ja", person="太郎", ending=BEGINNING)
    ]


async def test_what_cannot_be_undone_is_said_to_the_asker_alone(stage: Stage) -> None:
    """An ephemeral sentence."""
    thread = await thread_with_story(stage)
    stage.services.fail(NothingToUndo())
    slash = await stage.discord.slash(thread, stage.discord.taro, "story undo", locale="en-US")
    assert await answered(stage, slash) == [stage.say(NothingToUndo.key, "en")]
    assert slash.answers[0].ephemeral_to is stage.discord.taro


async def test_show_gives_the_story_to_the_asker_and_a_file_where_it_is_long(stage: Stage) -> None:
    """Escaped in the message, exact in the file."""
    thread = await thread_with_story(stage, "**太字**ではない。")
    slash = await stage.discord.slash(thread, stage.discord.taro, "story show")
    (shown,) = await answered(stage, slash)
    assert "\\*\\*太字\\*\\*ではない。" in shown
    assert slash.answers[0].ephemeral_to is stage.discord.taro
    long = "長い物語。" * 600
    stage.services.tell(stage.room(thread), long)
    slash = await stage.discord.slash(thread, stage.discord.taro, "story show")
    await answered(stage, slash)
    ((name, content),) = slash.answers[0].files
    assert name.endswith(".txt")
    assert long in content.decode()


@pytest.mark.parametrize("form", ["txt", "md"])
async def test_export_is_a_private_file(stage: Stage, form: str) -> None:
    """With the story's text, to the byte as every door gives it out."""
    thread = await thread_with_story(stage)
    stage.services.tell(stage.room(thread), "# （（どうする？））\n*次*", HANAKO)
    slash = await stage.discord.slash(thread, stage.discord.taro, "story export", format=form)
    await answered(stage, slash)
    ((name, content),) = slash.answers[0].files
    story = await stage.services.stories.open_in(stage.room(thread))
    assert story is not None
    assert content == export_text(story, form).encode()
    assert name.endswith(f".{form}")
    assert slash.answers[0].ephemeral_to is stage.discord.taro


async def test_a_story_is_shown_as_it_is_read(stage: Stage) -> None:
    """The model goes on in the same line; what was said beside the story is not in it."""
    thread = await thread_with_story(stage, "雨が")
    room = stage.room(thread)
    stage.services.tell(room, "降る。")
    stage.services.tell(room, "// どうする？", HANAKO)
    slash = await stage.discord.slash(thread, stage.discord.taro, "story show")
    (shown,) = await answered(stage, slash)
    assert "雨が降る。" in shown
    assert "どうする" not in shown
    proposed = await stage.discord.complete(thread, stage.discord.taro, "story branch", "passage")
    assert [label.startswith("💬 ") for label in proposed] == [True, False, False]


async def test_without_a_story_that_is_said(stage: Stage) -> None:
    """Show and export."""
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.taro, "story show")
    assert await answered(stage, slash) == [stage.say("error.no_story", "ja")]


async def test_the_list_names_only_what_a_person_can_see(stage: Stage) -> None:
    """Titles of hidden channels are told to nobody who cannot see them."""
    await thread_with_story(stage, "見える物語。")
    hidden = await stage.discord.open_channel("秘密")
    stage.services.tell(stage.room(hidden), "見えない物語。")
    hidden.hidden = True
    await stage.discord.gateway.dispatch("CHANNEL_UPDATE", stage.channel_payload(hidden))
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.taro, "story list")
    (listed,) = await answered(stage, slash)
    assert "見える物語。" in listed
    assert "見えない" not in listed


async def test_a_private_threads_stories_are_for_those_who_write_there(stage: Stage) -> None:
    """In the archive nobody tells that it is private: the room says so."""
    taro, guild = stage.discord.taro, stage.discord.guild
    thread = stage.discord.world.add_thread(stage.discord.channel, "内緒", taro)
    thread.type = ChannelType.PRIVATE_THREAD
    await stage.discord.gateway.dispatch("THREAD_CREATE", stage.channel_payload(thread))
    await stage.discord.say_in(thread, taro, "内緒の物語。")
    room = (await stage.services.until_heard()).message.room
    assert room.parent_scopes == (
        f"guild/{guild.id}",
        f"channel/{stage.discord.channel.id}",
        f"private/{thread.id}",
    )
    await stage.discord.gateway.dispatch("THREAD_DELETE", stage.channel_payload(thread))
    listed = [
        await stage.discord.complete(stage.discord.channel, person, "story open", "story")
        for person in (taro, stage.discord.hanako)
    ]
    assert listed == [["内緒の物語。"], []]


async def test_a_hidden_channels_stories_stay_there_even_if_one_wrote_them(stage: Stage) -> None:
    """Who was shut out does not take the story along."""
    taro = stage.discord.taro
    hidden = await stage.discord.open_channel("秘密")
    room = Room("discord", str(hidden.id), (f"guild/{stage.discord.guild.id}", f"channel/{hidden.id}"))
    stage.services.tell(room, "秘密の物語。", Author("discord", str(taro.id), "太郎"))
    channel = stage.discord.channel
    assert await stage.discord.complete(channel, taro, "story open", "story") == ["秘密の物語。"]
    hidden.hidden = True
    await stage.discord.gateway.dispatch("CHANNEL_UPDATE", stage.channel_payload(hidden))
    assert await stage.discord.complete(channel, taro, "story open", "story") == []


async def test_in_a_direct_message_no_story_of_a_server_is_listed_or_opened(stage: Stage) -> None:
    """Not even one's own: it would be taken away from those who write it there."""
    taro = stage.discord.taro
    server = Room("discord", "5", (f"guild/{stage.discord.guild.id}", "channel/4"))
    elsewhere = stage.services.tell(server, "サーバーの物語。", Author("discord", str(taro.id), "太郎"))
    direct = stage.discord.world.direct(taro)
    stage.services.tell(stage.room(direct), "二人の物語。", Author("discord", str(taro.id), "太郎"))
    slash = await stage.discord.slash(direct, taro, "story list")
    assert await answered(stage, slash) == ["- **二人の物語。** " + f"<#{direct.id}>"]
    assert await stage.discord.complete(direct, taro, "story open", "story") == ["二人の物語。"]
    refused = await stage.discord.slash(direct, taro, "story open", story=elsewhere.id)
    assert await answered(stage, refused) == [stage.say("error.no_such_story", "ja", story=elsewhere.id)]
    assert stage.services.noted == []


async def test_branch_proposes_passages_and_goes_there(stage: Stage) -> None:
    """Latest first, found by their words."""
    thread = await thread_with_story(stage)
    stage.services.tell(stage.room(thread), "窓の外では。")
    found = await stage.discord.complete(thread, stage.discord.taro, "story branch", "passage")
    assert found == ["続き：窓の外では。", f"続き：{BEGINNING}"]
    assert (
        await stage.discord.complete(thread, stage.discord.taro, "story branch", "passage", "九月")
        == found[1:]
    )
    slash = await stage.discord.slash(thread, stage.discord.taro, "story branch", passage="story-1.1")
    assert (await stage.services.until_noted())[0::3] == ("branch", "story-1.1")
    await answered(stage, slash)
    assert list(slash.answers[0].buttons.values()) == ["▶ 続き"]


async def test_memory_note_and_lore_are_forms_with_what_is_there(stage: Stage) -> None:
    """Changing one keeps the others; lore is a line an entry, the most important one first."""
    thread = await thread_with_story(stage)
    room = stage.room(thread)
    stage.services.kept[room] = Notes(
        "記憶です", "", (Lore(("猫",), "黒い。", 1), (Lore(("川", "水"), "深い。", 2)))
    )
    opened = await stage.discord.slash(thread, stage.discord.taro, "story lore")
    await stage.discord.until(lambda: opened.modal)
    assert opened.modal is not None
    assert opened.modal["components"][0]["component"]["value"] == "川、水：深い。\n猫：黒い。"
    sent = await stage.discord.submit(opened, text="猫、ねこ:白い。\n\nとても。\n犬：\n")
    await stage.services.until_noted()
    lore = (Lore(("猫", "ねこ"), "白い。\nとても。", 2),)
    assert stage.services.kept[room] == Notes("記憶です", "", lore)
    assert await answered(stage, sent) == [stage.say("discord.form.lore.done", "ja")]
    for name in ("memory", "note"):
        opened = await stage.discord.slash(thread, stage.discord.taro, f"story {name}")
        await stage.discord.submit(opened, text=name)
    await stage.services.until_noted(3)
    assert stage.services.kept[room] == Notes("memory", "note", lore)


async def test_help_is_in_the_readers_language(stage: Stage) -> None:
    """And theirs alone."""
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.taro, "help", locale="en-GB")
    assert await answered(stage, slash) == [stage.say("discord.help", "en")]
    assert slash.answers[0].ephemeral_to is stage.discord.taro


async def test_a_command_of_another_version_is_answered(stage: Stage) -> None:
    """Discord shows old commands for a while."""
    stage.discord.state.commands.append({"id": "1", "name": "vote", "type": 1, "options": []})
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.taro, "vote")
    assert await answered(stage, slash) == [stage.say("discord.trouble", "ja")]
    assert slash.answers[0].ephemeral_to is stage.discord.taro


async def test_an_earlier_story_is_opened_again_by_who_can_see_it(stage: Stage) -> None:
    """Proposed by title; an id that was typed by hand opens nothing hidden."""
    thread = await thread_with_story(stage, "見える物語。")
    hidden = await stage.discord.open_channel("秘密")
    secret = stage.services.tell(stage.room(hidden), "見えない物語。")
    hidden.hidden = True
    await stage.discord.gateway.dispatch("CHANNEL_UPDATE", stage.channel_payload(hidden))
    channel, taro = stage.discord.channel, stage.discord.taro
    assert await stage.discord.complete(channel, taro, "story open", "story") == ["見える物語。"]
    refused = await stage.discord.slash(channel, taro, "story open", story=secret.id)
    assert await answered(stage, refused) == [stage.say("error.no_such_story", "ja", story=secret.id)]
    await stage.discord.slash(channel, taro, "story open", story="story-1")
    assert (await stage.services.until_noted())[0::3] == ("reopen", "story-1")
    assert thread.id != channel.id
