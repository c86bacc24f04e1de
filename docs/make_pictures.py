"""Makes the pictures of the web room from the running product: `python -m docs.make_pictures`.

Starts `tsuzuki run` with a story file of its own on a free port, lets two people write in two browsers, asks
the model to go on, and takes pictures: while it writes, of candidates side by side, and of the notebook. With
`--url` a room that runs already is used.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.integration.web.chromium import FLAGS, find_chromium

PICTURES = Path(__file__).parent / "pictures"
WIDTH, HEIGHT, SCALE = 1120, 1240, 1.5
LOW_HEIGHT = 1000
START_TIMEOUT_MS = 120_000
"""The model is loaded before the first word."""

TITLE = "白梅軒の夜"
FIRST = (
    "　それは九月初旬のある蒸し暑い晩のことであった。"
    "私は、大通りの中程にある白梅軒という喫茶店で、冷しコーヒーを啜っていた。"
)
SECOND = "　向かいの古本屋の灯りが、ふと消えた。\n「おや」と、隣の卓の男が顔を上げた。"
MEMORY = "大正のころの東京。白梅軒は団子坂の大通りにある喫茶店。"
NOTE = "静かで、少し不気味な調子で。"
LORE = (
    ("古本屋、向かいの店", "主人の妻は幼なじみの女。", "2"),
    ("隣の卓の男、明智", "探偵の明智小五郎。棒縞の浴衣。", "1"),
)


def main() -> int:
    """Make the picture; says what is missing where it cannot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a room that runs already")
    parser.add_argument("--folder", type=Path, default=PICTURES)
    options = parser.parse_args()
    chromium = find_chromium()
    lack = _lack(chromium)
    if lack:
        print(lack, file=sys.stderr)
        return 1
    with _room(options.url) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        options.folder.mkdir(parents=True, exist_ok=True)
        page = _write_together(browser, url)
        for name, show in (
            ("room", _while_it_writes),
            ("candidates", _side_by_side),
            ("notebook", _notes),
        ):
            show(page)
            path = options.folder / f"web-{name}.png"
            page.screenshot(path=path)
            print(path)
        browser.close()
    return 0


def _lack(chromium: str | None) -> str:
    if chromium is None:
        return "There is no Chromium on this machine: apt-get install chromium"
    listing = shutil.which("fc-list")
    if listing is None:
        return "Fonts cannot be listed on this machine: apt-get install fontconfig"
    fonts = subprocess.run(  # noqa: S603 fontconfig's own program
        [listing, ":lang=ja", "family"], capture_output=True, text=True, check=True
    ).stdout
    if not re.search("Mincho|Serif|明朝", fonts):
        return "There is no Japanese serif font on this machine: apt-get install fonts-noto-cjk"
    return ""


def _write_together(browser: Browser, url: str) -> Page:
    mio, ken = _page(browser, url, "澪"), _page(browser, url, "健")
    mio.goto(url)
    mio.get_by_label("題").fill(TITLE)
    mio.locator("textarea").fill(FIRST)
    mio.locator(".tz-more").click()
    mio.wait_for_url("**/r/*")
    expect(mio.locator(".tz-passage:not(.tz-draft)")).to_have_count(2, timeout=START_TIMEOUT_MS)
    ken.goto(mio.url)
    ken.locator("textarea").fill(SECOND)
    ken.locator(".tz-more").click()
    return mio


def _while_it_writes(page: Page) -> None:
    growing = page.locator(".tz-draft .tz-text")
    expect(growing).to_have_text(re.compile(".{12,}", re.DOTALL), timeout=START_TIMEOUT_MS)


def _side_by_side(page: Page) -> None:
    expect(page.locator(".tz-passage:not(.tz-draft)")).to_have_count(4, timeout=START_TIMEOUT_MS)
    page.set_viewport_size({"width": WIDTH, "height": LOW_HEIGHT})
    page.get_by_label("長さ").select_option("短め")
    page.locator(".tz-several").click()
    expect(page.locator(".tz-passage:not(.tz-draft) .tz-column")).to_have_count(3, timeout=START_TIMEOUT_MS)
    page.mouse.move(0, 0)


def _notes(page: Page) -> None:
    page.get_by_role("button", name="これにする 1").click()
    page.locator(".tz-open").click()
    page.locator("[data-leaf=notes]").click()
    page.locator("[name=memory]").fill(MEMORY)
    page.locator("[name=note]").fill(NOTE)
    for number, (keywords, text, priority) in enumerate(LORE):
        page.get_by_role("button", name="項目を足す").click()
        page.locator("[name=keywords]").nth(number).fill(keywords)
        page.locator("[name=lore]").nth(number).fill(text)
        page.locator("[name=priority]").nth(number).fill(priority)
    page.locator(".tz-keep:visible .tz-main").click()
    expect(page.get_by_role("status").first).to_have_text("保存しました。")
    page.locator("#tz-drawer").evaluate("drawer => drawer.scrollTo(0, 0)")
    page.mouse.move(0, 0)


def _page(browser: Browser, url: str, name: str) -> Page:
    context = browser.new_context(
        locale="ja",
        color_scheme="light",
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=SCALE,
    )
    context.add_cookies([{"name": "tsuzuki_name", "value": quote(name), "url": url}])
    return context.new_page()


@contextmanager
def _room(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "TSUZUKI_STORE__URL": f"sqlite:///{folder}/tsuzuki.db",
            "TSUZUKI_WEB__PORT": "0",
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONUNBUFFERED": "1",
        }
        log = Path(folder) / "bot.log"
        with log.open("w") as errors:
            bot = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "run"],
                env=os.environ | settings,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            yield _announced(bot, log)
        finally:
            bot.terminate()
            bot.wait(30)


def _announced(bot: subprocess.Popen[str], log: Path) -> str:
    for line in bot.stdout or ():
        if found := re.search(r"http://[\w.:\[\]-]+", line):
            return found.group()
    raise SystemExit("The bot ended before the room was open:\n" + log.read_text())


if __name__ == "__main__":
    sys.exit(main())
