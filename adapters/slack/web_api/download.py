"""Fetching a file with the bot's token.

Without `files:read`, and with a token that no longer holds, Slack does not refuse: it sends people to its
login page, and answers with that and status 200. The token goes to Slack's own hosts only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.payloads.files import File
from adapters.slack.web_api.errors import SERVER_ERROR, TOO_MANY_REQUESTS
from bot.domain.errors import RetryLater, Undeliverable
from bot.text.text_file import max_bytes, require_small

_HOSTS = (".slack.com", ".slack-gov.com")
_MAX_REDIRECTS = 3
_TIMEOUT = aiohttp.ClientTimeout(total=30.0)
_OK = 200
_REDIRECTS = {301, 302, 303, 307, 308}
_PAGE = "text/html"


class FileAccessDenied(Undeliverable):
    """Slack does not let the app read the file."""


async def download(client: AsyncWebClient, file: File) -> bytes:
    """The content of a file.

    Raises:
        FileTooLarge: it has more bytes than the longest text.
        NoAccess
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
