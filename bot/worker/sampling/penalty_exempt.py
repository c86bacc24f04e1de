"""Tokens that the sampler treats apart: grammar, which comes again and again, and blanks."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

PARTICLES = {
    *("は", "が", "を", "に", "で", "と", "も", "の", "へ", "や", "か", "ね", "よ", "ば", "な", "し"),
    *("だ", "て", "た", "って", "った", "から", "まで", "より", "など", "には", "では", "とは", "にも"),
    *("でも", "のは", "のに", "ので", "のが", "のを", "ない", "です", "ます", "した", "して", "いる"),
    *("いた", "ある", "れた", "れる"),
}
"""Japanese grammar in one piece: it has to come again and again. The endings stand beside the particles
because a tokenizer cuts them off in the same way."""

SPACE = "▁"


def penalty_exempt_tokens(vocabulary: Mapping[str, int], end_token: int) -> frozenset[int]:
    """Ids of punctuation, spaces, particles and the paragraph break."""
    return frozenset({end_token, *(token for piece, token in vocabulary.items() if is_exempt(piece))})


def dry_breakers(vocabulary: Mapping[str, int], end_token: int) -> frozenset[int]:
    """Ids of the paragraph break, quotation marks and brackets: what is said again behind one begins anew.

    Commas and full stops are none: in Japanese there is one every few tokens.
    """
    return frozenset({end_token, *(token for piece, token in vocabulary.items() if _is_bracket(piece))})


def blank_tokens(vocabulary: Mapping[str, int]) -> frozenset[int]:
    """Ids of tokens that are nothing but space."""
    return frozenset(token for piece, token in vocabulary.items() if not piece.replace(SPACE, " ").strip())


def _is_bracket(piece: str) -> bool:
    bare = piece.replace(SPACE, "")
    return bool(bare) and all(c == '"' or unicodedata.category(c) in {"Ps", "Pe", "Pi", "Pf"} for c in bare)


def is_exempt(piece: str) -> bool:
    """Whether a piece is grammar or punctuation rather than something said."""
    bare = piece.replace(SPACE, "")
    return bare in PARTICLES or all(unicodedata.category(character)[0] in "PSZ" for character in bare)
