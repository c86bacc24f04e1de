"""What the files of a message say, and what is to be told of those that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from adapters.slack.payloads.files import File
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.download import FileAccessDenied
from adapters.slack.web_api.errors import Refused, retry_briefly
from bot.aio.clock import Clock
from bot.domain.errors import DeliveryError, FileTooLong, UserError
from bot.story.joining import is_blank
from bot.text.text_file import MAX_CHARACTERS, text_of

MAX_FILES = 10
"""As many as Slack's own window takes at once."""

_log = structlog.get_logger(__name__)


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


NOTHING = FileTexts()


class FileReader:
    """Reads the files of one workspace."""

    def __init__(self, api: WebApi, clock: Clock) -> None:
        self._api = api
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
            file = await self._complete(file)
        if file.is_media:
            raise _Unreadable("slack.file.media", text=False)
        if file.mimetype and not file.is_text:
            raise _Unreadable("slack.file.other", name=file.name)
        if not file.is_downloadable:
            raise _Unreadable("slack.file.closed", name=file.name)
        text = text_of(await self._download(file))
        if is_blank(text):
            raise _Unreadable("slack.file.empty", name=file.name)
        return text

    async def _complete(self, file: File) -> File:
        try:
            return await retry_briefly(lambda: self._api.file_info(file.id), self._clock)
        except Refused as error:
            raise self._closed(file, error) from None
        except DeliveryError as error:
            raise self._away(file, error) from None

    async def _download(self, file: File) -> bytes:
        try:
            return await retry_briefly(lambda: self._api.download(file), self._clock)
        except FileAccessDenied as error:
            raise self._closed(file, error) from None
        except DeliveryError as error:
            raise self._away(file, error) from None

    def _closed(self, file: File, error: DeliveryError) -> _Unreadable:
        _log.warning("Slack does not let a file be read (%s): is files:read granted?", error)
        return _Unreadable("slack.file.closed", name=file.name)

    def _away(self, file: File, error: DeliveryError) -> _Unreadable:
        _log.warning("A file could not be fetched: %s", error)
        return _Unreadable("slack.file.away", name=file.name)


class _Unreadable(Exception):
    def __init__(self, key: str, *, text: bool = True, **values: object) -> None:
        super().__init__(key)
        self.unread = UnreadFile(key, tuple(values.items()), text)
