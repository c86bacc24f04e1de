"""What a Discord gets from `tsuzuki run`: commands, messages, buttons, forms; and what is kept of it.

The ids of buttons and forms that people press here are written out: those under old messages never change.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.golden.conftest import Golden
from tests.golden.doors import DiscordChannel, DiscordMessage, Interaction, LoopbackDiscord, bot_process
from tests.golden.normal import alike
from tests.golden.stored import rows_of
from tests.golden.story_worker import StoryWorker, story_worker

BEGINNING = "　それは九月初旬のある蒸し暑い晩の*こと*であった。"
LANGUAGES = ("ja", "en-US")


@asynccontextmanager
async def visited(folder: Path) -> AsyncIterator[tuple[LoopbackDiscord, StoryWorker]]:
    """A running bot in a Discord; it has to end well."""
    async with LoopbackDiscord() as discord, story_worker() as worker:
        discord.guild.managers.add(discord.hanako.id)
        variables = {
            "DISCORD_TOKEN": discord.token,
            "TSUZUKI_DISCORD__API_URL": discord.api_url,
            "TSUZUKI_ENGINE__URL": worker.url,
            "TSUZUKI_WEB__ENABLED": "false",
        }
        async with bot_process(folder, **variables) as bot:
            await discord.until_connected()
            await discord.until(lambda: discord.state.commands)
            yield discord, worker
            assert await bot.stop() == 0
        assert "Traceback" not in bot.said


def seen(message: DiscordMessage) -> dict[str, Any]:
    """What people see of a message and can do with it."""
    return {
        "text": message.content,
        "private": message.ephemeral_to is not None,
        "components": message.components,
        "files": [[name, content.decode()] for name, content in message.files],
        "mentions": message.allowed_mentions[-1] if message.allowed_mentions else None,
    }


@dataclass
class Visit:
    """People in a thread, and what came of each thing that they did."""

    discord: LoopbackDiscord
    told: dict[str, Any] = field(default_factory=dict)

    async def form(self, name: str, asked: Interaction) -> Interaction:
        """Something brings a form."""
        await self.discord.until(lambda: asked.modal)
        self.told[name] = {"form": asked.modal}
        return asked

    async def answer(self, name: str, asked: Interaction, count: int = 1) -> list[DiscordMessage]:
        """Something is answered with so many messages."""
        await self.discord.until(lambda: len(asked.answers) >= count)
        self.told[name] = {"answers": [seen(message) for message in asked.answers]}
        return asked.answers

    async def reply(self, name: str, thread: DiscordChannel, ends: str = "。") -> DiscordMessage:
        """The newest reply is whole and has its buttons."""

        def whole() -> DiscordMessage | None:
            last = self.discord.by_bot(thread)[-1:]
            live = [one for one in last if len(one.buttons) >= 5 and ends in one.content]
            return live[0] if live else None

        message = await self.discord.until(whole)
        assert message is not None
        self.told[name] = {"message": seen(message)}
        return message


def ids_in(value: Any) -> set[str]:
    """Every custom id in a JSON value."""
    if isinstance(value, dict):
        own = {str(value["custom_id"])} if "custom_id" in value else set()
        return own.union(*map(ids_in, value.values()))
    return set().union(*map(ids_in, value)) if isinstance(value, list) else set()


async def test_a_story(golden: Golden, tmp_path: Path) -> None:
    """Replies, their buttons in every state, what each does, and the rows that are left."""
    async with visited(tmp_path) as (discord, worker):
        visit, taro = Visit(discord), discord.taro
        worker.go.clear()
        await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await discord.until(lambda: any(m.buttons and "✍" in m.content for m in discord.by_bot(thread)))
        (writing,) = discord.by_bot(thread)
        visit.told["writing"] = {"message": seen(writing)}
        worker.go.set()
        first = await visit.reply("written", thread)
        head = next(iter(first.buttons)).rpartition(":")[2]
        await discord.press(first, taro, f"tz:more:{head}")
        second = await visit.reply("tz:more", thread, "二つ目")
        head = next(iter(second.buttons)).rpartition(":")[2]
        await discord.press(second, taro, f"tz:again:{head}")
        third = await visit.reply("tz:again", thread, "三つ目")
        head = next(iter(third.buttons)).rpartition(":")[2]
        await discord.press(third, taro, f"tz:several:{head}")
        fourth = await visit.reply("tz:several", thread, "四つ目")
        await discord.until(lambda: len(fourth.buttons) > 5)
        visit.told["tz:several"] = {"message": seen(fourth)}
        head = next(iter(fourth.buttons)).rpartition(":")[2]
        await visit.answer("tz:read", await discord.press(fourth, taro, f"tz:read:{head}"), 5)
        other = head.rpartition(".")[0] + ".1"
        await visit.answer("tz:pick", await discord.press(fourth, taro, f"tz:pick:{other}"))
        await discord.until(lambda: fourth.content.startswith("2番目"))
        visit.told["picked"] = {"message": seen(fourth)}
        edit = await visit.form("tz:edit", await discord.press(fourth, taro, f"tz:edit:{other}"))
        await visit.answer("tz:edit sent", await discord.submit(edit, text="直した夜。"))
        await discord.until(lambda: fourth.content.startswith("直した夜。"))
        notices = await visit.answer("tz:undo", await discord.press(fourth, taro, f"tz:undo:{other}"))
        end = next(iter(notices[0].buttons)).rpartition(":")[2]
        await visit.answer("tz:redo", await discord.press(notices[0], taro, f"tz:redo:{end}"))
        await discord.until(lambda: fourth.buttons)
        (line,) = await visit.answer("tz:undo again", await discord.press(fourth, taro, f"tz:undo:{other}"))
        act = next(name for name in line.buttons if name.startswith("tz:take_back:"))
        await discord.press(line, taro, act)
        await discord.until(lambda: "take_back" not in str(line.components))
        visit.told["tz:take_back"] = {"message": seen(line)}
        worker.refusing = True
        await discord.until(lambda: fourth.buttons)
        await discord.press(fourth, taro, f"tz:more:{other}")
        failed = await discord.until(
            lambda: [m for m in discord.by_bot(thread) if "tz:go:" in str(m.components)]
        )
        visit.told["failed"] = {"message": seen(failed[0])}
        worker.refusing = False
        job = next(iter(failed[0].buttons)).rpartition(":")[2]
        await discord.press(failed[0], taro, f"tz:go:{job}")
        await visit.reply("tz:go", thread, "二つ目")
        await visit.answer("tz:stop, too late", await discord.press(failed[0], taro, f"tz:stop:{job}"))
        await visit.answer("unknown id", await discord.press(failed[0], taro, "tz:sing:1"))
        await discord.until(lambda: not failed[0].buttons)
    golden(
        discord_story=alike(visit.told),
        discord_requests_to_the_worker=alike(worker.settled()),
        discord_rows=rows_of(tmp_path / "stories.db"),
    )


async def test_commands_at_work(golden: Golden, tmp_path: Path) -> None:
    """What is registered, whole; what it answers, forms, proposals and menus, in both languages."""
    async with visited(tmp_path) as (discord, _):
        visit, hanako = Visit(discord), discord.hanako
        await discord.say_in(discord.channel, hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        reply = await visit.reply("written", thread)
        for language in LANGUAGES:
            await _look(visit, thread, reply, language)
        await _change(visit, thread)
        await _choose(visit, thread, reply)
    ids = sorted(ids_in(alike(visit.told)))
    (sent,) = [request.body for request in discord.requests if request.method == "PUT"]
    assert isinstance(sent, list)
    golden(
        discord_commands=sorted(sent, key=lambda one: (one.get("type", 1), one["name"])),
        discord_commands_at_work=alike(visit.told),
        discord_form_ids="\n".join(ids) + "\n",
        discord_rows_of_commands=rows_of(tmp_path / "stories.db"),
    )


async def _choose(visit: Visit, thread: DiscordChannel, reply: DiscordMessage) -> None:
    """What stands in a message's menu."""
    discord, hanako = visit.discord, visit.discord.hanako
    line = await discord.say_in(discord.channel, discord.taro, "猫がいた。", mentions_bot=False)
    edit = await visit.form("menu edit", await discord.menu(reply, hanako, "Edit this passage"))
    visit.told["menu edit"] = {"form": edit.modal}
    added = await discord.menu(line, hanako, "Add this to the story")
    await visit.answer("menu add", added)
    gone_on = await discord.menu(line, hanako, "Continue from here")
    await visit.answer("menu go on", gone_on)
    await discord.until(lambda: len(discord.threads()) > 1)
    await visit.reply("menu go on, written", discord.threads()[-1])


async def _look(visit: Visit, thread: DiscordChannel, reply: DiscordMessage, language: str) -> None:
    """What changes nothing."""
    discord, hanako = visit.discord, visit.discord.hanako

    async def slash(name: str, **options: str) -> Interaction:
        return await discord.slash(thread, hanako, name, locale=language, **options)

    for name in ("help", "story show", "story list", "story settings", "story forget-me"):
        await visit.answer(f"{language} /{name}", await slash(name))
    for form in ("txt", "md"):
        await visit.answer(f"{language} /story export {form}", await slash("story export", form=form))
    for name in ("memory", "note", "lore"):
        await visit.form(f"{language} /story {name}", await slash(f"story {name}"))
    await visit.form(f"{language} /story new", await slash("story new", title="朝"))
    for rule in ("words", "banned", "allowed", "denied"):
        await visit.form(f"{language} rule {rule}", await slash("story settings", rule=rule, scope="channel"))
    preset = await slash("story settings", rule="presets", value="夜語り", scope="server")
    await visit.form(f"{language} preset", preset)
    begin = await discord.slash(
        visit.discord.channel, hanako, "continue", locale=language, length="long", candidates=2
    )
    await visit.form(f"{language} /continue", begin)
    proposed = {
        "preset": await discord.complete(thread, hanako, "continue", "preset", locale=language),
        "passage": await discord.complete(thread, hanako, "story branch", "passage", locale=language),
        "story": await discord.complete(thread, hanako, "story open", "story", locale=language),
    }
    for rule in ("preset", "length", "filter", "listens", "daily_per_person"):
        proposed[rule] = await discord.complete(
            thread, hanako, "story settings", "value", rule=rule, locale=language
        )
    visit.told[f"{language} proposals"] = proposed
    unknown = await discord.press(reply, hanako, "old:1", locale=language)
    await visit.answer(f"{language} unknown id", unknown)


async def _change(visit: Visit, thread: DiscordChannel) -> None:
    """Forms that are sent, rules that are set, moves."""
    discord, hanako = visit.discord, visit.discord.hanako

    async def slash(name: str, **options: str) -> Interaction:
        return await discord.slash(thread, hanako, name, **options)

    for name, text in (
        ("memory", "町は雨。"),
        ("note", "静かに。"),
        ("lore", "花子、はなこ：主人公。\n猫：黒い。"),
    ):
        sent = await discord.submit(await slash(f"story {name}"), text=text)
        await visit.answer(f"form {name} sent", sent)
    sent = await discord.submit(
        await slash("story settings", rule="banned", scope="story"), text="しかし\n彼は"
    )
    await visit.answer("form rule sent", sent)
    preset = await slash("story settings", rule="presets", value="夜語り", scope="server")
    await visit.answer("form preset sent", await discord.submit(preset))
    rules = {
        "preset": "冒険", "length": "長め", "candidates": "4", "filter": "オフ", "filter_people": "はい",
        "words": "ばか、あほ", "listens": "いいえ", "parentheses_aside": "はい", "daily_per_person": "２０",
        "daily_in_all": "100", "allowed": "なし", "denied": "role/5",
    }  # fmt: skip
    for rule, value in rules.items():
        scope = "story" if rule in {"preset", "length"} else "channel"
        asked = await slash("story settings", rule=rule, value=value, scope=scope)
        await visit.answer(f"rule {rule}", asked)
    await visit.answer(
        "rule refused", await slash("story settings", rule="daily_in_all", value="x", scope="server")
    )
    await visit.answer("/story title", await slash("story title", title="夜の/川"))
    await visit.answer("/story undo", await slash("story undo"))
    await visit.answer("/story redo", await slash("story redo"))
    await visit.answer("/story export", await slash("story export"))
    await visit.answer("/story close", await slash("story close"))
    await visit.answer("/story new", await slash("story new", title="朝"))
