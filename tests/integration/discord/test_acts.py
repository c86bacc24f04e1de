"""What somebody does to a story is told to all in one line, and taken back by its button."""

from __future__ import annotations

import pytest

from config.i18n import Translations
from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.test_branching import go_on, told
from tests.integration.discord.test_whole_path import LATER, SENTENCES, done, texts_in
from tests.integration.discord.whole import BotRuns, House, whole_house
from tests.servers.discord import Channel, LoopbackDiscord, Message, Slash

SAY = Translations.load()
TAKE_BACK = "tz:take_back:"
TAKEN_BACK = f"\n-# {SAY('discord.taken_back', 'ja', person='太郎')}"


def lines(discord: LoopbackDiscord, thread: Channel) -> list[Message]:
    """The lines that tell of what somebody did and can be taken back."""
    return [m for m in discord.by_bot(thread) if any(one.startswith(TAKE_BACK) for one in m.buttons)]


async def line(discord: LoopbackDiscord, thread: Channel) -> Message:
    """The one such line, once it is there."""
    (found,) = await discord.until(lambda: lines(discord, thread))
    return found


async def taken_back(house: House, message: Message) -> Slash:
    """太郎 presses 元に戻す; the line says so, and its buttons are gone."""
    press = await house.discord.press(message, house.discord.taro, TAKE_BACK)
    await house.discord.until(lambda: message.content.endswith(TAKEN_BACK))
    assert message.buttons == {}
    return press


async def refused(house: House, message: Message, button: str = TAKE_BACK, locale: str = "ja") -> str:
    """What 太郎 alone is told who presses 元に戻す."""
    press = await house.discord.press(message, house.discord.taro, button, locale=locale)
    await house.discord.until(lambda: press.answers)
    assert [answer.ephemeral_to for answer in press.answers] == [house.discord.taro]
    return press.answers[0].content


async def test_an_undo_is_taken_back_by_anybody_once() -> None:
    """The line of the undo says who took it back, nothing more is posted, and a second press does nothing."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        thread, _, room = await told(house)
        discord = house.discord
        (reply,) = discord.by_bot(thread)
        await discord.press(reply, discord.hanako, "tz:undo")
        notice = await line(discord, thread)
        said = SAY("discord.undone", "ja", person="花子", ending=BEGINNING)
        assert (notice.content, list(notice.buttons.values())) == (said, ["▶ 続き", "元に戻す"])
        (button,) = [one for one in notice.buttons if one.startswith(TAKE_BACK)]
        press = await taken_back(house, notice)
        assert press.answers == []
        assert await texts_in(house, room) == [BEGINNING, SENTENCES[0]]
        assert notice.content == said + TAKEN_BACK
        await discord.until(lambda: len(reply.buttons) == 5)
        again = await discord.press(notice, discord.hanako, button)
        await discord.until(lambda: again.answers)
        assert [answer.content for answer in again.answers] == [SAY("error.nothing_to_take_back", "ja")]
        assert (notice.content, notice.buttons) == (said + TAKEN_BACK, {})
        assert await texts_in(house, room) == [BEGINNING, SENTENCES[0]]
        assert discord.by_bot(thread) == [reply, notice]


async def test_two_who_take_back_at_once_do_it_once() -> None:
    """The line tells of the first; the second reads that it was done, and changes no word of the line."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        thread, _, room = await told(house)
        discord = house.discord
        undo = await discord.slash(thread, discord.hanako, "story undo")
        await discord.until(lambda: undo.answers)
        (notice,) = undo.answers
        presses = [await discord.press(notice, who, TAKE_BACK) for who in (discord.taro, discord.hanako)]
        await discord.until(lambda: [answer for press in presses for answer in press.answers])
        await discord.until(lambda: notice.content.endswith(TAKEN_BACK))
        assert [answer.content for press in presses for answer in press.answers] == [
            SAY("error.nothing_to_take_back", "ja")
        ]
        assert (notice.content.count("\n"), notice.buttons) == (1, {})
        assert await texts_in(house, room) == [BEGINNING, SENTENCES[0]]


async def test_what_the_story_has_moved_on_from_stays() -> None:
    """Who presses late reads why, in their language; nothing changes, and the button is there still."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER) as house:
        thread, _, room = await told(house)
        discord = house.discord
        undo = await discord.slash(thread, discord.hanako, "story undo")
        await discord.until(lambda: undo.answers)
        await discord.say_in(thread, discord.hanako, "別の道へ。", mentions_bot=False)
        await done(house, thread, 3, "".join(LATER))
        await discord.until(lambda: house.idle(thread))
        for locale in ("en-US", "ja"):
            sentence = SAY("error.act_overtaken", locale[:2])
            assert await refused(house, undo.answers[0], locale=locale) == sentence
        assert await texts_in(house, room) == [BEGINNING, "別の道へ。", "".join(LATER)]
        assert await line(discord, thread) is undo.answers[0]


async def test_a_candidate_that_was_chosen_is_given_up_again() -> None:
    """The one before is the story's end, and the message shows it."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER[:1]) as house:
        thread, _, room = await told(house)
        discord = house.discord
        (reply,) = discord.by_bot(thread)
        await discord.press(reply, discord.hanako, "tz:several")
        several = await discord.until(lambda: [m for m in discord.by_bot(thread)[1:] if m.buttons])
        await discord.until(lambda: house.idle(thread))
        others = [one for one in several[0].buttons if one.startswith("tz:pick:")]
        before = await texts_in(house, room)
        await discord.press(several[0], discord.hanako, others[-1])
        notice = await line(discord, thread)
        assert await texts_in(house, room) != before
        assert list(notice.buttons.values()) == ["元に戻す"]
        await taken_back(house, notice)
        assert await texts_in(house, room) == before


async def test_a_redo_and_a_branch_are_taken_back() -> None:
    """Each by its own line."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        thread, _, room = await told(house)
        discord = house.discord
        first = (await house.store.stories.open_in(room)).passages[0]  # type: ignore[union-attr]
        for command, options, after in (
            ("story undo", {}, None),
            ("story redo", {}, [BEGINNING]),
            ("story redo", {}, None),
            ("story branch", {"passage": first.id}, [BEGINNING, SENTENCES[0]]),
            ("story branch", {"passage": first.id}, None),
        ):
            slash = await discord.slash(thread, discord.hanako, command, **options)
            await discord.until(lambda slash=slash: slash.answers)
            assert "元に戻す" in slash.answers[0].buttons.values()
            if after is not None:
                await taken_back(house, slash.answers[0])
                assert await texts_in(house, room) == after
        slash = await discord.slash(thread, discord.hanako, "story branch", passage=first.id)
        await discord.until(lambda: slash.answers)
        # The story ended there already: this line has nothing to take back.
        assert list(slash.answers[0].buttons.values()) == ["▶ 続き"]


async def test_going_on_from_an_earlier_message_is_told_before_what_comes_of_it() -> None:
    """The menu leads the story elsewhere for everybody; a reply to a passage is plain to see by itself."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER) as house:
        thread, first, room = await told(house)
        discord = house.discord
        chosen = await discord.menu(first, discord.taro, go_on(discord))
        await done(house, thread, 3, "".join(LATER))
        _, notice, _ = discord.by_bot(thread)
        assert notice.content == SAY("discord.branched", "ja", person="太郎", ending=BEGINNING)
        assert list(notice.buttons.values()) == ["元に戻す"]
        assert [answer.ephemeral_to for answer in chosen.answers] == [discord.taro]
        await discord.until(lambda: house.idle(thread))
        assert await refused(house, notice) == SAY("error.act_overtaken", "ja")
        await discord.say_in(discord.channel, discord.hanako, "別の道へ。", reply_to=first)
        await done(house, thread, 4, "".join(LATER))
        assert await texts_in(house, room) == [BEGINNING, "別の道へ。", "".join(LATER)]


async def test_beginning_anew_asks_first_and_is_taken_back() -> None:
    """The form says what would be closed; the former story is open again afterwards."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        thread, _, room = await told(house)
        discord = house.discord
        asked = await discord.slash(thread, discord.hanako, "story new", title="夜の川")
        await discord.until(lambda: asked.modal)
        assert asked.modal is not None
        former = await house.store.stories.open_in(room)
        assert former is not None
        label = asked.modal["components"][0]
        assert former.title[:20] in label["description"]
        assert label["component"]["value"] == "夜の川"
        assert await texts_in(house, room) == [BEGINNING, SENTENCES[0]]
        await discord.submit(asked)
        notice = await line(discord, thread)
        assert notice.content == SAY("discord.story.begun", "ja", person="花子", title="夜の川")
        assert await texts_in(house, room) == []
        await taken_back(house, notice)
        assert await texts_in(house, room) == [BEGINNING, SENTENCES[0]]


async def test_a_form_does_not_close_what_it_did_not_ask_about() -> None:
    """Somebody began another story meanwhile, and wrote: that one stays, and the title is handed back."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER) as house:
        thread, _, room = await told(house)
        discord = house.discord
        asked = [await discord.slash(thread, who, "story new") for who in (discord.hanako, discord.taro)]
        await discord.submit(asked[0])
        await line(discord, thread)
        await discord.say_in(thread, discord.hanako, "別の話。", mentions_bot=False)
        await discord.until(lambda: [m for m in discord.by_bot(thread) if m.content == "".join(LATER)])
        await discord.until(lambda: house.idle(thread))
        late = await discord.submit(asked[1], text="太郎の川")
        await discord.until(lambda: late.answers)
        sentence = SAY("discord.form.another_is_open", "ja")
        assert late.answers[0].content == f"{sentence}\n>>> 太郎の川"
        assert late.answers[0].ephemeral_to is discord.taro
        assert await texts_in(house, room) == ["別の話。", "".join(LATER)]


async def test_closing_and_opening_are_taken_back() -> None:
    """A closed story is open again; one that was opened makes room for the one before."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER) as house:
        thread, _, room = await told(house)
        discord = house.discord
        former = await house.store.stories.open_in(room)
        assert former is not None
        closing = await discord.slash(thread, discord.hanako, "story close")
        await discord.until(lambda: closing.answers)
        await taken_back(house, closing.answers[0])
        assert await texts_in(house, room) == [BEGINNING, SENTENCES[0]]
        await discord.submit(await discord.slash(thread, discord.hanako, "story new"))
        await line(discord, thread)
        await discord.say_in(thread, discord.hanako, "別の話。", mentions_bot=False)
        await discord.until(lambda: [m for m in discord.by_bot(thread) if m.content == "".join(LATER)])
        await discord.until(lambda: house.idle(thread))
        opening = await discord.slash(thread, discord.hanako, "story open", story=former.id)
        await discord.until(lambda: opening.answers)
        assert await texts_in(house, room) == [BEGINNING, SENTENCES[0]]
        await taken_back(house, opening.answers[0])
        assert await texts_in(house, room) == ["別の話。", "".join(LATER)]


async def test_a_deleted_message_is_told_in_one_line() -> None:
    """Without a button: Discord asked already. Of several that go at once nothing is said."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1], LATER) as house:
        thread, first, room = await told(house)
        discord = house.discord
        written = [
            await discord.say_in(thread, discord.hanako, text, mentions_bot=False)
            for text in ("（（どうする？））", "雨。", "風。")
        ]
        await discord.until(lambda: [m for m in discord.by_bot(thread) if m.content == "".join(LATER)])
        await discord.until(lambda: house.idle(thread))
        notice = SAY("discord.deleted", "ja", person="花子")

        def notices() -> list[Message]:
            return [message for message in discord.by_bot(thread) if message.content == notice]

        await discord.delete(written[0])
        await discord.delete(first)
        told_of = await discord.until(notices, 60)
        await discord.purge(*written[1:])
        while "風。" in await texts_in(house, room):
            pass
        assert notices() == told_of
    assert [m.buttons for m in told_of] == [{}]


async def test_who_may_not_use_the_bot_takes_nothing_back() -> None:
    """As with everything else; they alone are told."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        thread, _, room = await told(house)
        discord = house.discord
        undo = await discord.slash(thread, discord.hanako, "story undo")
        await discord.until(lambda: undo.answers)
        rules = {"denied": [f"user/{discord.taro.id}"]}
        await house.store.settings.save("discord", f"guild/{discord.guild.id}", rules)
        assert await refused(house, undo.answers[0]) == SAY("error.not_permitted", "ja")
        asked = await discord.slash(thread, discord.taro, "story new")
        await discord.until(lambda: asked.answers)
        assert asked.modal is None
        assert await texts_in(house, room) == [BEGINNING]


async def test_the_button_outlives_the_process(runs: BotRuns) -> None:
    """All it needs is in its id and in the database."""
    discord = runs.discord
    runs.worker.go_on()
    async with runs.process() as bot:
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        (reply,) = await discord.until(lambda: [m for m in discord.by_bot(thread) if len(m.buttons) == 5], 60)
        await discord.press(reply, discord.hanako, "tz:undo")
        notice = await line(discord, thread)
        assert await bot.stop() == 0
    async with runs.process() as again:
        await discord.press(notice, discord.taro, TAKE_BACK)
        await discord.until(lambda: notice.content.endswith(TAKEN_BACK), 60)
        assert await again.stop() == 0
    story = await runs.story_in(thread)
    assert [passage.by_model for passage in story.passages] == [False, True]


@pytest.mark.parametrize("button", ["tz:redo:", "tz:undo:"])
async def test_buttons_of_an_earlier_version_go_on_working(button: str) -> None:
    """What they carry did not change; what they do is told with the way back."""
    async with whole_house(LoopbackDiscord(), SENTENCES[:1]) as house:
        thread, _, room = await told(house)
        discord = house.discord
        (reply,) = discord.by_bot(thread)
        story = await house.store.stories.open_in(room)
        assert story is not None
        pressed, after = reply, [BEGINNING]
        custom_id = f"{button}{story.head}"
        if button == "tz:redo:":
            undo = await discord.slash(thread, discord.hanako, "story undo")
            await discord.until(lambda: undo.answers)
            pressed, after = undo.answers[0], [BEGINNING, SENTENCES[0]]
            custom_id = f"{button}{story.passages[0].id}"
        press = await discord.press(pressed, discord.taro, custom_id)
        await discord.until(lambda: press.answers)
        assert press.answers[0].ephemeral_to is None
        assert "元に戻す" in press.answers[0].buttons.values()
        assert await texts_in(house, room) == after
