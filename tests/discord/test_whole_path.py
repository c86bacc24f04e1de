"""From a mention to the last edit, through the real rules, store, queue, dispatcher and outbox."""

from __future__ import annotations

from bot.messages import Room
from tests.discord.stage import BEGINNING
from tests.discord.whole import House, whole_house
from tests.loopback.discord import Channel, LoopbackDiscord, Message

SENTENCES = ("窓の外では虫が鳴いていた。", "彼は灯をともした。", "遠くで汽笛が一つ鳴った。")
CONTINUATION = "".join(SENTENCES)


async def done(house: House, channel: Channel, count: int) -> Message:
    """Wait until the bot's `count`th message there shows the whole continuation and no mark."""

    def finished() -> Message | None:
        messages = house.discord.by_bot(channel)
        whole = len(messages) >= count and messages[count - 1].content == CONTINUATION
        return messages[count - 1] if whole else None

    message = await house.discord.until(finished)
    assert message is not None
    return message


async def test_a_mention_becomes_a_thread_with_a_continuation_that_streams_in() -> None:
    """Edits are a second apart at least, the last one shows the text, and no rate limit is met."""
    async with whole_house(LoopbackDiscord(), SENTENCES) as house:
        written = f"　{BEGINNING}\n**彼**は"
        await house.discord.say_in(house.discord.channel, house.discord.hanako, written)
        (thread,) = await house.discord.until(house.discord.threads)
        message = await done(house, thread, 1)
        story = await house.store.story(Room("discord", str(thread.id)))
    assert story is not None
    assert [written, CONTINUATION] == [passage.text for passage in story.passages]
    assert [f"{SENTENCES[0]} ✍️", f"{''.join(SENTENCES[:2])} ✍️"] == [
        text for text in message.history if text.endswith("✍️") and not text.startswith("-#")
    ]
    assert all(gap >= 1.0 for gap in message.gaps_s)
    assert house.discord.by_bot(house.discord.channel) == []
    assert house.discord.refused_by_limits == 0


async def test_the_next_mention_goes_on_with_the_story_so_far() -> None:
    """The model reads everything that was written, in the order of the story."""
    async with whole_house(LoopbackDiscord(), SENTENCES) as house:
        await house.discord.say_in(house.discord.channel, house.discord.hanako, BEGINNING)
        (thread,) = await house.discord.until(house.discord.threads)
        await done(house, thread, 1)
        await house.discord.say_in(thread, house.discord.taro, "しかし誰も来なかった。")
        await done(house, thread, 2)
        story = await house.store.story(Room("discord", str(thread.id)))
    assert story is not None
    texts = [BEGINNING, CONTINUATION, "しかし誰も来なかった。", CONTINUATION]
    assert texts == [passage.text for passage in story.passages]
    assert [passage.author.name for passage in story.passages] == ["花子", "続き", "太郎", "続き"]
    first, second = house.engine.prompts
    assert first == BEGINNING
    assert [text for text in texts[:3] if text in second] == texts[:3]
    assert [thread] == house.discord.threads()


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
