"""The characters a tokenizer of ours knows: those it must, whatever its corpus holds, and the commonest."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files

CHARACTER_COVERAGE = 0.9998

FULL_WIDTH_ASCII = "".join(chr(code) for code in range(0xFF01, 0xFF5F))
ASCII = "".join(chr(code) for code in range(0x21, 0x7F))
KANA = "".join(chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB)))
PUNCTUATION = (
    "\u3000、。，．・：；？！゛゜ヽヾゝゞ〃々〆〇ー―—‐…‥‘’“”（）〔〕［"
    "］｛｝〈〉《》「」『』【】〜～＝×÷±°′″※☆★○●◎◇◆□■△▲▽▼→←↑↓"
    "♪♡♥〝〟–·"
)
VARIANTS = "頬叱填剥"
"""Forms of 常用漢字 that keyboards give for the table's 頰𠮟塡剝."""


def joyo_kanji() -> str:
    """The 2,136 常用漢字 of the table of 2010, in code point order."""
    return files(__package__).joinpath("joyo_kanji.txt").read_text(encoding="utf-8").strip()


def required_characters() -> str:
    """All required characters, each once, sorted."""
    every = set(joyo_kanji() + VARIANTS + FULL_WIDTH_ASCII + ASCII + KANA + PUNCTUATION)
    return "".join(sorted(every))


def alphabet(paragraphs: Iterable[str]) -> frozenset[str]:
    """The characters a tokenizer of this text knows: the commonest (CHARACTER_COVERAGE) and the required."""
    counts = Counter(itertools.chain.from_iterable(paragraphs))
    wanted, covered, common = CHARACTER_COVERAGE * counts.total(), 0, []
    for character, count in counts.most_common():
        if covered >= wanted:
            break
        covered += count
        common.append(character)
    return frozenset(common) | frozenset(required_characters()) | {" "}
