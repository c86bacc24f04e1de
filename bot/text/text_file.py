"""What a text file says, whichever encoding it was saved in.

Japanese texts come as UTF-8, as UTF-16 or UTF-32 with a byte order mark, and from older editors as Shift_JIS
(Windows' own, code page 932), EUC-JP or ISO-2022-JP. Each is decoded strictly: a guess never leaves out a
character. Text in Shift_JIS is hardly ever valid EUC-JP; where both fit, the wrong one has no wide kana.
"""

from __future__ import annotations

import codecs
import re

from bot.domain.errors import FileTooLarge, FileTooLong, NotText, UnknownEncoding

MAX_CHARACTERS = 40_000
_MOST_BYTES = 4
"""What one character may take, in UTF-8, UTF-16 and UTF-32 alike."""
_MARKS = (
    # UTF-32's little-endian mark begins with UTF-16's.
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SHIFT_JIS = ("cp932",)
_EUC_JP = ("euc_jp", "euc_jis_2004")
"""The second has the circled numbers and other characters that vendors added."""
_ISO_2022_JP = ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2004")
_BY_NAME = {
    "shift_jis": _SHIFT_JIS,
    "cp932": _SHIFT_JIS,
    "euc_jp": _EUC_JP,
    "iso2022_jp": _ISO_2022_JP,
}
"""By Python's name of what was asked for: others call by these names what is a little more, too."""
_OTHER_NAMES = {"windows-31j": "cp932", "x-sjis": "cp932", "cp51932": "euc_jp", "jis": "iso2022_jp"}
_NO_TEXT = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
"""Python's codecs that are no encodings of files."""
KNOWN = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "shift_jis", "euc-jp", "iso-2022-jp")
"""What people are told that there is; Python knows more."""

_ESCAPE = b"\x1b"
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_FULL_WIDTH = re.compile(r"[\u3001-\u301f\u3040-\u30ff\uff01-\uff5e]")
"""Kana, punctuation and full-width letters: no Japanese prose is without them."""
_PRIVATE = re.compile(r"[\ue000-\uf8ff]")
_LETTER = re.compile(r"[A-Za-z]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_BEYOND_ASCII_BYTES = re.compile(rb"[\x80-\xff]")
_SAMPLE = 4000
"""Bytes or characters that are enough to judge a text by."""
_END_OF_FILE = "\x1a"
"""Old editors end a file with it."""


def max_bytes(max_characters: int = MAX_CHARACTERS) -> int:
    """How large a file may be that holds at most `max_characters`, its byte order mark included."""
    return _MOST_BYTES * (max_characters + 1)


def require_small(size: int, max_characters: int = MAX_CHARACTERS) -> None:
    """Raise FileTooLarge where a file of `size` bytes cannot be read: ask before it is fetched."""
    if size > max_bytes(max_characters):
        raise FileTooLarge(kilobytes=-(-size // 1024), limit=max_characters)


def text_of(data: bytes, max_characters: int = MAX_CHARACTERS, encoding: str = "") -> str:
    """The text of a file, its lines ended by line feeds. `encoding`: Python's or a usual name; "": found out.

    UTF-16 and UTF-32 without a byte order mark are only read where they are asked for.

    Raises:
        FileTooLarge, FileTooLong: more than `max_characters`.
        NotText: something else than text, or an encoding that is not known; or not in `encoding`.
        UnknownEncoding: there is no `encoding` of that name.
    """
    require_small(len(data), max_characters)
    text = _named(data, encoding) if encoding else _found_out(data)
    text = text.removesuffix(_END_OF_FILE).replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROL.search(text):
        raise NotText
    if len(text) > max_characters:
        raise FileTooLong(limit=max_characters, length=len(text))
    return text


def _named(data: bytes, encoding: str) -> str:
    text = _first(data, _codecs(encoding))
    if text is None:
        raise NotText
    return text.removeprefix("\ufeff")


def codec_of(encoding: str) -> str:
    """Python's codec for an encoding by any of its names. Raises UnknownEncoding."""
    return _codecs(encoding)[0]


def _codecs(encoding: str) -> tuple[str, ...]:
    try:
        name = codecs.lookup(_OTHER_NAMES.get(encoding.lower(), encoding)).name
        "a".encode(name)  # raises LookupError for what is no encoding of text
    except (LookupError, ValueError):
        name = "undefined"
    if name.replace("-", "_") in _NO_TEXT:
        raise UnknownEncoding(name=encoding, known=", ".join(KNOWN))
    return _BY_NAME.get(name, (name,))


def _found_out(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _named(data, encoding)
    if _ESCAPE in data:
        return _named(data, "iso2022_jp")
    text = _first(data, ("utf-8",))
    return _older(data) if text is None else text


def _older(data: bytes) -> str:
    """Of the two encodings that leave no sign of themselves, what reads as Japanese."""
    if b"\0" in data or _is_damaged_utf8(data):
        raise NotText
    found = (_first(data, _EUC_JP), _first(data, _SHIFT_JIS))
    texts = [text for text in found if text is not None and _is_plausible(text)]
    if not texts:
        raise NotText
    return max(texts, key=_count_full_width)


def _first(data: bytes, encodings: tuple[str, ...]) -> str | None:
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeError:
            continue
    return None


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether nearly all of it is UTF-8: one lost byte does not make it another encoding."""
    sample = data[:_SAMPLE]
    lost = len(sample) - len(sample.decode("utf-8", errors="ignore").encode("utf-8"))
    beyond = len(_BEYOND_ASCII_BYTES.findall(sample))
    return beyond - lost > beyond * 0.9


def _is_plausible(text: str) -> bool:
    """Whether somebody may have written it: Latin letters with accents make rare kanji between the others."""
    if _PRIVATE.search(text):
        return False
    sample = _sample(text)
    letters, beyond = len(_LETTER.findall(sample)), len(_BEYOND_ASCII.findall(sample))
    return _count_full_width(text) > 0 or beyond > letters


def _count_full_width(text: str) -> int:
    return len(_FULL_WIDTH.findall(_sample(text)))


def _sample(text: str) -> str:
    """Where the two encodings begin to differ: a text may have a long head of plain ASCII."""
    first = _BEYOND_ASCII.search(text)
    return "" if first is None else text[first.start() : first.start() + _SAMPLE]
