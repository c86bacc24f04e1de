"""The files that come with a message, as Slack describes them. A long paste becomes one: a snippet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_GONE = {"tombstone", "hidden_by_limit"}
_MEDIA = ("image/", "video/", "audio/")
_TEXT_NAMES = (".txt", ".text", ".md", ".markdown", ".csv", ".tsv", ".log", ".srt")
"""Where a browser knew no better type."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message. `size` in bytes; `url`: where it is, empty where Slack does not say."""

    id: str
    name: str
    mimetype: str
    mode: str
    size: int
    url: str
    external: bool = False
    needs_files_info: bool = False
    """Slack describes it to who asks for it only, as it does in channels that workspaces share."""

    @property
    def is_media(self) -> bool:
        """Whether it is to be looked at or listened to."""
        return self.mimetype.startswith(_MEDIA)

    @property
    def is_text(self) -> bool:
        """Whether it may be a text: that shows when it is read."""
        named = self.name.lower().endswith(_TEXT_NAMES)
        return named or self.mode == "snippet" or self.mimetype.startswith("text/")

    @property
    def is_downloadable(self) -> bool:
        """Whether Slack itself has it, and says where."""
        return bool(self.url) and not self.external and self.mode not in _GONE


def parse_file(described: Mapping[str, Any]) -> File:
    """A file object."""
    return File(
        str(described.get("id") or ""),
        str(described.get("name") or described.get("title") or ""),
        str(described.get("mimetype") or ""),
        str(described.get("mode") or ""),
        int(described.get("size") or 0),
        str(described.get("url_private_download") or described.get("url_private") or ""),
        bool(described.get("is_external")) or described.get("mode") == "external",
        described.get("file_access") == "check_file_info",
    )


def parse_files(message: Mapping[str, Any]) -> tuple[File, ...]:
    """The files of a message."""
    return tuple(parse_file(each) for each in message.get("files") or ())


def blocks_show_file(message: Mapping[str, Any]) -> bool:
    """Whether a message's own blocks show a file: a mention may come without the list of them."""
    return _holds_file(message.get("blocks"))


def _holds_file(node: object) -> bool:
    if isinstance(node, list):
        return any(map(_holds_file, node))
    return isinstance(node, dict) and (node.get("type") == "file" or _holds_file(node.get("elements")))
