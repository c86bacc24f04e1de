"""Makes docs/pictures/discord.png: `python -m docs.make_discord_picture`.

The bot runs against the loopback Discord of the tests; what its channel then holds, messages and buttons, is
drawn as a page and photographed. What the storyteller says there is what `tsuzuki continue` writes on from
the same words, with a seed, so that the picture looks the same each time.
"""

from __future__ import annotations

import asyncio
import html
import re
import subprocess
import sys
from pathlib import Path

from playwright.async_api import async_playwright

from tests.integration.discord.whole import whole_house
from tests.integration.web.chromium import FLAGS, find_chromium
from tests.servers.discord import LoopbackDiscord, Message

PICTURE = Path(__file__).parent / "pictures" / "discord.png"
WIDTH, HEIGHT, SCALE = 820, 900, 1.5
BEGINNING = "それは九月初旬のある蒸し暑い晩のことであった。"
SECOND = "　向かいの古本屋の灯りが、ふと消えた。"
SEED = "7"
STYLE = """
body { margin: 0; background: #313338; color: #dbdee1; font: 16px/1.45 "Noto Sans CJK JP", sans-serif; }
header { padding: 14px 20px; border-bottom: 1px solid #232428; color: #f2f3f5; font-weight: 600; }
header span { color: #80848e; margin-right: 8px; }
article { display: grid; grid-template-columns: 44px 1fr; gap: 14px; padding: 12px 20px 4px; }
.face { width: 44px; height: 44px; border-radius: 50%; display: grid; place-items: center; color: #fff; }
b { color: #f2f3f5; } .app { background: #5865f2; color: #fff; font-size: 11px; border-radius: 3px;
padding: 1px 5px; margin-left: 6px; } p { margin: 2px 0 6px; white-space: pre-wrap; }
.reply, small { color: #949ba4; font-size: 13px; } .mention { color: #c9cdfb; background: #3c4270; }
button { background: #4e5058; color: #fff; border: 0; border-radius: 4px; padding: 7px 14px;
margin: 2px 8px 4px 0; font: inherit; font-size: 14px; }
button.s1 { background: #5865f2; } button.s4 { background: #da373c; }
"""
BOTTOM = "document.querySelector('article:last-of-type').getBoundingClientRect().bottom"
FACES = {"花子": "#c2577a", "太郎": "#3a7f8f", "Tsuzuki": "#5c6bc0"}


def main() -> int:
    """Make the picture; says what is missing where it cannot."""
    chromium = find_chromium()
    if chromium is None:
        print("No Chromium was found.", file=sys.stderr)
        return 1
    first = _continued(BEGINNING)
    second = _continued(f"{BEGINNING}{first}\n{SECOND}")
    asyncio.run(_draw(asyncio.run(_played(first, second)), chromium))
    return 0


def _continued(text: str) -> str:
    """What the storyteller writes on from a text."""
    command = [sys.executable, "-m", "bot.cli", "continue", "--seed", SEED, "--length", "short", text]
    wrote = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 our own
    return wrote.removeprefix(text).rstrip("\n")


async def _played(first_reply: str, second_reply: str) -> str:
    """A short exchange in a story's thread, as a page."""
    async with whole_house(LoopbackDiscord(), (first_reply,), (second_reply,)) as house:
        discord = house.discord
        first = await discord.say_in(discord.channel, discord.hanako, BEGINNING)
        (thread,) = await discord.until(discord.threads)
        await discord.until(lambda: house.idle(thread))
        await discord.say_in(thread, discord.taro, SECOND, mentions_bot=False)
        await discord.until(lambda: len(discord.by_bot(thread)) > 1 and house.idle(thread))
        await discord.until(lambda: not discord.by_bot(thread)[0].buttons)
        shown = "".join(_message(discord, each) for each in [first, *discord.messages_in(thread)])
        return f"<style>{STYLE}</style><header><span>#</span>{html.escape(thread.name)}</header>{shown}"


def _message(discord: LoopbackDiscord, message: Message) -> str:
    name = message.author.display_name
    app = '<span class="app">アプリ</span>' if message.author.bot else ""
    text = html.escape(message.content.replace("\u200b", ""))
    text = text.replace(html.escape(discord.bot.mention), '<span class="mention">@Tsuzuki</span>')
    text = re.sub(r"(?m)^-# (.*)$", r"<small>\1</small>", text)
    parts = [part for row in message.components for part in row["components"]]
    buttons = "".join(
        f'<button class="s{part["style"]}">{html.escape(part["label"])}</button>' for part in parts
    )
    face = f'<div class="face" style="background:{FACES[name]}">{name[0]}</div>'
    return f"<article>{face}<div><b>{name}</b>{app}<p>{text}</p>{buttons}</div></article>"


async def _draw(page_html: str, chromium: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE)
        await page.set_content(page_html)
        height = await page.evaluate(BOTTOM)
        await page.set_viewport_size({"width": WIDTH, "height": int(height) + 16})
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=PICTURE)
        await browser.close()


if __name__ == "__main__":
    sys.exit(main())
