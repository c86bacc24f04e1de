"""Which token each number of a row of logits stands for, where not all may be drawn. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bot.worker.text.logprobs import NO_TOKEN, SampledToken

Ids = NDArray[np.intp]


class OutputIndex:
    """The ids of some tokens, ascending, so that of equal outputs the one with the lower id comes first."""

    def __init__(self, ids: Iterable[int], vocabulary: int) -> None:
        """`vocabulary`: how many tokens there are, ids from 0."""
        self.vocabulary = vocabulary
        self.ids: Ids = np.unique(np.fromiter(ids, np.intp))
        self._places = np.full(vocabulary, NO_TOKEN, np.intp)
        self._places[self.ids] = np.arange(len(self.ids))

    def find(self, tokens: Ids) -> tuple[Ids, NDArray[np.bool_]]:
        """The outputs of those of the tokens that have one; and for each token, whether it has."""
        places = self._places[tokens]
        found = places >= 0
        return places[found], found

    def named(self, drawn: SampledToken | None) -> SampledToken | None:
        """What was drawn, its outputs replaced by the tokens they stand for."""
        if drawn is None or drawn.token == NO_TOKEN:
            return drawn
        top = tuple((int(self.ids[place]), logprob) for place, logprob in drawn.top)
        return replace(drawn, token=int(self.ids[drawn.token]), top=top)
