"""Slack's way of writing text: `&amp; &lt; &gt;` and `<...>` for everything that is more than text."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_UNESCAPES = {"amp": "&", "lt": "<", "gt": ">"}
_MARKUP = re.compile(r"<([^<>]*)>|&(amp|lt|gt);")
_MARKS = re.compile(r"[\\*_~`#\[\]|]")
_BEFORE_SLASH = re.compile("/(?=/)")
_USER = re.compile(r"<@([A-Z0-9]+)(?:\|[^<>]*)?>")
# Slack puts a no-break space or a plain one after a mention.
# The ideographic space stays: it indents a paragraph.
_BLANKS = " \t\r\n\u00a0"
_BLANK = f"[{_BLANKS}]"


def escape(text: str) -> str:
    """Text that Slack shows as it is: nothing in it links, formats a mention or pings."""
    return text.translate(_ESCAPES)


def escape_markdown(text: str) -> str:
    """Text for a stream, which reads markdown: nothing in it formats, links, unfurls or pings.

    More text only makes it longer: a stream can show it piece by piece.
    """
    return _BEFORE_SLASH.sub("/\u2060", _MARKS.sub(r"\\\g<0>", escape(text)))


def mentioned_users(text: str) -> tuple[str, ...]:
    """The ids of the people mentioned in a received text, each once."""
    return tuple(dict.fromkeys(_USER.findall(text)))


def strip_mention(text: str, user_id: str) -> str:
    """A received text without the mentions of `user_id` and the blanks that belonged to them."""
    mention = f"<@{re.escape(user_id)}(?:\\|[^<>]*)?>"
    text = re.sub(f"^(?:{_BLANK}*{mention})+{_BLANK}*", "", text)
    end = len(text.rstrip(_BLANKS))
    # From the end, one after the other: an expression would go over a run of blanks once for each of them.
    for found in reversed(list(re.finditer(mention, text))):
        if found.end() != end:
            break
        end = len(text[: found.start()].rstrip(_BLANKS))
        text = text[:end]
    return re.sub(f"{mention}[ \u00a0]?", "", text)


def to_plain_text(text: str, names: Mapping[str, str]) -> str:
    """A received text as its writer saw it; `names` gives people's display names by id."""

    def written(match: re.Match[str]) -> str:
        inner, escaped = match.groups()
        return _UNESCAPES[escaped] if escaped else _entity(inner, names)

    return _MARKUP.sub(written, text)


def _entity(inner: str, names: Mapping[str, str]) -> str:
    target, _, label = inner.partition("|")
    label = to_plain_text(label, names)
    if target.startswith("@"):
        return "@" + (names.get(target[1:]) or label or target[1:])
    if target.startswith("#"):
        return "#" + (label or target[1:])
    if target.startswith("!"):
        kind, _, what = target[1:].partition("^")
        return label or "@" + (what or kind)
    return label or to_plain_text(target, names)


def restore_emoji(text: str, blocks: object) -> str:
    """`text` with the emoji that Slack turned into `:names:` as they were typed.

    Only those are put back that the message's own blocks name, so a typed `:name:` stays.
    """
    for name, character in _emoji_in(blocks).items():
        text = text.replace(f":{name}:", character)
    return text


def _emoji_in(node: object) -> dict[str, str]:
    if isinstance(node, list):
        return {name: char for child in node for name, char in _emoji_in(child).items()}
    if not isinstance(node, dict):
        return {}
    if node.get("type") == "emoji" and node.get("unicode"):
        tone = f"::skin-tone-{node['skin_tone']}" if node.get("skin_tone") else ""
        return {f"{node.get('name')}{tone}": _characters(str(node["unicode"]))}
    return _emoji_in(node.get("elements"))


def _characters(points: str) -> str:
    try:
        return "".join(chr(int(point, 16)) for point in points.split("-"))
    except ValueError:
        return ""
