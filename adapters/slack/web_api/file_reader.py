"""What the files of a message say, and what is to be told of those that cannot be read.

They are fetched with the bot's token, which goes to Slack's own hosts only. Without `files:read`, and with a
token that no longer holds, Slack does not refuse: it sends people to its login page, and answers with that
and status 200.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.payloads.files import File
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.errors import SERVER_ERROR, TOO_MANY_REQUESTS, Result, retry_briefly
from bot.aio.clock import Clock
from bot.domain.errors import DeliveryError, FileTooLong, RetryLater, Undeliverable, UserError
from bot.story.joining import is_blank
from bot.text.text_file import MAX_CHARACTERS, max_bytes, require_small, text_of

_HOSTS = (".slack.com", ".slack-gov.com")
_MAX_REDIRECTS = 3
_TIMEOUT = aiohttp.ClientTimeout(total=30.0)
_OK = 200
_REDIRECTS = {301, 302, 303, 307, 308}
_PAGE = "text/html"


MAX_FILES = 10
"""As many as Slack's own window takes at once."""

_log = structlog.get_logger(__name__)


class FileAccessDenied(Undeliverable):
    """Slack does not let the app read the file."""


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file that was not read, and the sentence that says why. `text`: it may be a text of the person's."""

    key: str
    arguments: tuple[tuple[str, object], ...] = ()
    text: bool = True

    @property
    def values(self) -> Mapping[str, object]:
        """What fills the sentence."""
        return dict(self.arguments)


@dataclass(frozen=True, slots=True)
class FileTexts:
    """What a message brought with it."""

    text: str = ""
    unread: tuple[UnreadFile, ...] = ()

    @property
    def is_missing_text(self) -> bool:
        """Whether a text of the person is missing: going on without it is not what they asked for."""
        return any(each.text for each in self.unread)


class FileReader:
    """Reads the files of one workspace."""

    def __init__(self, api: WebApi, client: AsyncWebClient, clock: Clock) -> None:
        self._api = api
        self._client = client
        self._clock = clock

    async def read(self, files: Iterable[File]) -> FileTexts:
        """The texts among the files, one below the other; never raises for what a file is."""
        texts: list[str] = []
        unread: list[UnreadFile] = []
        for number, file in enumerate(files):
            try:
                text = await self._text(file, number)
                if sum(map(len, texts)) + len(texts) + len(text) > MAX_CHARACTERS:
                    length = sum(map(len, texts)) + len(text)
                    raise FileTooLong(limit=MAX_CHARACTERS, length=length)
            except _Unreadable as error:
                unread.append(error.unread)
            except UserError as error:
                unread.append(UnreadFile(error.key, tuple(error.values.items())))
            else:
                texts.append(text)
        return FileTexts("\n".join(texts), tuple(dict.fromkeys(unread)))

    async def _text(self, file: File, number: int) -> str:
        if number >= MAX_FILES:
            raise _Unreadable("slack.file.many", most=MAX_FILES)
        if file.needs_files_info and not file.url:
            file = await self._ask(file, lambda: self._api.file_info(file.id))
        if file.is_media:
            raise _Unreadable("slack.file.media", text=False)
        if file.mimetype and not file.is_text:
            raise _Unreadable("slack.file.other", name=file.name)
        if not file.is_downloadable:
            raise _Unreadable("slack.file.closed", name=file.name)
        text = text_of(await self._ask(file, lambda: download(self._client, file)))
        if is_blank(text):
            raise _Unreadable("slack.file.empty", name=file.name)
        return text

    async def _ask(self, file: File, call: Callable[[], Awaitable[Result]]) -> Result:
        try:
            return await retry_briefly(call, self._clock)
        except Undeliverable as error:
            _log.warning("Slack does not let a file be read (%s): is files:read granted?", error)
            raise _Unreadable("slack.file.closed", name=file.name) from None
        except DeliveryError as error:
            _log.warning("A file could not be fetched: %s", error)
            raise _Unreadable("slack.file.away", name=file.name) from None


class _Unreadable(Exception):
    def __init__(self, key: str, *, text: bool = True, **values: object) -> None:
        super().__init__(key)
        self.unread = UnreadFile(key, tuple(values.items()), text)


async def download(client: AsyncWebClient, file: File) -> bytes:
    """The content of a file.

    Raises:
        FileTooLarge: it has more bytes than the longest text.
        FileAccessDenied
        RetryLater
    """
    require_small(file.size)
    try:
        async with _session(client) as session:
            return await _fetch(session, client, file)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise RetryLater(f"a file: {type(error).__name__}") from None


async def _fetch(session: aiohttp.ClientSession, client: AsyncWebClient, file: File) -> bytes:
    url = file.url
    for _ in range(_MAX_REDIRECTS):
        _require_slack(url, client.base_url)
        headers = {"Authorization": f"Bearer {client.token}"}
        async with session.get(url, headers=headers, allow_redirects=False, timeout=_TIMEOUT) as response:
            if response.status in _REDIRECTS:
                url = urljoin(url, response.headers.get("Location", ""))
                continue
            return await _content(response, file)
    raise FileAccessDenied("a file: redirected too often")


async def _content(response: aiohttp.ClientResponse, file: File) -> bytes:
    if response.status == TOO_MANY_REQUESTS or response.status >= SERVER_ERROR:
        raise RetryLater(f"a file: HTTP {response.status}")
    if response.status != _OK:
        raise FileAccessDenied(f"a file: HTTP {response.status}")
    data = bytearray()
    async for piece in response.content.iter_chunked(max_bytes() + 1):
        data += piece
        require_small(len(data))
    if response.content_type == _PAGE and len(data) != file.size:
        raise FileAccessDenied("a file: a login page")
    return bytes(data)


def _require_slack(url: str, api_url: str) -> None:
    where, api = urlsplit(url), urlsplit(api_url)
    slacks = where.scheme == "https" and f".{where.hostname}".endswith(_HOSTS)
    if not slacks and _origin(where) != _origin(api):
        raise FileAccessDenied("a file: not on Slack's hosts")


def _origin(where: SplitResult) -> tuple[str, str | None, int | None]:
    return where.scheme, where.hostname, where.port


@asynccontextmanager
async def _session(client: AsyncWebClient) -> AsyncIterator[aiohttp.ClientSession]:
    if client.session is not None:
        yield client.session
        return
    async with aiohttp.ClientSession() as session:
        yield session
