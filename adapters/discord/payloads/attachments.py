"""What the files of a message say. Discord itself makes `message.txt` of a paste over 2,000 characters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import discord
import structlog

from adapters.discord.api.requests import as_delivery_errors
from bot.aio.clock import Clock
from bot.aio.retry import Backoff, retry
from bot.domain.errors import DeliveryError, FileTooLong, NotText, RetryLater, UserError
from bot.story.joining import is_blank
from bot.text.text_file import MAX_CHARACTERS, require_small, text_of

DOWNLOAD_TRIES = 3
DOWNLOAD_BACKOFF = Backoff(first_s=1.0, longest_s=2.0)
DOWNLOAD_S = 20.0
"""Whoever writes next waits behind a file, so that the order stays."""
_MEDIA = ("image/", "audio/", "video/")
_TEXT = ("text/", "application/octet-stream")
"""Where Discord does not know what a file is, its bytes tell."""
_TEXT_NAMES = (".txt", ".md", ".text")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UnreadAttachment:
    """A file that was not read, and the sentence that says why. `is_text`: it may be what somebody wrote."""

    key: str
    values: Mapping[str, object]
    is_text: bool = True


@dataclass(frozen=True, slots=True)
class AttachmentTexts:
    """What came with a message."""

    text: str = ""
    unread: tuple[UnreadAttachment, ...] = ()

    @property
    def lacks_text(self) -> bool:
        """Whether a part of what the person wrote is missing: nobody asked to go on without it."""
        return any(one.is_text for one in self.unread)


class AttachmentReader:
    """Reads the text files among the attachments of messages."""

    def __init__(self, clock: Clock, max_characters: int = MAX_CHARACTERS) -> None:
        self._clock = clock
        self._max_characters = max_characters

    async def read(self, files: Iterable[discord.Attachment]) -> AttachmentTexts:
        """The texts in their order, one below the other; why a file is none of them is told, not raised."""
        texts: list[str] = []
        unread: list[UnreadAttachment] = []
        for file in files:
            try:
                texts.append(await self._text(file, self._max_characters - sum(map(len, texts)) - len(texts)))
            except _Unreadable as error:
                unread.append(error.unread)
            except NotText:
                unread.append(_unread("discord.file.not_text", file))
            except UserError as error:
                unread.append(UnreadAttachment(error.key, error.values))
        return AttachmentTexts("\n".join(texts), tuple(unread))

    async def _text(self, file: discord.Attachment, room_left: int) -> str:
        if not may_be_text(file):
            media = (file.content_type or "").startswith(_MEDIA)
            key = "discord.file.media" if media else "discord.file.other"
            raise _Unreadable(_unread(key, file, is_text=not media))
        require_small(file.size, self._max_characters)
        text = text_of(await self._downloaded(file), self._max_characters)
        if is_blank(text):
            raise _Unreadable(_unread("discord.file.empty", file))
        if len(text) > room_left:
            raise FileTooLong(limit=self._max_characters, length=self._max_characters - room_left + len(text))
        return text

    async def _downloaded(self, file: discord.Attachment) -> bytes:
        try:
            return await retry(
                partial(_download, file),
                on=RetryLater,
                backoff=DOWNLOAD_BACKOFF,
                clock=self._clock,
                tries=DOWNLOAD_TRIES,
                longest_after_s=DOWNLOAD_BACKOFF.longest_s,
            )
        except DeliveryError as error:
            _log.warning("A file could not be fetched from Discord: %s", error)
            raise _Unreadable(_unread("discord.file.away", file)) from error


async def _download(file: discord.Attachment) -> bytes:
    with as_delivery_errors():
        async with asyncio.timeout(DOWNLOAD_S):
            return await file.read()


def may_be_text(file: discord.Attachment) -> bool:
    """Whether it is worth to be fetched, by what Discord says of it."""
    kind = (file.content_type or "").lower()
    return not kind or kind.startswith(_TEXT) or file.filename.lower().endswith(_TEXT_NAMES)


class _Unreadable(Exception):
    def __init__(self, unread: UnreadAttachment) -> None:
        super().__init__(unread.key)
        self.unread = unread


def _unread(key: str, file: discord.Attachment, *, is_text: bool = True) -> UnreadAttachment:
    return UnreadAttachment(key, {"name": file.filename}, is_text)
