"""Pure: decides, while text streams in, what of it will be kept, when there is enough, and where it ends."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from bot.domain.inference import Delta, Score
from bot.domain.jobs import LENGTH_CHARACTERS, MAX_CHARACTERS, MIN_CHARACTERS, Length
from bot.text.boilerplate import Boilerplate
from bot.text.brackets import BRACKETS, QUOTE, balanced, closed, open_brackets, without_empty
from bot.text.japanese import first_sentence_end, house_style, with_ellipsis
from bot.text.repetition import RepetitionDetector, find_stutter, folded_letters
from bot.text.word_filter import WordFilter

TOKENS_TO_FINISH = 40
"""What a sentence that is under way when the length is reached may still take."""

_TWO_SENTENCES = 150
"""From this many characters on, one sentence is not enough, however long it is."""

_PATIENCE = TOKENS_TO_FINISH * 3 // 2
"""By so many characters the length may be passed before an end inside an open quotation is good enough."""

_STUTTER_CHARACTERS = 120
"""How far back a sentence that does not end is searched for a stutter at each step."""

_LONGEST_SENTENCE = 1000
"""A sentence that is so much longer than what is wanted, four times, does not end; and so many characters
without a letter among them are no story."""

_WORD = re.compile(r"(?<=\W)\w+\Z")
"""The word that a stutter begins in the middle of."""


def characters_of(length: Length | int) -> int:
    """How many characters a length asks for.

    Raises:
        ValueError: it is not between `MIN_CHARACTERS` and `MAX_CHARACTERS`.
    """
    characters = LENGTH_CHARACTERS[length] if isinstance(length, Length) else length
    if not MIN_CHARACTERS <= characters <= MAX_CHARACTERS:
        raise ValueError(
            f"a length lies between {MIN_CHARACTERS} and {MAX_CHARACTERS} characters, not {characters}"
        )
    return characters


def max_tokens(length: Length | int) -> int:
    """Tokens to ask the worker for: three for four characters, and what it takes to finish a sentence.

    A token of Japanese is about one and a half characters with XGLM's tokenizers.
    """
    return characters_of(length) * 3 // 4 + TOKENS_TO_FINISH


def min_tokens(length: Length | int) -> int:
    """Tokens before which the document may not end: about a quarter of the length."""
    return max(1, characters_of(length) // 6)


class Continuation:
    """One candidate's text as it grows. `shown` only ever gets longer, and the final text begins with it.

    The text comes in sentence by sentence. Each is judged before it is shown: one with the debris of web
    pages, in another script, or said before, ends the text in front of it (where nothing was kept yet it is
    left out, and the next one has its chance); so does one with a filtered word, wherever it comes. What
    passes is set in house style, and its brackets are put in order.

    Args:
        length: how much is wanted.
        prompt_tail: the story's end, or all of it.
        words: what may not stand in the text; None: anything may.
    """

    def __init__(self, length: Length | int, prompt_tail: str, words: WordFilter | None = None) -> None:
        self._wanted = characters_of(length)
        self._least_sentences = 1 if self._wanted < _TWO_SENTENCES else 2
        self._before = prompt_tail
        self._open = open_brackets(prompt_tail)
        self._words = words
        self._junk = Boilerplate.for_prompt(prompt_tail)
        self._loops = RepetitionDetector(prompt_tail)
        self._rest = ""  # not judged yet
        self._kept = ""  # whole sentences; the last may stand in a quotation that is still open
        self._shown = ""
        self._sentences = 0
        self._over = False
        self._filtered = False

    @property
    def shown(self) -> str:
        """What will surely be kept: whole sentences only."""
        return self._shown

    @property
    def complete(self) -> bool:
        """Whether there is enough, so that the stream may be closed."""
        enough = self._sentences >= self._least_sentences and len(self._shown) >= self._wanted
        return self._over or enough

    @property
    def filtered(self) -> bool:
        """Whether the text ends where it does, or is empty, because of a filtered word."""
        return self._filtered

    def push(self, delta: str) -> None:
        """Take the next piece of generated text."""
        if self.complete:
            return
        self._rest = self._in_order(self._rest + delta)
        self._judge(final=False)
        # A sentence that can only be refused need not be waited for.
        if self._kept and self._junk.find(self._rest) is not None:
            self._over = True
        if find_stutter(self._rest[-_STUTTER_CHARACTERS:]) is not None:
            self._over = True
        endless = len(self._rest) > 4 * self._wanted + _LONGEST_SENTENCE
        if endless or (not self._sentences and len(self._kept) > _LONGEST_SENTENCE):
            self._over = True

    def finish(self, reason: str | None = None) -> str:
        """The final text; `reason` is `stop` when the model ended the document: then its last words count.

        Ends at a sentence's end, with all brackets closed. Where no sentence ever ended everything good is
        kept and trails off in ……. Empty where nothing good was written; `filtered` says whether that is why.
        """
        if not self.complete:
            self._judge(final=reason == "stop")
        if self._sentences:
            return closed(self._kept.rstrip(), self._waiting())
        return "" if self._filtered else self._trailing()

    # Inside

    def _judge(self, *, final: bool) -> None:
        """Take the sentences that have ended, one by one, until there is enough."""
        while not self.complete and (self._sentences or len(self._kept) <= _LONGEST_SENTENCE):
            end = self._first_end(final=final)
            if end is None:
                return
            sentence = self._rest[:end]
            if find_stutter(sentence) is not None:
                self._over = True
                return
            self._rest = self._rest[end:]
            if not self._take(sentence):
                self._rest = self._in_order(self._rest)  # it may close what the sentence opened

    def _in_order(self, text: str) -> str:
        """`text`, which comes next, without brackets that close nothing, each paragraph's closed."""
        text = balanced(text, self._waiting())
        begins = not self._kept and self._before.endswith((*BRACKETS, QUOTE))
        return text.lstrip() if begins else text

    def _first_end(self, *, final: bool) -> int | None:
        end = first_sentence_end(self._rest, self._waiting(), final=final)
        if not final and end == len(self._rest) and self._rest.endswith(("…", "―", ".")):
            # A run of dots or dashes is set as one: what ends with it is decided when the run is.
            return None
        return end

    def _take(self, sentence: str) -> bool:
        """Whether a sentence was kept."""
        if self._junk.contains(sentence) or self._loops.is_repetition(sentence):
            self._over = self._sentences > 0
        elif self._is_filtered(sentence):
            self._filtered = self._over = True
        else:
            self._keep(sentence)
            return True
        return False

    def _keep(self, sentence: str) -> None:
        styled = self._styled(sentence)
        self._kept += styled
        self._open = open_brackets(styled, self._open)
        self._loops.add(sentence)
        self._sentences += bool(folded_letters(sentence))
        patient = len(self._kept) <= self._wanted + _PATIENCE
        if self._sentences and not (self._waiting() and patient):
            self._shown = self._kept

    def _is_filtered(self, text: str) -> bool:
        return self._words is not None and bool(self._words.found(text, self._before + self._kept))

    def _waiting(self, more: str = "") -> str:
        return open_brackets(more, self._open)

    def _styled(self, text: str) -> str:
        return house_style(re.sub(r"\n\s*\n", "\n", text), self._before + self._kept)

    def _trailing(self) -> str:
        """What stands here instead of a sentence that never ended: its clauses in front of what is wrong."""
        again = find_stutter(self._rest)
        said = self._rest if again is None else _WORD.sub("", self._rest[:again])
        said = self._in_order(said[: self._junk.find(said)])
        said = self._without_wrong(said)
        if not folded_letters(said):
            return ""
        if self._is_filtered(said):
            self._filtered = True
            return ""
        left, _ = without_empty(said, self._waiting(said))
        left = self._styled(with_ellipsis(left))
        return closed(self._kept + left, self._waiting(left))

    def _without_wrong(self, said: str) -> str:
        """As many of its clauses as are neither junk nor said before."""
        if not self._is_wrong(said):
            return said
        ends = [*(pause.start() for pause in re.finditer("、", said)), len(said)]
        # What is wrong stays so with more behind it.
        good = bisect_left(ends, True, key=lambda end: self._is_wrong(said[:end]))  # noqa: FBT003
        return said[: ends[good - 1]] if good else ""

    def _is_wrong(self, said: str) -> bool:
        return self._junk.contains(said) or self._loops.is_repetition(said)


@dataclass(frozen=True, slots=True)
class CandidateText:
    """A candidate that stays; where probabilities were asked for, those of the `raw` text it comes from."""

    text: str
    raw: str = ""
    scores: tuple[Score, ...] = ()


class CandidateStream:
    """Takes the worker's deltas apart by candidate, and keeps those that came to something."""

    def __init__(
        self, count: int, length: Length | int, prompt: str, words: WordFilter | None = None
    ) -> None:
        self._texts = [Continuation(length, prompt, words) for _ in range(count)]
        self._raw = [""] * count
        self._scores: list[list[Score]] = [[] for _ in range(count)]
        self._reasons: dict[int, str] = {}
        self._kept: list[CandidateText] = []

    @property
    def shown(self) -> tuple[CandidateText, ...]:
        """What of each will surely be kept; it may be nothing yet."""
        pairs = enumerate(self._texts)
        return tuple(CandidateText(text.shown, self._raw[n], tuple(self._scores[n])) for n, text in pairs)

    @property
    def complete(self) -> bool:
        """Whether there is enough of each."""
        return all(text.complete or index in self._reasons for index, text in enumerate(self._texts))

    @property
    def filtered(self) -> bool:
        """Whether the word filter took something from one of them."""
        return any(text.filtered for text in self._texts)

    @property
    def final(self) -> list[CandidateText]:
        """What there is in the end: no empty ones, and none twice."""
        return self._kept

    def push(self, delta: Delta) -> None:
        """Take a delta."""
        self._texts[delta.index].push(delta.text)
        self._raw[delta.index] += delta.text
        self._scores[delta.index] += delta.scores
        if delta.finish_reason:
            self._reasons[delta.index] = delta.finish_reason

    def finish(self) -> None:
        """Bring each to its end."""
        found: dict[str, CandidateText] = {}
        for index, text in enumerate(self._texts):
            final = text.finish(self._reasons.get(index))
            if final.strip():
                found.setdefault(final, CandidateText(final, self._raw[index], tuple(self._scores[index])))
        self._kept = list(found.values())
