"""`/continue`: its names, its answers within three seconds, its thread, its errors."""

from __future__ import annotations

import asyncio

from bot.domain.errors import QueueFull
from bot.domain.jobs import GenerationOptions, Length
from tests.fakes.services import FakeServices
from tests.integration.discord.stage import BEGINNING, QuickClock, Stage, adapter_for
from tests.servers.discord import Permission


async def test_the_command_has_its_names_in_both_languages(stage: Stage) -> None:
    """`/continue` is `/続き` for a Japanese reader, with every option and choice translated."""
    command = stage.command("continue")
    assert (command["name"], command["name_localizations"]) == ("continue", {"ja": "続き"})
    assert [(option["name"], option["name_localizations"]["ja"]) for option in command["options"]] == [
        ("text", "本文"),
        ("length", "長さ"),
        ("preset", "調子"),
        ("candidates", "候補数"),
    ]
    assert all("ja" in option["description_localizations"] for option in command["options"])
    lengths = command["options"][1]["choices"]
    assert ("long", "長め（500字ほど）") in {(c["value"], c["name_localizations"]["ja"]) for c in lengths}


async def test_a_second_start_does_not_register_the_commands_again(stage: Stage) -> None:
    """Discord's copy is the same, so nothing is sent."""
    assert stage.discord.state.syncs == 1
    again = adapter_for(stage.discord, FakeServices(), QuickClock([]))
    logins = len(stage.discord.gateway.identified)
    task = asyncio.create_task(again.run())
    await stage.discord.until(lambda: len(stage.discord.gateway.identified) > logins)
    task.cancel()
    await asyncio.wait({task})
    assert stage.discord.state.syncs == 1


async def test_changed_commands_are_registered(stage: Stage) -> None:
    """A command that Discord has otherwise is replaced at the next start."""
    stage.command("continue")["description_localizations"] = {"ja": "古い説明"}
    logins = len(stage.discord.gateway.identified)
    task = asyncio.create_task(adapter_for(stage.discord, FakeServices(), QuickClock([])).run())
    await stage.discord.until(lambda: len(stage.discord.gateway.identified) > logins)
    task.cancel()
    await asyncio.wait({task})
    assert stage.discord.state.syncs == 2


async def test_with_text_the_answer_shows_it_and_a_thread_opens_from_it(stage: Stage) -> None:
    """Everybody sees the text at once; the story goes on in the thread of that answer."""
    slash = await stage.discord.slash(
        stage.discord.channel,
        stage.discord.hanako,
        "continue",
        text=BEGINNING,
        length="long",
        preset="bold",
        candidates=3,
    )
    heard = await stage.services.until_heard()
    thread = await stage.opened()
    (shown,) = slash.answers
    assert (BEGINNING, None, shown.id) == (shown.content, shown.ephemeral_to, thread.id)
    assert (BEGINNING, str(slash.id)) == (heard.message.text, heard.message.event_id)
    assert [(str(slash.id), str(shown.id), None, None)] == stage.services.shown_by
    assert (await stage.services.stories.open_in(stage.room(thread))) is not None
    assert GenerationOptions(Length.LONG, "bold", 3) == heard.ask
    assert slash.took_s < 3.0
    assert shown.allowed_mentions == [{"parse": []}]


async def test_mentions_in_the_text_are_names_in_the_story(stage: Stage) -> None:
    """An option brings ids only; who and what the server does not know stays as it was typed."""
    discord = stage.discord
    role = await discord.add_role("犬")
    typed = f"<@{discord.taro.id}>と<@5>は<@&{role.id}>を連れて<#{discord.channel.id}>へ<@{discord.bot.id}>"
    await discord.slash(discord.channel, discord.hanako, "continue", text=typed)
    heard = await stage.services.until_heard()
    assert heard.message.text == "太郎と<@5>は犬を連れて#物語へ"


async def test_without_text_in_a_storys_thread_it_goes_on(stage: Stage) -> None:
    """Nothing is left behind but the continuation that the outbox posts."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.tell(stage.room(thread), BEGINNING)
    slash = await stage.discord.slash(thread, stage.discord.hanako, "continue")
    heard = await stage.services.until_heard()
    await stage.discord.until(lambda: slash.original and slash.original.deleted)
    assert (stage.room(thread), "", GenerationOptions()) == (
        heard.message.room,
        heard.message.text,
        heard.ask,
    )
    assert stage.discord.by_bot(thread) == []
    assert slash.answers == []


async def test_with_text_in_a_storys_thread_no_further_thread_opens(stage: Stage) -> None:
    """The text is shown there and added to the story."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.tell(stage.room(thread), BEGINNING)
    await stage.discord.slash(thread, stage.discord.hanako, "continue", text="彼は立った。")
    heard = await stage.services.until_heard()
    assert (stage.room(thread), "彼は立った。") == (heard.message.room, heard.message.text)
    (shown,) = await stage.discord.until(lambda: stage.discord.by_bot(thread))
    assert shown.content == "彼は立った。"
    assert [thread] == stage.discord.threads()


async def test_without_text_and_story_a_form_takes_the_beginning(stage: Stage) -> None:
    """With its line breaks, in the person's language; the options stay as they were chosen."""
    slash = await stage.discord.slash(
        stage.discord.channel, stage.discord.hanako, "continue", length="long", preset="bold"
    )
    text = f"　{BEGINNING}\n\n　彼は"
    await stage.discord.submit(slash, text=text)
    heard = await stage.services.until_heard()
    thread = await stage.opened()
    assert heard.message.text == text
    assert (await stage.services.stories.open_in(stage.room(thread))) is not None
    assert GenerationOptions(Length.LONG, "bold") == heard.ask
    assert slash.modal is not None
    assert slash.modal["title"] == stage.say("discord.form.begin.title", "ja")


LONG = "".join(f"{number}日目の夜、雨はまだ降っていた。" for number in range(200))


async def test_a_beginning_that_is_too_long_for_a_message_is_shown_whole(stage: Stage) -> None:
    """In as many messages as it takes; the thread opens from the first."""
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.hanako, "continue")
    sent = await stage.discord.submit(slash, text=LONG)
    heard = await stage.services.until_heard()
    thread = await stage.opened()
    assert heard.message.text == LONG == "".join(answer.content for answer in sent.answers)
    assert sent.answers[0].id == thread.id
    assert {answer.ephemeral_to for answer in sent.answers} == {None}


async def test_a_long_text_that_is_refused_comes_back_whole(stage: Stage) -> None:
    """Nothing of it stays in the channel; the person has all of it with the reason."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    slash = await stage.discord.slash(thread, stage.discord.hanako, "continue")
    stage.services.refuse(QueueFull(limit=3))
    sent = await stage.discord.submit(slash, text=LONG)
    reason = stage.say(QueueFull.key, "ja", limit=3)
    await stage.discord.until(lambda: [m for m in sent.answers if m.ephemeral_to][1:])
    said = "".join(m.content.replace(">>> ", "") for m in sent.answers if m.ephemeral_to)
    assert said == f"{reason}\n{LONG}"
    assert stage.discord.by_bot(thread) == []


async def test_a_refusal_is_ephemeral(stage: Stage) -> None:
    """Where no new thread was opened, the text is taken back: the person gets it with the reason."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.refuse(QueueFull(limit=3))
    slash = await stage.discord.slash(thread, stage.discord.hanako, "continue", text="彼は立った。")
    await stage.discord.until(lambda: [m for m in slash.answers if m.ephemeral_to])
    (answer,) = slash.answers
    reason = stage.say("error.queue_full", "ja", limit=3)
    assert (f"{reason}\n>>> 彼は立った。", stage.discord.hanako) == (answer.content, answer.ephemeral_to)


async def test_an_unforeseen_error_is_answered_without_a_traceback(stage: Stage) -> None:
    """People see a sentence, and their text; the log has the rest."""
    stage.services.refuse(ZeroDivisionError("secret detail"))
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.hanako, "continue", text="あ")
    await stage.discord.until(lambda: [m for m in slash.answers if m.ephemeral_to])
    assert f"{stage.say('discord.trouble', 'ja')}\n>>> あ" == slash.answers[-1].content


async def test_where_the_bot_may_not_talk_the_permission_is_named(stage: Stage) -> None:
    """Before anything is shown or opened."""
    quiet = await stage.discord.open_channel("静か", denied=Permission.SEND_MESSAGES)
    slash = await stage.discord.slash(quiet, stage.discord.hanako, "continue", text=BEGINNING)
    await stage.discord.until(lambda: slash.answers)
    permission = stage.say("discord.permission.send_messages", "ja")
    reason = "\n".join(
        stage.say(key, "ja", permission=permission) for key in ("error.not_allowed", "discord.click")
    )
    assert [f"{reason}\n>>> {BEGINNING}"] == [answer.content for answer in slash.answers]
    assert stage.services.heard == []


async def test_in_a_direct_message_the_reply_answers_what_was_shown(stage: Stage) -> None:
    """The DM is the room."""
    direct = stage.discord.world.direct(stage.discord.hanako)
    slash = await stage.discord.slash(direct, stage.discord.hanako, "continue", text=BEGINNING)
    heard = await stage.services.until_heard()
    assert stage.room(direct) == heard.message.room
    await stage.reply(direct).stream("窓の外では。")
    shown, answer = stage.discord.by_bot(direct)
    assert (slash.original, shown.id) == (shown, answer.reply_to)


async def test_unreadable_characters_are_named_to_the_person(stage: Stage) -> None:
    """Only they see it, and the text stays."""
    stage.services.unknown = ("𠮷",)
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.hanako, "continue", text="𠮷野家")
    await stage.discord.until(lambda: len(slash.answers) > 1)
    assert ["𠮷野家", stage.say("discord.unknown", "ja", characters="𠮷")] == [
        answer.content for answer in slash.answers
    ]
    assert [None, stage.discord.hanako] == [answer.ephemeral_to for answer in slash.answers]


async def test_what_the_model_may_not_write_is_told_with_the_setting_that_helps(stage: Stage) -> None:
    """Behind what it cannot see, to the writer alone."""
    stage.services.unknown = ("𠮷",)
    stage.services.unwritable, stage.services.languages_needed = ("한", "é"), ("ko", "fr")
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.hanako, "continue", text="한é𠮷")
    await stage.discord.until(lambda: len(slash.answers) > 1)
    assert slash.answers[1].content.splitlines() == [
        stage.say("discord.unknown", "ja", characters="𠮷"),
        stage.say("languages.unwritable", "ja", characters="한 é", languages="ko, fr"),
    ]
    assert "TSUZUKI_ENGINE__LANGUAGES" in slash.answers[1].content
    assert slash.answers[1].ephemeral_to == stage.discord.hanako


async def test_what_is_read_instead_is_shown_as_it_is(stage: Stage) -> None:
    """The place around the first character that cannot be read; Markdown in it means nothing."""
    stage.services.unknown, stage.services.read_as = ("𠮷",), "**〓野家**"
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.hanako, "continue", text="𠮷野家")
    await stage.discord.until(lambda: len(slash.answers) > 1)
    sentence = stage.say("discord.unknown_as", "ja", characters="𠮷", read_as=r"\*\*〓野家\*\*")
    assert sentence == slash.answers[1].content


async def test_an_answer_that_discord_did_not_take_costs_the_answer_alone(stage: Stage) -> None:
    """The interaction was over by then: the text stands there as an ordinary message."""
    stage.discord.fail("POST", "/callback", 404, code=10062)
    await stage.discord.slash(stage.discord.channel, stage.discord.hanako, "continue", text=BEGINNING)
    thread = await stage.opened()
    (shown,) = stage.discord.by_bot(stage.discord.channel)
    assert (shown.content, shown.id) == (f"-# 花子\n{BEGINNING}", thread.id)
    assert len(stage.discord.by_bot(thread)) == 1


async def test_an_answer_whose_receipt_got_lost_is_found(stage: Stage) -> None:
    """It is not shown a second time."""
    stage.discord.fail("POST", "/callback", None, applied=True)
    slash = await stage.discord.slash(stage.discord.channel, stage.discord.hanako, "continue", text=BEGINNING)
    thread = await stage.opened()
    assert slash.original is not None
    assert [slash.original] == stage.discord.by_bot(stage.discord.channel)
    assert slash.original.id == thread.id


async def test_without_text_a_command_that_cannot_be_acknowledged_goes_on(stage: Stage) -> None:
    """The reply is a message of its own all the same."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.tell(stage.room(thread), BEGINNING)
    stage.discord.fail("POST", "/callback", 404, code=10062)
    await stage.discord.slash(thread, stage.discord.hanako, "continue")
    assert (await stage.services.until_heard()).message.room == stage.room(thread)


async def test_in_a_thread_a_refused_answer_is_shown_as_a_message(stage: Stage) -> None:
    """Above the reply, with its writer's name."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.tell(stage.room(thread), BEGINNING)
    stage.discord.fail("POST", "/callback", 404, code=10062)
    await stage.discord.slash(thread, stage.discord.hanako, "continue", text="彼は立った。")
    await stage.opened()
    assert next(m.content for m in stage.discord.by_bot(thread)) == "-# 花子\n彼は立った。"
