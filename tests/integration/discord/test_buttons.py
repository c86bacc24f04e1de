"""Buttons and forms: what each asks of the story, after weeks, twice, by others, and by a forged id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.chat import MODEL, Author, Message, Room
from bot.domain.errors import NotYours, StoryMoved
from bot.domain.jobs import GenerationOptions
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.story import Passage
from tests.integration.discord.stage import BEGINNING, QuickClock, Stage, adapter_for, running
from tests.servers.discord import Channel, LoopbackDiscord
from tests.servers.discord import Message as Shown

TEXT = "窓の外では虫が鳴いていた。"
DONE = Reply(ReplyState.DONE, TEXT, job="job-1", passage="p1")


async def told(stage: Stage, draft: Reply = DONE) -> tuple[Channel, Shown]:
    """A story's thread with one reply in it."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    room = stage.room(thread)
    stage.services.tell(room, BEGINNING)
    message_id = await stage.adapter.post(room, draft, "job-1:0")
    message = stage.discord.world.messages[int(message_id)]
    asker = Author("discord", str(stage.discord.hanako.id), "花子")
    stage.services.shows[message_id] = Passage("p1", "story-1", None, MODEL, TEXT, asker)
    return thread, message


def labels(message: Shown) -> list[str]:
    """What the buttons say."""
    return list(message.buttons.values())


async def test_each_state_has_its_buttons(stage: Stage) -> None:
    """To stop while waiting and writing; then to go on; none once the story has left it behind."""
    thread, message = await told(stage, Reply(ReplyState.WAITING, note="二番目です", job="job-1"))
    assert message.buttons == {"tz:stop:job-1": "止める"}
    room, message_id = stage.room(thread), str(message.id)
    await stage.adapter.edit(room, message_id, Reply(ReplyState.WRITING, "窓", job="job-1"))
    assert message.buttons == {"tz:stop:job-1": "止める"}
    await stage.adapter.edit(room, message_id, DONE)
    assert labels(message) == ["▶ 続き", "やり直し", "取り消し", "候補", "編集"]
    await stage.adapter.edit(room, message_id, Reply(ReplyState.DONE, TEXT, job="job-1", interactive=False))
    assert message.buttons == {}
    assert message.content == TEXT


async def test_a_reply_that_came_to_nothing_can_be_asked_for_again_once(stage: Stage) -> None:
    """However often the button is pressed: both presses are the same event."""
    _, message = await told(stage, Reply(ReplyState.FAILED, note="だめでした", job="job-1"))
    assert labels(message) == ["もう一度"]
    for person in (stage.discord.hanako, stage.discord.taro):
        await stage.discord.press(message, person, "tz:go")
    for count in (1, 2):
        what, message, job = await stage.services.until_noted(count)
        assert isinstance(message, Message)
        assert (what, message.event_id, message.text, job) == ("again", "again job-1", "", "job-1")


async def test_buttons_where_nobody_spoke_yet(stage: Stage) -> None:
    """As after a restart: they are in the language of who asked."""
    room = Room("discord", str(stage.discord.channel.id))
    for locale in ("en", "ja"):
        await stage.adapter.post(room, replace(DONE, locale=locale), f"job-{locale}:0")
    english, japanese = (labels(message) for message in stage.discord.by_bot(stage.discord.channel))
    assert ("続き" in english[0], "続き" in japanese[0]) == (False, True)


async def test_go_on_names_the_passage_that_it_stands_under(stage: Stage) -> None:
    """So two people who press at once get one continuation; the press is acknowledged in time."""
    thread, message = await told(stage)
    press = await stage.discord.press(message, stage.discord.taro, "tz:more")
    heard = await stage.services.until_heard()
    assert (heard.message.after, heard.message.text, heard.message.room) == ("p1", "", stage.room(thread))
    assert heard.message.author.name == "太郎"
    await stage.discord.until(lambda: press.acknowledged_s)
    assert press.took_s < 3.0
    assert press.answers == []


async def test_retry_and_several(stage: Stage) -> None:
    """One instead of the last, or as many as the room's rules say."""
    _, message = await told(stage)
    await stage.discord.press(message, stage.discord.hanako, "tz:again")
    _, again, ask = await stage.services.until_noted()
    await stage.discord.press(message, stage.discord.hanako, "tz:several")
    _, several, wanted = await stage.services.until_noted(2)
    assert isinstance(again, Message)
    assert isinstance(several, Message)
    assert [(again.after, ask), (several.after, wanted)] == [
        ("p1", GenerationOptions()),
        ("p1", GenerationOptions(candidates=3)),
    ]


async def test_undo_is_told_to_everybody_with_the_way_back(stage: Stage) -> None:
    """Whoever comes later sees where the story ends, and can go on or take it back."""
    thread, message = await told(stage)
    await stage.discord.press(message, stage.discord.taro, "tz:undo")
    assert (await stage.services.until_noted())[3] == "p1"
    notice = await stage.discord.until(lambda: stage.discord.by_bot(thread)[1:])
    assert [stage.say("discord.undone", "ja", person="太郎", ending=BEGINNING)] == [m.content for m in notice]
    assert labels(notice[0]) == ["▶ 続き", "取り消しを戻す"]
    await stage.discord.press(notice[0], stage.discord.hanako, "tz:redo")
    redone = await stage.services.until_noted(2)
    assert (redone[0], redone[3]) == ("redo", await stage.services.until_head(stage.room(thread)))


async def test_stop_works_while_it_waits_and_says_when_it_is_over(stage: Stage) -> None:
    """By the job's own id."""
    _, message = await told(stage, Reply(ReplyState.WAITING, note="二番目です", job="job-1"))
    await stage.discord.press(message, stage.discord.taro, "tz:stop")
    assert (await stage.services.until_noted())[:2] == ("stop", "job-1")
    late = await stage.discord.press(message, stage.discord.taro, "tz:stop:over")
    await stage.discord.until(lambda: late.answers)
    assert [(stage.say("discord.over", "ja"), stage.discord.taro)] == [
        (answer.content, answer.ephemeral_to) for answer in late.answers
    ]


async def test_a_candidate_keeps_its_number_when_another_is_chosen(stage: Stage) -> None:
    """Under the reply, in its text, and where all of them are read."""
    choices = (Candidate("job-1.0", "一つ目。"), Candidate("job-1.1", "二つ目。"))
    _, message = await told(stage, Reply(ReplyState.DONE, "三つ目。", "", choices, "job-1", "job-1.2"))
    assert labels(message)[5:] == ["候補を読む", "〔1〕にする", "〔2〕にする", "〔3〕にする"]
    assert [name for name in message.buttons if "pick" in name] == [f"tz:pick:job-1.{n}" for n in range(3)]
    assert message.content == "三つ目。\n\n**〔1〕**\n一つ目。\n\n**〔2〕**\n二つ目。"
    texts = {"job-0.0": "前の。", "job-1.0": "一つ目。", "job-1.1": "二つ目。", "job-1.2": "三つ目。"}
    stage.services.made_of["job-1.2"] = [Passage(n, "story-1", None, MODEL, t) for n, t in texts.items()]
    reading = await stage.discord.press(message, stage.discord.taro, "tz:read")
    await stage.discord.until(lambda: len(reading.answers) == 4)
    assert [a.content for a in reading.answers] == [
        f"**〔{n}〕**\n{texts[name]}" for n, name in enumerate([*list(texts)[1:], "job-0.0"], start=1)
    ]


async def test_more_candidates_than_buttons_leave_out_the_chosen_one(stage: Stage) -> None:
    """Discord takes five in a row: every other can still be chosen."""
    choices = tuple(Candidate(f"job-1.{n}", f"{n}。") for n in range(1, 5))
    _, message = await told(stage, Reply(ReplyState.DONE, "零。", "", choices, "job-1", "job-1.0"))
    assert labels(message)[6:] == [f"〔{n}〕にする" for n in range(2, 6)]


async def test_candidates_have_a_button_each_and_can_be_read_in_full(stage: Stage) -> None:
    """In full to who asks, over as many messages as it takes; choosing is told to everybody."""
    long = "長い候補でした。" * 300
    choices = (Candidate("p2", "二つ目。"), Candidate("p3", long[:100]))
    thread, message = await told(stage, Reply(ReplyState.DONE, TEXT, "", choices, "job-1", "p1"))
    assert labels(message)[5:] == ["候補を読む", "〔1〕にする", "〔2〕にする", "〔3〕にする"]
    stage.services.made_of["p1"] = [
        Passage(name, "story-1", None, MODEL, text)
        for name, text in (("p1", TEXT), ("p2", "二つ目。"), ("p3", long))
    ]
    reading = await stage.discord.press(message, stage.discord.taro, "tz:read")
    await stage.discord.until(lambda: len(reading.answers) == 4)
    assert "".join(a.content for a in reading.answers[2:]) == f"**〔3〕**\n{long}"
    assert {stage.discord.taro} == {answer.ephemeral_to for answer in reading.answers}
    await stage.discord.press(reading.answers[-1], stage.discord.taro, "tz:pick:p3")
    assert (await stage.services.until_noted())[0::3] == ("choose", "p3")
    await stage.discord.until(lambda: len(stage.discord.by_bot(thread)) == 2)


async def test_edit_brings_a_form_to_whom_the_passage_belongs(stage: Stage) -> None:
    """With the text in it; others are told that it is not theirs."""
    thread, message = await told(stage)
    mine = await stage.discord.press(message, stage.discord.hanako, "tz:edit")
    done = await stage.discord.submit(mine, text="窓の外では、\n虫が。")
    noted = await stage.services.until_noted()
    assert (noted[0], noted[1], noted[3], noted[4]) == (
        "edit",
        stage.room(thread),
        "p1",
        "窓の外では、\n虫が。",
    )
    await stage.discord.until(lambda: done.answers)
    assert [stage.say("discord.form.edit.done", "ja")] == [answer.content for answer in done.answers]
    other = await stage.discord.press(message, stage.discord.taro, "tz:edit")
    await stage.discord.until(lambda: other.answers)
    assert [stage.say(NotYours.key, "ja")] == [answer.content for answer in other.answers]


async def test_a_passage_stays_ones_own_under_another_name_and_language(stage: Stage) -> None:
    """Nicknames change, and a client can be in another language: the account counts."""
    _, message = await told(stage)
    stage.discord.hanako.display_name = "はなこ"
    opened = await stage.discord.press(message, stage.discord.hanako, "tz:edit", locale="en-US")
    await stage.discord.until(lambda: opened.modal)


async def test_the_first_passage_is_changed_where_its_story_is_told(stage: Stage) -> None:
    """Its message stands in the channel, the story in the thread that hangs on it."""
    thread, _ = await told(stage)
    hanako = stage.discord.hanako
    first = stage.discord.world.add_message(stage.discord.channel, hanako, BEGINNING)
    author = Author("discord", str(hanako.id), "花子")
    stage.services.shows[str(first.id)] = Passage("p0", "story-1", None, author, BEGINNING)
    opened = await stage.discord.menu(first, hanako, "Edit this passage")
    await stage.discord.submit(opened, text="それは十月のことであった。")
    noted = await stage.services.until_noted()
    assert (noted[0], noted[1], noted[3]) == ("edit", stage.room(thread), "p0")


async def test_a_form_that_is_refused_gives_the_text_back(stage: Stage) -> None:
    """Nobody types it twice."""
    _, message = await told(stage)
    opened = await stage.discord.press(message, stage.discord.hanako, "tz:edit")
    stage.services.fail(StoryMoved())
    sent = await stage.discord.submit(opened, text="直した文。")
    await stage.discord.until(lambda: sent.answers)
    assert [f"{stage.say(StoryMoved.key, 'ja')}\n>>> 直した文。"] == [a.content for a in sent.answers]


async def test_a_story_that_moved_on_is_told_to_who_pressed(stage: Stage) -> None:
    """An old button does nothing twice."""
    _, message = await told(stage)
    stage.services.refuse(StoryMoved())
    press = await stage.discord.press(message, stage.discord.taro, "tz:more")
    await stage.discord.until(lambda: press.answers)
    assert [(stage.say(StoryMoved.key, "ja"), stage.discord.taro)] == [
        (answer.content, answer.ephemeral_to) for answer in press.answers
    ]


@pytest.mark.parametrize("custom_id", ["tz:dance:p1", "vote-1", "tz:begin:x", "tz::", "tz:memory:"])
async def test_an_unknown_button_is_answered(stage: Stage, custom_id: str) -> None:
    """Of another version, of nobody."""
    _, message = await told(stage)
    press = await stage.discord.press(message, stage.discord.taro, custom_id)
    await stage.discord.until(lambda: press.answers)
    assert [stage.say("discord.unknown_button", "ja")] == [answer.content for answer in press.answers]


async def test_buttons_and_forms_work_after_a_restart() -> None:
    """Nothing about them is kept in memory: another process takes the press, and the form it never opened."""
    async with LoopbackDiscord() as discord:
        services, clock = Stage.new_play(), QuickClock([])
        first = adapter_for(discord, services, clock)
        async with running(first, discord):
            stage = Stage(discord, first, services, Stage.new_say(), clock)
            _, message = await told(stage)
            opened = await discord.press(message, discord.hanako, "tz:edit")
            await discord.until(lambda: opened.modal)
        await discord.until(lambda: not discord.gateway.live)
        async with running(adapter_for(discord, services, clock), discord):
            await discord.press(message, discord.hanako, "tz:more")
            assert (await services.until_heard()).message.after == "p1"
            await discord.submit(opened, text="直した文。")
            assert (await services.until_noted())[0] == "edit"


async def test_double_clicks_count_once(stage: Stage) -> None:
    """A second press within three seconds is acknowledged and does nothing; a later one counts."""
    _, message = await told(stage)
    for _ in range(2):
        press = await stage.discord.press(message, stage.discord.taro, "tz:undo")
        await stage.discord.until(lambda press=press: press.acknowledged_s is not None)
    await stage.discord.press(message, stage.discord.hanako, "tz:undo")
    await stage.services.until_noted(2)
    stage.clock.later_s += 10
    await stage.discord.press(message, stage.discord.taro, "tz:undo")
    await stage.services.until_noted(3)
    people = [by.name for name, _, by, _ in stage.services.noted if name == "undo"]
    assert people == ["太郎", "花子", "太郎"]


async def test_forgetting_is_asked_twice_and_only_for_oneself(stage: Stage) -> None:
    """The button is private; somebody else's id in it counts nothing."""
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.taro, "story forget-me")
    await stage.discord.until(lambda: slash.answers)
    (question,) = slash.answers
    assert question.ephemeral_to is stage.discord.taro
    assert stage.services.noted == []
    other = await stage.discord.press(question, stage.discord.hanako, f"tz:forget:{stage.discord.taro.id}")
    await stage.discord.until(lambda: other.answers)
    assert stage.services.noted == []
    done = await stage.discord.press(question, stage.discord.taro, "tz:forget")
    await stage.services.until_noted()
    await stage.discord.until(lambda: done.answers)
    assert [stage.say("discord.forgotten", "ja", count=3)] == [answer.content for answer in done.answers]


async def test_who_wrote_nothing_is_told_that_nothing_was_deleted(stage: Stage) -> None:
    """Never that something was."""
    stage.services.words_of_theirs = 0
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.taro, "story forget-me")
    await stage.discord.until(lambda: slash.answers)
    done = await stage.discord.press(slash.answers[0], stage.discord.taro, "tz:forget")
    await stage.discord.until(lambda: done.answers)
    told = [answer.content for answer in done.answers]
    assert told == [stage.say("discord.nothing_to_forget", "ja")]


async def test_rooms_say_what_they_lie_in(stage: Stage) -> None:
    """Server and parent channel, and whether it is for adults only: rules need them."""
    stage.discord.channel.nsfw = True
    adult = await stage.discord.open_channel("夜の部")
    adult.nsfw = True
    await stage.discord.gateway.dispatch("CHANNEL_UPDATE", stage.channel_payload(adult))
    thread, message = await told(stage)
    await stage.discord.press(message, stage.discord.taro, "tz:more")
    room = (await stage.services.until_heard()).message.room
    guild, channel = stage.discord.guild, stage.discord.channel
    assert room == Room("discord", str(thread.id))
    assert (room.parent_scopes, room.adult) == ((f"guild/{guild.id}", f"channel/{channel.id}"), False)
    await stage.discord.say_in(adult, stage.discord.taro, BEGINNING)
    room = (await stage.services.until_heard(2)).message.room
    assert (room.parent_scopes, room.adult) == ((f"guild/{guild.id}", f"channel/{adult.id}"), True)
