"""Files: what a paste over 2,000 characters becomes, and what is said of files that are no text."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.chat import Room
from bot.domain.jobs import GenerationOptions
from tests.integration.discord.stage import BEGINNING, Stage
from tests.integration.discord.test_whole_path import SENTENCES, done, texts_in
from tests.integration.discord.whole import whole_house
from tests.servers.discord import Channel, LoopbackDiscord

PICTURE = ("絵.png", b"\x89PNG\r\n\x1a\n\x00\x00")
LONG = "雨の夜、彼は黙って歩いた。\n" * 200


async def a_story(stage: Stage) -> Channel:
    """A thread in which a story is told."""
    thread = await stage.discord.open_thread(stage.discord.channel, "物語", stage.discord.taro)
    stage.services.tell(stage.room(thread), BEGINNING)
    return thread


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "shift_jis", "euc_jp"])
async def test_a_long_paste_is_a_passage(stage: Stage, encoding: str) -> None:
    """Discord turns it into message.txt; people attach files of older editors, too."""
    thread = await a_story(stage)
    files = (("message.txt", LONG.encode(encoding)),)
    await stage.discord.say_in(thread, stage.discord.hanako, "", mentions_bot=False, files=files)
    heard = await stage.services.until_heard()
    assert (heard.message.whole, heard.ask) == (LONG, GenerationOptions())


async def test_what_was_typed_and_what_is_attached_stand_in_their_order(stage: Stage) -> None:
    """Windows' line ends become ours."""
    files = (("一.txt", "一。\r\n二。".encode("cp932")), ("二.md", "三。".encode()))
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING, files=files)
    heard = await stage.services.until_heard()
    assert heard.message.whole == f"{BEGINNING}\n一。\n二。\n三。"


async def test_a_picture_beside_a_text_is_not_passed_over_in_silence(stage: Stage) -> None:
    """The story goes on from the text, and its writer knows that the picture is not in it."""
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING, files=(PICTURE,))
    heard = await stage.services.until_heard()
    assert (heard.message.whole, heard.ask) == (BEGINNING, GenerationOptions())
    (told,) = await stage.discord.until(lambda: stage.discord.by_bot(stage.discord.channel))
    assert "「絵.png」は物語には入っていません" in told.content
    assert stage.discord.files.given == []


async def test_a_picture_alone_asks_for_nothing(stage: Stage) -> None:
    """With a mention it is told; among the lines of a story it is left alone."""
    thread = await a_story(stage)
    await stage.discord.say_in(thread, stage.discord.hanako, "", mentions_bot=False, files=(PICTURE,))
    await stage.discord.say_in(thread, stage.discord.hanako, "", files=(PICTURE,))
    (told,) = await stage.discord.until(lambda: stage.discord.by_bot(thread))
    assert "読めるのは文章だけです" in told.content
    assert stage.services.heard == []


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("message.txt", b"\x00\x01\x02", "文章として読めませんでした"),
        ("message.txt", BEGINNING.encode("utf-16-le"), "文章として読めませんでした"),
        ("message.txt", b" \n ", "文章がありません"),
        ("message.txt", ("雨" * 40_001).encode(), "40001字"),
        ("物語.docx", b"PK\x03\x04", "読めるのはテキストだけです"),
    ],
)
async def test_a_text_that_cannot_be_read_is_not_gone_on_without(
    stage: Stage, name: str, data: bytes, words: str
) -> None:
    """What was typed beside it is kept, nothing is asked of the model, and the reason is said."""
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING, files=((name, data),))
    heard = await stage.services.until_heard()
    assert (heard.message.whole, heard.ask) == (BEGINNING, None)
    (told,) = await stage.discord.until(lambda: stage.discord.by_bot(stage.discord.channel))
    assert words in told.content
    assert "いっしょに書かれた文章は物語に加えました" in told.content


async def test_a_file_that_is_too_large_is_not_fetched(stage: Stage) -> None:
    """Its size is known before."""
    files = (("message.txt", b"a" * 300_000),)
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, "", files=files)
    (told,) = await stage.discord.until(lambda: stage.discord.by_bot(stage.discord.channel))
    assert "ファイルが大きすぎます（293 KB）" in told.content
    assert "40000字" in told.content
    assert stage.discord.files.given == []
    assert stage.services.heard == []


async def test_a_download_that_fails_is_tried_again(stage: Stage) -> None:
    """What Discord cannot give at first comes with the third try."""
    stage.discord.fail("GET", "/attachments/", 503, times=1)
    stage.discord.fail("GET", "/attachments/", None, times=1)
    files = (("message.txt", LONG.encode()),)
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, "", files=files)
    assert (await stage.services.until_heard()).message.whole == LONG
    assert len(stage.discord.files.given) == 3


async def test_a_download_that_keeps_failing_is_told(stage: Stage) -> None:
    """And what was typed is kept."""
    stage.discord.fail("GET", "/attachments/", 503, times=9)
    files = (("message.txt", LONG.encode()),)
    await stage.discord.say_in(stage.discord.channel, stage.discord.hanako, BEGINNING, files=files)
    heard = await stage.services.until_heard()
    assert (heard.message.whole, heard.ask) == (BEGINNING, None)
    (told,) = await stage.discord.until(lambda: stage.discord.by_bot(stage.discord.channel))
    assert "「message.txt」を今は Discord から受け取れませんでした" in told.content


async def test_a_file_of_the_longest_length_is_told_on_and_edited() -> None:
    """40,000 characters: kept whole, read from their end, exported, and still there after an edit."""
    long = ("雨の夜、彼は黙って歩いた。\n" * 3077)[:40_000]
    async with whole_house(LoopbackDiscord(), SENTENCES) as house:
        discord = house.discord
        files = (("message.txt", long.encode()),)
        line = await discord.say_in(discord.channel, discord.hanako, "始まり。", files=files)
        (thread,) = await discord.until(discord.threads)
        await done(house, thread, 1, "".join(SENTENCES))
        room = Room("discord", str(thread.id))
        assert await texts_in(house, room) == [f"始まり。\n{long}", "".join(SENTENCES)]
        await discord.rewrite(line, f"{discord.bot.mention} 始まりの始まり。")
        async with asyncio.timeout(30):
            while (await texts_in(house, room))[0] != f"始まりの始まり。\n{long}":
                await asyncio.sleep(0.01)
        assert len(house.engine.prompts[0]) < 20_000


async def test_files_of_a_thread_that_the_bot_is_called_into_belong_to_its_beginning() -> None:
    """A long paste is its writer's line; one that cannot be read is counted."""
    async with whole_house(LoopbackDiscord(), SENTENCES) as house:
        discord = house.discord
        thread = await discord.open_thread(discord.channel, "物語", discord.taro)
        files = (("message.txt", LONG.encode("shift_jis")),)
        await discord.say_in(thread, discord.taro, "", mentions_bot=False, files=files)
        await discord.say_in(thread, discord.taro, "", mentions_bot=False, files=(("b.txt", b"\x00"),))
        await discord.say_in(thread, discord.hanako, "彼は笑った。")
        await discord.until(lambda: [m for m in discord.by_bot(thread) if m.content == "".join(SENTENCES)])
        room = Room("discord", str(thread.id))
        assert await texts_in(house, room) == [LONG, "彼は笑った。", "".join(SENTENCES)]
        assert [m for m in discord.by_bot(thread) if "1個は読めませんでした" in m.content]


async def test_a_passage_longer_than_a_form_is_edited_in_its_message(stage: Stage) -> None:
    """Who opens the form is told where else it can be mended."""
    thread = await a_story(stage)
    files = (("message.txt", LONG.encode() * 2),)
    line = await stage.discord.say_in(thread, stage.discord.hanako, "", mentions_bot=False, files=files)
    heard = await stage.services.until_heard()
    story = await stage.services.stories.open_in(heard.message.room)
    assert story is not None
    stage.services.shows[str(line.id)] = story.passages[-1]
    opened = await stage.discord.menu(line, stage.discord.hanako, "Edit this passage")
    (told,) = await stage.discord.until(lambda: opened.messages)
    assert "もとの投稿を編集すると" in told.content
