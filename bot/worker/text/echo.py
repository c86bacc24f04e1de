"""A prompt that is sent back: its text, and where each of its tokens stands in it."""

from __future__ import annotations

import codecs
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from bot.domain.inference import Score
from bot.worker.text.logprobs import SampledToken
from bot.worker.text.vocabulary import EOS, Spelling

UNSCORED = math.nan
"""The first token's log probability: nothing stands before it that it could follow from."""


@dataclass(frozen=True, slots=True)
class Echo:
    """A prompt's tokens and text; `offsets`: where each token's text begins, in characters, never falling."""

    ids: tuple[int, ...]
    text: str
    offsets: tuple[int, ...]

    @property
    def first(self) -> Score:
        """The first token's score, which is none."""
        return Score(self.ids[0], UNSCORED, (), 0)

    def piece(self, first: int, last: int) -> str:
        """The text of the tokens from `first` to the one before `last`."""
        edges = (*self.offsets, len(self.text))
        return self.text[edges[first] if first else 0 : edges[last]]

    def scores(self, first: int, drawn: Sequence[SampledToken]) -> tuple[Score, ...]:
        """What the model gave the tokens from `first` on, each in its place."""
        places = self.offsets[first : first + len(drawn)]
        return tuple(
            Score(one.token, UNSCORED if one.logprob is None else one.logprob, one.top, place)
            for one, place in zip(drawn, places, strict=True)
        )


def as_written(ids: tuple[int, ...], text: str, places: Sequence[int]) -> Echo:
    """A text that was read as `ids`; `places`: where each of them begins, as far as its reading told."""
    return Echo(ids, text, tuple(accumulate(places, max)))


def spelled_out(ids: tuple[int, ...], spellings: Sequence[Spelling]) -> Echo:
    """Token ids as a text: a `</s>` between paragraphs is a line break, controls show nothing."""
    part = codecs.getincrementaldecoder("utf-8")("ignore")
    text, places = "", []
    pieces: list[str] = []
    length, fresh = 0, True
    for token in ids:
        spelling = spellings[token]
        if token == EOS:
            part.reset()
            text = "\n" if length else ""
        elif isinstance(spelling, bytes):
            text = part.decode(spelling)
        else:
            part.reset()
            text = spelling.lstrip(" ") if fresh else spelling
        places.append(length)
        fresh = token == EOS or (fresh and not text)
        length += len(text)
        pieces.append(text)
    return Echo(ids, "".join(pieces), tuple(places))
