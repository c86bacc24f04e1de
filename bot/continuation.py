"""Pure: decides, while text streams in, what of it will be kept, when there is enough, and where it ends."""

from __future__ import annotations

import re

from bot.japanese import (
    SentenceEnd,
    house_style,
    open_brackets,
    sentence_ends,
    trailing_off,
)
from bot.messages import LENGTH_CHARACTERS, Length

TOKENS_TO_FINISH = 40
"""What a sentence that is under way when the length is reached may still take."""

MIN_TOKENS = {Length.SHORT: 12, Length.MEDIUM: 40, Length.LONG: 80}
"""The document may not end before: about a sentence for SHORT, two for MEDIUM."""

MIN_SENTENCES = {Length.SHORT: 1, Length.MEDIUM: 2, Length.LONG: 2}

_PATIENCE = 1.5
"""How many times the length may pass before an end inside an open quotation is good enough."""

_TAIL_CHARACTERS = 400
_LONG_SENTENCE = 10
"""From this many characters on, saying a sentence twice in a row is a loop rather than emphasis."""

_LONGEST_LOOP = 3
"""How many sentences a loop may have and still be seen."""

_JUNK = re.compile(
    r"https?://|\bwww\."  # an address: no narrator says one
    r"|(?:[#＃][^\s#＃。]+\s*){2}"  # a run of hashtags
)
_MAYBE_JUNK = re.compile(r"[#＃][^\s#＃。]*\s*\Z")


def max_tokens(length: Length) -> int:
    """Tokens to ask the worker for: one for every character, which is more than any tokenizer takes."""
    return LENGTH_CHARACTERS[length] + TOKENS_TO_FINISH


def min_tokens(length: Length) -> int:
    """Tokens before which the document may not end."""
    return MIN_TOKENS[length]


class Continuation:
    """One candidate's text as it grows. `shown` only ever gets longer, sentence by sentence.

    A story's worst endings are cut here: a text that turns into addresses or hashtags ends before them, and
    one that says the same again and again ends before the repeat.
    """

    def __init__(self, length: Length, prompt_tail: str) -> None:
        self._length = length
        self._before = prompt_tail[-_TAIL_CHARACTERS:]
        self._shown = ""
        self._rest = ""
        self._sentences: list[str] = []
        self._over = False

    @property
    def shown(self) -> str:
        """What will surely be kept: whole sentences only."""
        return self._shown

    @property
    def complete(self) -> bool:
        """Whether there is enough, so that the stream may be closed."""
        enough = len(self._sentences) >= MIN_SENTENCES[self._length]
        return self._over or (enough and len(self._shown) >= LENGTH_CHARACTERS[self._length])

    def push(self, delta: str) -> None:
        """Take the next piece of generated text."""
        if self.complete:
            return
        self._rest += delta
        self._cut_junk()
        self._keep(self._whole(final=False))

    def finish(self, reason: str | None = None) -> str:
        """The final text; `reason` is `stop` when the model ended the document: then its last words count.

        Ends at a sentence's end. Where no sentence ever ended everything is kept and trails off in …….
        """
        if not self.complete:
            self._cut_junk(final=True)
            self._keep(self._whole(final=reason == "stop"))
        if self._mostly_lost():
            self._keep(sentence_ends(self._rest, self._waiting(), final=True))
        if not self._shown.strip():
            return trailing_off(self._styled(self._rest))
        return self._shown.rstrip()

    # Inside

    def _whole(self, *, final: bool) -> list[SentenceEnd]:
        ends = sentence_ends(self._rest, self._waiting(), final=final)
        # An end within a run that may be a hashtag is decided when the run is.
        doubtful = None if final else _MAYBE_JUNK.search(self._rest)
        if doubtful:
            ends = [end for end in ends if end.index <= doubtful.start()]
        if not final and self._rest.endswith(("…", "―", ".")):
            # A run of dots or dashes is set as one: what ends with it is decided when the run is.
            ends = [end for end in ends if end.index < len(self._rest)]
        whole = [end for end in ends if end.depth == 0]
        return whole if whole or not self._out_of_patience() else ends

    def _waiting(self) -> str:
        return open_brackets(self._before + self._shown)

    def _out_of_patience(self) -> bool:
        return len(self._shown) + len(self._rest) > LENGTH_CHARACTERS[self._length] * _PATIENCE

    def _mostly_lost(self) -> bool:
        """Whether less than half would stay because a quotation was never closed."""
        return not self._over and len(self._rest.strip()) > len(self._shown)

    def _keep(self, ends: list[SentenceEnd]) -> None:
        """Show the sentences that end at `ends`, one by one, until there is enough or a loop."""
        start = 0
        for end in ends:
            sentence = self._styled(self._rest[start : end.index])
            if self._loops(sentence.strip()):
                self._over = True
            if self.complete:
                break
            self._shown += sentence
            self._sentences.append(sentence.strip())
            start = end.index
        self._rest = "" if self._over else self._rest[start:]

    def _styled(self, text: str) -> str:
        return house_style(re.sub(r"\n\s*\n", "\n", text), self._before + self._shown)

    def _cut_junk(self, *, final: bool = False) -> None:
        junk = _JUNK.search(self._rest)
        if junk is None and final:
            junk = re.search(r"(?<=\s)[#＃]\S+\s*\Z", self._rest)
        if junk is None:
            return
        self._rest = self._rest[: junk.start()]
        self._keep(self._whole(final=True))
        self._over = True

    def _loops(self, sentence: str) -> bool:
        """Whether `sentence`, said now, would make the end of the text a repetition."""
        said = [*self._sentences, sentence]
        if said[-3:] == [sentence] * 3:
            return True
        return any(_repeats(said, period) for period in range(1, _LONGEST_LOOP + 1))


def _repeats(said: list[str], period: int) -> bool:
    last, former = said[-period:], said[-2 * period : -period]
    return last == former and sum(map(len, last)) >= _LONG_SENTENCE
