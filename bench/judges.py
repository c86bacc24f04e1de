"""What is wrong with a continuation: plain checks that share no code with what they judge."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

LONG_SENTENCE = 10
"""Letters from which on a sentence that stands twice is a repetition."""

OPENERS, CLOSERS = "「『（(", "」』）)"
ENDINGS = '。！？!?.…―」』）)”"'

HOME_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "LATIN", "FULLWIDTH", "HALFWIDTH", "IDEOGRAPHIC", "MASCULINE")
"""First words of the Unicode names of letters that are at home in a Japanese story."""


def unknown(text: str, _prompt: str) -> bool:
    """A token without a spelling shows."""
    return any(mark in text for mark in ("<unk>", "⁇", "\ufffd", "</s>", "<pad>"))


def unbalanced(text: str, prompt: str) -> bool:
    """A bracket closes nothing, or is never closed; what the prompt's last paragraph left open counts."""
    waiting: list[str] = []
    for character in prompt.rpartition("\n")[2] + text:
        if character in OPENERS:
            waiting.append(CLOSERS[OPENERS.index(character)])
        elif character in CLOSERS and (not waiting or waiting.pop() != character):
            return True
    return bool(waiting)


def unfinished(text: str, _prompt: str) -> bool:
    """The last sentence does not end."""
    return bool(text.strip()) and text.rstrip()[-1] not in ENDINGS


def debris(text: str, _prompt: str) -> bool:
    """A hashtag or an address."""
    return re.search(r"https?:|www\.|[#＃]\w|\w@\w+\.", text) is not None


def repeated(text: str, prompt: str) -> bool:
    """A sentence of some length stands in the text and once more in it or in the prompt."""
    ours = _sentences(text)
    return len(set(ours)) < len(ours) or not set(ours).isdisjoint(_sentences(prompt))


def other_script(text: str, _prompt: str) -> bool:
    """Three letters of a script that is not ours, or a line of Latin ones."""
    names = [unicodedata.name(character, "").split(" ")[0] for character in text if character.isalpha()]
    strangers = sum(not name.startswith(HOME_SCRIPTS) for name in names)
    return strangers >= 3 or re.search(r"[A-Za-z][A-Za-z ,.'’!?]{28,}[A-Za-z]", text) is not None


def empty(text: str, _prompt: str) -> bool:
    """Nothing was left."""
    return not text.strip()


FAULTS: dict[str, Callable[[str, str], bool]] = {
    "unknown": unknown,
    "unbalanced": unbalanced,
    "unfinished": unfinished,
    "debris": debris,
    "repeated": repeated,
    "script": other_script,
    "empty": empty,
}
"""Each takes a continuation and its prompt."""


def distinct_2(texts: Sequence[str]) -> float:
    """Different pairs of neighbouring characters to all pairs, the mean over texts that have any."""
    shares = []
    for text in texts:
        pairs = [text[i : i + 2] for i in range(len(text) - 1)]
        shares += [len(set(pairs)) / len(pairs)] if pairs else []
    return sum(shares) / len(shares) if shares else 0.0


def dialogue(texts: Sequence[str]) -> float:
    """Lines that begin with a quotation to all lines."""
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    return sum(line.lstrip()[0] in "「『" for line in lines) / len(lines) if lines else 0.0


def _sentences(text: str) -> list[str]:
    pieces = ("".join(filter(str.isalnum, piece)) for piece in re.split("[。！？!?\n「」『』]", text))
    return [piece for piece in pieces if len(piece) >= LONG_SENTENCE]
