"""Replies and menus that change where a story goes on, through the real rules and store."""

from __future__ import annotations

from bot.domain.chat import Room
from bot.domain.story import Lore, Notes
from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.test_whole_path import LATER, SENTENCES, done, texts_in
from tests.integration.discord.whole import House, whole_house
from tests.servers.discord import Channel, LoopbackDiscord, Message

FORMER = "その文は、もうこの物語にありません。"


def go_on(discord: LoopbackDiscord) -> str:
    """The name of the menu's first command."""
    return str(next(command["name"] for command in discord.state.commands if command.get("type") == 3))


async def told(house: House) -> tuple[Channel, Message, Room]:
    """A thread with a story, the message that began it, and its room."""
    discord = house.discord
    first = await discord.say_in(discord.channel, discord.hanako, BEGINNING)
    (thread,) = await discord.until(discord.threads)
    await done(house, thread, 1, SENTENCES[0])
    await discord.until(lambda: house.idle(thread))
    return thread, first, Room("discord", str(thread.id))


async def end_of(house: House, room: Room) -> str:
    """The passage that a room's story ends with."""
    story = await house.store.stories.open_in(room)
    assert story is not None
    return str(story.head)


async def test_a_reply_that_is_told_twice_branches_once() -> None:
    """A resumed session may tell it again: the story stays where it went."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER, ("別。",)) as house:
        thread, first, room = await told(house)
        discord = house.discord
        reply = await discord.say_in(discord.channel, discord.taro, "別の道へ。", reply_to=first)
        await done(house, thread, 2, "".join(LATER))
        await discord.until(lambda: house.idle(thread))
        await discord.repeat(reply)
        await discord.say_in(thread, discord.taro, "そして。", mentions_bot=False)
        await done(house, thread, 3, "別。")
        assert await texts_in(house, room) == [BEGINNING, "別の道へ。", "".join(LATER), "そして。", "別。"]


async def test_a_reply_to_a_former_story_is_not_appended_to_the_new_one() -> None:
    """The person reads why, and writes it where it belongs."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER) as house:
        thread, _, room = await told(house)
        discord = house.discord
        (former,) = discord.by_bot(thread)
        sent = await discord.submit(await discord.slash(thread, discord.hanako, "story new"))
        await discord.until(lambda: sent.answers)
        await discord.say_in(thread, discord.hanako, "別の話。", mentions_bot=False)
        await discord.until(lambda: [m for m in discord.by_bot(thread) if m.content == "".join(LATER)])
        await discord.say_in(thread, discord.taro, "前の話の続き。", reply_to=former)
        await discord.until(lambda: [m for m in discord.by_bot(thread) if m.content == FORMER])
        assert await texts_in(house, room) == ["別の話。", "".join(LATER)]


async def test_one_redo_pressed_by_two_redoes_once() -> None:
    """The second reads that the story went on already."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER) as house:
        thread, _, room = await told(house)
        discord = house.discord
        await discord.say_in(thread, discord.taro, "しかし。", mentions_bot=False)
        await done(house, thread, 2, "".join(LATER))
        await discord.until(lambda: house.idle(thread))
        for _ in range(2):
            undo = await discord.slash(thread, discord.hanako, "story undo")
            await discord.until(lambda undo=undo: undo.answers)
        notice = undo.answers[0]
        # As the lines of an earlier version carry it.
        redo = f"tz:redo:{await end_of(house, room)}"
        presses = [await discord.press(notice, who, redo) for who in (discord.hanako, discord.taro)]
        await discord.until(lambda: all(press.answers for press in presses))
        assert await texts_in(house, room) == [BEGINNING, SENTENCES[0], "しかし。"]
        assert [press.answers[0].ephemeral_to for press in presses] == [None, discord.taro]


async def test_a_reply_that_is_deleted_while_it_is_written_is_no_part_of_the_story() -> None:
    """It is written no further, and nobody has to read it anew."""
    async with whole_house(LoopbackDiscord(), SENTENCES, LATER) as house:
        discord = house.discord
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        shown = await discord.until(lambda: [m for m in discord.by_bot(thread) if SENTENCES[0] in m.content])
        await discord.delete(shown[0])
        await discord.say_in(thread, discord.taro, "しかし。", mentions_bot=False)
        await done(house, thread, 1, "".join(LATER))
        assert await texts_in(house, Room("discord", str(thread.id))) == [
            BEGINNING,
            "しかし。",
            "".join(LATER),
        ]


async def test_who_may_not_use_the_bot_makes_others_messages_no_story() -> None:
    """Nothing opens, and the writer's own asks of the day are still there."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        discord = house.discord
        rules = {"denied": [f"user/{discord.taro.id}"], "daily_per_person": 1}
        await house.store.settings.save("discord", f"guild/{discord.guild.id}", rules)
        line = await discord.say_in(discord.channel, discord.hanako, "蕎麦にした。", mentions_bot=False)
        chosen = await discord.menu(line, discord.taro, go_on(discord))
        await discord.until(lambda: chosen.answers)
        assert discord.threads() == []
        await told(house)


async def test_a_story_of_somebodys_message_is_asked_for_by_who_chose_it() -> None:
    """The line is its writer's, the ask counts for the other."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        discord = house.discord
        role = await discord.add_role("作家", discord.hanako)
        rules = {"allowed": [f"role/{role.id}"]}
        await house.store.settings.save("discord", f"guild/{discord.guild.id}", rules)
        line = await discord.say_in(discord.channel, discord.hanako, "蕎麦にした。", mentions_bot=False)
        await discord.menu(line, discord.hanako, go_on(discord))
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
        story = await house.store.stories.open_in(Room("discord", str(thread.id)))
    assert story is not None
    assert [passage.text for passage in story.passages] == ["蕎麦にした。", SENTENCES[0]]
    assert [(passage.asker or passage.author).id for passage in story.passages] == [
        str(discord.hanako.id)
    ] * 2


async def test_a_presets_name_with_a_comma_in_the_form() -> None:
    """What was written there begins the story."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        discord = house.discord
        rules = {"presets": {"夜,静か": {"temperature": 0.7}}}
        await house.store.settings.save("discord", f"guild/{discord.guild.id}", rules)
        opened = await discord.slash(discord.channel, discord.hanako, "continue", preset="夜,静か")
        await discord.submit(opened, text=BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
        assert await texts_in(house, Room("discord", str(thread.id))) == [BEGINNING, SENTENCES[0]]


async def test_lore_that_no_form_holds_is_not_cut() -> None:
    """Sent back unchanged, it would have lost what did not fit."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        thread, _, room = await told(house)
        story = await house.store.stories.open_in(room)
        assert story is not None
        lore = tuple(Lore((f"語{number}",), "説明" * 200, number) for number in range(20))
        await house.store.stories.save_notes(story.id, Notes(lore=lore), Notes())
        slash = await house.discord.slash(thread, house.discord.hanako, "story lore")
        await house.discord.until(lambda: slash.answers)
        assert slash.modal is None
        assert "4000" in slash.answers[0].content or "4,000" in slash.answers[0].content
