"""What people write at once: each in its turn, and where it was meant."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.domain.chat import Room
from bot.domain.room_settings import RoomSettings
from tests.integration.discord.noted import NotedServices
from tests.integration.discord.stage import BEGINNING, QuickClock, adapter_for, running
from tests.integration.discord.test_branching import told
from tests.integration.discord.test_whole_path import LATER, SENTENCES, done, texts_in
from tests.integration.discord.whole import whole_house
from tests.servers.discord import LoopbackDiscord


@dataclass(slots=True)
class SlowRules(NotedServices):
    """Services that say what holds in a room only once the test lets it."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def resolve(self, room: Room) -> RoomSettings:
        """When it may."""
        self.asked.set()
        await self.free.wait()
        return await NotedServices.resolve(self, room)


async def test_a_mention_does_not_overtake_the_line_before_it() -> None:
    """Whether a thread is listened to is looked up for the one and not for the other."""
    services = SlowRules()
    async with LoopbackDiscord() as discord, running(adapter_for(discord, services, QuickClock([])), discord):
        thread = await discord.open_thread(discord.channel, "物語", discord.taro)
        services.tell(Room("discord", str(thread.id)), BEGINNING)
        await discord.say_in(thread, discord.hanako, "先の文。", mentions_bot=False)
        await asyncio.wait_for(services.asked.wait(), 30)
        await discord.say_in(thread, discord.taro, "後の文。")
        await discord.say_in(discord.channel, discord.taro, "別の話。")
        await services.until_heard()
        services.free.set()
        await services.until_heard(3)
        assert [heard.message.text for heard in services.heard] == ["別の話。", "先の文。", "後の文。"]


async def test_the_first_message_of_a_forums_post_is_heard() -> None:
    """It has the post's own id: it does not wait for itself."""
    services = NotedServices()
    async with LoopbackDiscord() as discord, running(adapter_for(discord, services, QuickClock([])), discord):
        post = await discord.open_thread(discord.channel, "物語", discord.hanako)
        text = f"{discord.bot.mention} {BEGINNING}"
        first = discord.world.add_message(post, discord.hanako, text, mentions=[discord.bot])
        first.id = post.id
        await discord.state.announce(first)
        assert (await services.until_heard()).message.text == BEGINNING


async def test_an_edit_while_the_thread_is_opened_is_followed() -> None:
    """Discord does not open it at first; the writer mends a word meanwhile."""
    discord = LoopbackDiscord()
    async with whole_house(discord, SENTENCES[:1]) as house:
        discord.fail("POST", "/threads", 503)
        line = await discord.say_in(discord.channel, discord.hanako, "彼は立つた。")
        await discord.rewrite(line, f"{discord.bot.mention} 彼は立った。")
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, SENTENCES[0])
        room = Room("discord", str(thread.id))
        assert await texts_in(house, room) == ["彼は立った。", SENTENCES[0]]


async def test_of_two_replies_at_once_none_goes_where_the_other_was_meant() -> None:
    """The second is told that the story is being written, and its text stays with its writer."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER, ("三。",)) as house:
        thread, first, room = await told(house)
        discord = house.discord
        (reply,) = discord.by_bot(thread)
        await discord.say_in(thread, discord.hanako, "しかし。", mentions_bot=False)
        await done(house, thread, 2, "".join(LATER))
        await discord.until(lambda: house.idle(thread))
        await asyncio.gather(
            discord.say_in(discord.channel, discord.hanako, "花子は始めへ。", reply_to=first),
            discord.say_in(thread, discord.taro, "太郎は一つ目へ。", reply_to=reply),
        )
        await discord.until(lambda: [m for m in discord.by_bot(thread) if m.content == "三。"])
        story = await house.store.stories.open_in(room)
        assert story is not None
        tree = {passage.id: passage for passage in await house.store.passages.of_story(story.id)}
        meant = {"花子は始めへ。": BEGINNING, "太郎は一つ目へ。": SENTENCES[0]}
        written = {p.text: tree[p.parent_id].text for p in tree.values() if p.text in meant and p.parent_id}
        assert written
        assert written == {text: meant[text] for text in written}
