"""A person at a browser: what they do and what they see."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from playwright.async_api import ConsoleMessage, Locator, Page, Request, expect


@dataclass
class Person:
    """Drives one page; notes errors of scripts and requests to anywhere but the room."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("console", self._listen)
        self.page.on("request", self._watch)

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 404" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"request: {request.url}")

    async def gave_name_before(self, name: str) -> None:
        """Put the cookie of an earlier visit there."""
        await self.page.context.add_cookies([{"name": "tsuzuki_name", "value": quote(name), "url": self.url}])

    async def open(self, path: str) -> None:
        """Go to a page and wait until it is alive."""
        await self.page.goto(self.url + path)
        await self.alive()

    async def reload(self) -> None:
        """Load the page again."""
        await self.page.reload()
        await self.alive()

    async def alive(self) -> None:
        """Wait for the page's socket."""
        await self.page.wait_for_function("window.did_handshake === true")

    @property
    def box(self) -> Locator:
        """Where the text is typed."""
        return self.page.locator("textarea[name=text]")

    @property
    def passages(self) -> Locator:
        """The passages of the story."""
        return self.page.locator(".tz-passage:not(.tz-draft)")

    @property
    def texts(self) -> Locator:
        """The texts of the passages."""
        return self.passages.locator("> .tz-text")

    @property
    def authors(self) -> Locator:
        """The names beside the passages."""
        return self.passages.locator(".tz-name")

    @property
    def draft(self) -> Locator:
        """The reply in the making."""
        return self.page.locator(".tz-draft")

    @property
    def notice(self) -> Locator:
        """A notification."""
        return self.page.locator(".q-notification__message")

    @property
    def people(self) -> Locator:
        """Who is there, as far as the bar has room."""
        return self.page.locator(".tz-names li:visible")

    @property
    def write_button(self) -> Locator:
        """Adds the text."""
        return self.page.locator(".tz-write")

    @property
    def more_button(self) -> Locator:
        """Lets the model go on."""
        return self.page.locator(".tz-more")

    @property
    def columns(self) -> Locator:
        """The texts of candidates that can be chosen from."""
        return self.passages.locator(".tz-column .tz-text")

    async def menu_of(self, number: int) -> None:
        """Open the menu of a passage, counted from 0."""
        passage = self.passages.nth(number)
        await passage.hover()
        await passage.get_by_role("button", name="この文にすること").click()

    async def choose_of(self, number: int, name: str) -> None:
        """Choose from the menu of a passage."""
        await self.menu_of(number)
        await self.page.locator(".tz-menu").get_by_role("button", name=name).click()

    async def leaf(self, name: str) -> None:
        """Open a leaf of the notebook, and wait for what stands on it."""
        drawer = self.page.locator("#tz-drawer")
        if not await drawer.is_visible():
            await self.page.locator(".tz-open").click()
        await drawer.get_by_role("navigation").get_by_role("button", name=name).click()
        await expect(drawer.locator(".tz-leaf:visible")).to_have_count(1)

    async def write(self, text: str) -> None:
        """Type and add."""
        await self.box.fill(text)
        await self.write_button.click()

    async def sees(self, *texts: str) -> None:
        """Wait until the story is exactly these passages."""
        await expect(self.texts).to_have_text([*texts])
