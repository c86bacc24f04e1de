"""From a mention to the last edit, through the real rules, store, queue, dispatcher and outbox."""

from __future__ import annotations

import asyncio

from bot.domain.chat import Room
from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.whole import House, whole_house
from tests.servers.discord import Channel, LoopbackDiscord, Message

SENTENCES = ("窓の外では虫が鳴いていた。", "彼は灯をともした。", "遠くで汽笛が一つ鳴った。")
CONTINUATION = "".join(SENTENCES)


LATER = ("夜が更けた。", "誰かが戸を叩いた。")


async def done(house: House, channel: Channel, count: int, text: str = CONTINUATION) -> Message:
    """Wait until the bot's `count`th message there shows the whole continuation and no mark."""

    def finished() -> Message | None:
        messages = house.discord.by_bot(channel)
        whole = len(messages) >= count and messages[count - 1].content == text
        return messages[count - 1] if whole else None

    message = await house.discord.until(finished)
    assert message is not None
    return message


async def texts_in(house: House, room: Room) -> list[str]:
    """What the story of a room reads."""
    story = await house.store.stories.open_in(room)
    return [passage.text for passage in story.passages] if story else []


async def test_a_mention_becomes_a_thread_with_a_continuation_that_streams_in() -> None:
    """Edits are a second apart at least, the last one shows the text, and no rate limit is met."""
    async with whole_house(LoopbackDiscord(), SENTENCES) as house:
        written = f"　{BEGINNING}\n**彼**は"
        await house.discord.say_in(house.discord.channel, house.discord.hanako, written)
        (thread,) = await house.discord.until(house.discord.threads)
        message = await done(house, thread, 1)
        story = await house.store.stories.open_in(Room("discord", str(thread.id)))
    assert story is not None
    assert [written, CONTINUATION] == [passage.text for passage in story.passages]
    assert [f"{SENTENCES[0]} ✍️", f"{''.join(SENTENCES[:2])} ✍️"] == [
        text for text in message.history if text.endswith("✍️") and not text.startswith("-#")
    ]
    assert all(gap >= 1.0 for gap in message.gaps_s[1:])
    assert house.discord.by_bot(house.discord.channel) == []
    assert house.discord.refused_by_limits == 0


async def test_the_next_mention_goes_on_with_the_story_so_far() -> None:
    """The model reads everything that was written; the buttons of the earlier reply are gone by then."""
    async with whole_house(LoopbackDiscord(), SENTENCES, LATER) as house:
        await house.discord.say_in(house.discord.channel, house.discord.hanako, BEGINNING)
        (thread,) = await house.discord.until(house.discord.threads)
        earlier = await done(house, thread, 1)
        await house.discord.until(lambda: len(earlier.buttons) == 5)
        await house.discord.say_in(thread, house.discord.taro, "しかし誰も来なかった。", mentions_bot=False)
        later = await done(house, thread, 2, "".join(LATER))
        await house.discord.until(lambda: not earlier.buttons and len(later.buttons) == 5)
        story = await house.store.stories.open_in(Room("discord", str(thread.id)))
    assert story is not None
    texts = [BEGINNING, CONTINUATION, "しかし誰も来なかった。", "".join(LATER)]
    assert texts == [passage.text for passage in story.passages]
    assert [passage.author.name for passage in story.passages] == ["花子", "続き", "太郎", "続き"]
    first, second = house.engine.prompts
    assert first == BEGINNING
    assert [text for text in texts[:3] if text in second] == texts[:3]
    assert [thread] == house.discord.threads()


async def test_the_buttons_of_a_reply_work_on_the_real_rules() -> None:
    """Go on twice at once gives one continuation; undo brings the buttons back to the earlier reply."""
    async with whole_house(LoopbackDiscord(), SENTENCES, LATER) as house:
        discord = house.discord
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        earlier = await done(house, thread, 1)
        await discord.until(lambda: len(earlier.buttons) == 5)
        button, another = list(earlier.buttons)[:2]
        await asyncio.gather(
            discord.press(earlier, discord.hanako, button), discord.press(earlier, discord.taro, button)
        )
        later = await done(house, thread, 2, "".join(LATER))
        await discord.until(lambda: len(later.buttons) == 5)
        stale = await discord.press(earlier, discord.taro, another)
        await discord.until(lambda: stale.answers)
        await discord.press(later, discord.taro, "tz:undo")
        await discord.until(lambda: len(earlier.buttons) == 5 and not later.buttons)
        story = await house.store.stories.open_in(Room("discord", str(thread.id)))
    assert story is not None
    assert [passage.text for passage in story.passages] == [BEGINNING, CONTINUATION]
    assert len(house.engine.prompts) == 2
    assert house.discord.refused_by_limits == 0


async def test_candidates_are_chosen_from_on_the_real_rules() -> None:
    """Three stand beside each other; the chosen one is where the story ends."""
    async with whole_house(LoopbackDiscord(), SENTENCES[-1:]) as house:
        discord = house.discord
        slash = await discord.slash(discord.channel, discord.hanako, "continue", text=BEGINNING, candidates=3)
        (thread,) = await discord.until(discord.threads)
        (reply,) = await discord.until(lambda: discord.by_bot(thread))
        picks = await discord.until(lambda: [name for name in reply.buttons if name.startswith("tz:pick")])
        assert len(picks) == 3
        await discord.press(reply, discord.taro, picks[2])
        await discord.until(lambda: len(discord.by_bot(thread)) > 1)
        chosen = SENTENCES[-1] + "もう一つ。" * 2
        await discord.until(lambda: reply.content.startswith(chosen))
        story = await house.store.stories.open_in(Room("discord", str(thread.id)))
    assert slash.took_s < 3.0
    assert story is not None
    assert story.passages[-1].id == picks[2].removeprefix("tz:pick:")


async def test_what_waits_can_be_stopped_and_what_is_edited_is_shown_so() -> None:
    """Of two stories at one storyteller the second waits with its place; its asker takes it back."""
    async with whole_house(LoopbackDiscord(), SENTENCES, slots=1) as house:
        discord = house.discord
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        await discord.until(lambda: house.engine.prompts)
        await discord.say_in(discord.channel, discord.taro, "二つ目の物語。")
        first, second = await discord.until(lambda: len(discord.threads()) == 2 and discord.threads())
        (waiting,) = await discord.until(lambda: discord.by_bot(second))
        assert waiting.content.startswith("-# ⏳")
        assert list(waiting.buttons.values()) == ["止める"]
        await discord.press(waiting, discord.taro, "tz:stop")
        await discord.until(lambda: "⏹️" in waiting.content)
        reply = await done(house, first, 1)
        await discord.until(lambda: house.idle(first))
        opened = await discord.press(reply, discord.hanako, "tz:edit")
        await discord.submit(opened, text="虫は鳴きやんだ。")
        await discord.until(lambda: reply.content == "虫は鳴きやんだ。")
    assert len(house.engine.prompts) == 1
    assert list(waiting.buttons.values()) == ["もう一度"]
    assert len(reply.buttons) == 5


async def test_a_reply_to_the_first_passage_branches_on_the_real_rules() -> None:
    """What came after it stays reachable."""
    async with whole_house(LoopbackDiscord(), SENTENCES, LATER) as house:
        discord = house.discord
        first = await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1)
        await discord.until(lambda: house.idle(thread))
        await discord.say_in(discord.channel, discord.taro, "別の道へ。", reply_to=first)
        await done(house, thread, 2, "".join(LATER))
        story = await house.store.stories.open_in(Room("discord", str(thread.id)))
    assert story is not None
    texts = [BEGINNING, "別の道へ。", "".join(LATER)]
    assert texts == [passage.text for passage in story.passages]


async def test_a_command_takes_the_same_way() -> None:
    """`/continue` in the channel: the text stands above, the continuation in the thread."""
    async with whole_house(LoopbackDiscord(), SENTENCES) as house:
        slash = await house.discord.slash(
            house.discord.channel, house.discord.hanako, "continue", text=BEGINNING, length="short"
        )
        (thread,) = await house.discord.until(house.discord.threads)
        await done(house, thread, 1)
    assert [answer.content for answer in slash.answers] == [BEGINNING]
    assert slash.took_s < 3.0


async def test_a_command_that_is_refused_shows_nothing() -> None:
    """Its text would stand under the bot's name: only the person sees it again, with the reason."""
    discord = LoopbackDiscord()
    async with whole_house(discord) as house:
        rules = {"filter_people": True, "words": ["禁句"]}
        await house.store.settings.save("discord", f"guild/{discord.guild.id}", rules)
        slash = await discord.slash(discord.channel, discord.hanako, "continue", text="これは禁句です。")
        await discord.until(lambda: slash.answers)
    assert [answer.ephemeral_to for answer in slash.answers] == [discord.hanako]
    assert discord.by_bot(discord.channel) == []


async def test_a_stream_survives_faults_and_a_lost_gateway() -> None:
    """503, a reset and a dropped gateway on the way: the text arrives all the same, once."""
    async with whole_house(LoopbackDiscord(), SENTENCES) as house:
        house.discord.fail("POST", "/messages", 503, applied=True)
        house.discord.fail("PATCH", "/messages/", None)
        house.discord.fail("PATCH", "/messages/", 503)
        await house.discord.say_in(house.discord.channel, house.discord.hanako, BEGINNING)
        (thread,) = await house.discord.until(house.discord.threads)
        await house.discord.until(lambda: house.discord.by_bot(thread))
        await house.discord.gateway.drop()
        await done(house, thread, 1)
        assert len(house.discord.by_bot(thread)) == 1


async def test_a_reply_that_is_over_an_hour_old_streams_slowly_and_arrives() -> None:
    """It waited long in the queue: Discord takes fewer edits of it, and none is refused."""
    sentences = (*SENTENCES, *LATER)
    discord = LoopbackDiscord()
    async with whole_house(discord, sentences) as house:
        discord.world.ago_s = 3700
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        message = await done(house, thread, 1, "".join(sentences))
    assert min(message.gaps_s[1:]) > 2.0
    assert discord.refused_by_limits == 0


async def test_a_preset_of_ones_own_is_made_by_form_and_written_with() -> None:
    """The rules know it from then on; what is out of bounds they refuse with the bound."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        asked = {"rule": "presets", "scope": "server"}
        opened = await discord.slash(discord.channel, discord.hanako, "story settings", **asked)
        refused = await discord.submit(opened, name="夜", text="temperature = 9")
        await discord.until(lambda: refused.answers)
        assert "夜.temperature: ≤ 2" in refused.answers[0].content
        kept = await discord.submit(opened, name="夜", text="temperature = 1.2")
        await discord.until(lambda: kept.answers)
        assert "夜〔サーバー全体〕" in kept.answers[0].content
        await discord.slash(discord.channel, discord.taro, "continue", text=BEGINNING, preset="夜")
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
    assert [sampling.temperature for sampling in house.engine.samplings] == [1.2]


async def test_the_first_passage_follows_its_writer_on_the_real_rules() -> None:
    """Changed by form from the channel, in another language and under another name; deleted by a role."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        role = await discord.add_role("作家", discord.hanako)
        await discord.slash(
            discord.channel, discord.hanako, "story settings", scope="server", rule="allowed",
            value=f"<@&{role.id}>",
        )  # fmt: skip
        first = await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
        discord.hanako.display_name = "はなこ"
        opened = await discord.menu(first, discord.hanako, "Edit this passage", locale="en-US")
        sent = await discord.submit(opened, text="それは十月のことであった。", locale="en-US")
        await discord.until(lambda: sent.answers)
        await discord.pin(first)
        room = Room("discord", str(thread.id))
        assert (await texts_in(house, room))[0] == "それは十月のことであった。"
        before = len(discord.requests)
        await discord.delete(first)
        await discord.until(lambda: any("/members/" in sent.path for sent in discord.requests[before:]))
        async with asyncio.timeout(30):
            while len(await texts_in(house, room)) > 1:
                continue
        assert await texts_in(house, room) == [SENTENCES[0]]
