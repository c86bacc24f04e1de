"""Banned phrases never come, however their tokens are cut, and nobody ever sees a part of one."""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.inference import Delta
from bot.domain.sampling import Sampling
from bot.worker.engine.engine_core import MAX_REWINDS, EngineCore, Submission
from bot.worker.engine.scheduler import Scheduler
from bot.worker.engine.sequence import Sequence
from bot.worker.sampling.banned_phrases import Phrasebook, folded, split_phrases
from bot.worker.sampling.sampler import Sampler
from bot.worker.text.decoding import Joint, StreamDecoder
from bot.worker.text.vocabulary import Spelling
from tests.bot.worker.driving import EOS, GREEDY, PLAIN, Ear, sequence
from tests.fakes.backend import VOCABULARY, FakeBackend, Kept, counting, scattering

CONTROLS = ["", "", "", ""]
LETTERS = ["馬", "鹿", "カ", "ガ", "か", "\u3099", "a", "Ｂ", "b", " ", "ß", "s", "㌔", "ロ"]

VOCABULARIES = st.lists(
    st.text(st.sampled_from(LETTERS), min_size=1, max_size=3), min_size=3, max_size=12, unique=True
)
PHRASES = st.lists(st.text(st.sampled_from(LETTERS), min_size=1, max_size=4), min_size=1, max_size=4)


def write(
    spellings: list[Spelling],
    banned: tuple[str, ...],
    one: Sequence,
    backend: FakeBackend,
    stops: tuple[str, ...] = (),
) -> Ear:
    """Run one sequence to its end."""
    ear = Ear()
    scheduler = Scheduler(block=backend.block, blocks=backend.blocks, rows=1, grain=backend.grain)
    unspelt = range(len(CONTROLS) + len(spellings), VOCABULARY)
    engine = EngineCore(backend, Sampler(masked=[0, 1, 3, *unspelt], end_token=EOS), scheduler)
    decoder = StreamDecoder([*CONTROLS, *spellings], Joint(fresh=True, spaced=False, takes_space=False))
    engine.submit([Submission(one, decoder, stops, ear, banned)])
    for _ in range(40 * MAX_REWINDS):
        if not engine.step():
            break
    else:
        raise AssertionError("it never ends")
    return ear


def scripted(
    spellings: list[str], wishes: list[str], banned: tuple[str, ...], **asked: object
) -> tuple[Ear, Sequence]:
    """Write what a model wants that goes on with `wishes`; where one is barred, it takes the next token."""
    ids = {spelling: place for place, spelling in enumerate(spellings, len(CONTROLS))}

    def answer(kept: Tokens[Kept]) -> torch.Tensor:
        wished = ids[wishes[min(len(kept) - 2, len(wishes) - 1)]]
        return (
            -torch.arange(VOCABULARY)
            .index_fill(0, torch.tensor([EOS]), VOCABULARY)
            .index_fill(0, torch.tensor([wished]), -100)
            .float()
        )

    backend = FakeBackend(answer)
    one = sequence(sampling=GREEDY, **asked)  # type: ignore[arg-type]
    return write(list(spellings), banned, one, backend), one


@settings(max_examples=200, deadline=None)
@given(
    spellings=VOCABULARIES,
    banned=PHRASES,
    seed=st.integers(0, 1_000),
    greedy=st.booleans(),
    min_tokens=st.sampled_from([0, 20]),
)
def test_no_banned_phrase_ever_comes_and_it_ends(
    spellings: list[str], banned: list[str], seed: int, greedy: bool, min_tokens: int
) -> None:
    """Over any vocabulary: never as written, nor in another width, case or composition, nor in part."""
    one = sequence(
        sampling=GREEDY if greedy else Sampling(temperature=1.3, top_p=0.95),
        max_tokens=20,
        min_tokens=min_tokens,
        seed=seed,
    )

    ear = write(list(spellings), tuple(banned), one, FakeBackend(scattering))

    assert not [phrase for phrase in split_phrases(banned) if phrase in folded(ear.text)]
    assert ear.reason in {"stop", "length"}
    assert ear.reason != "length" or one.generated == 20


@settings(max_examples=60, deadline=None)
@given(spellings=VOCABULARIES, seed=st.integers(0, 1_000))
def test_what_never_comes_up_changes_nothing(spellings: list[str], seed: int) -> None:
    """A ban of what is not written leaves every token and the whole text as they are."""

    def written(banned: tuple[str, ...]) -> tuple[list[int], str, str | None]:
        one = sequence(sampling=replace(PLAIN, temperature=1.2), max_tokens=20, seed=seed)
        ear = write(list(spellings), banned, one, FakeBackend(scattering))
        return one.tokens, ear.text, ear.reason

    assert written(()) == written(("馬馬馬馬馬馬馬馬馬馬x", "x"))


def test_it_goes_back_to_where_the_phrase_began() -> None:
    """The first token of the phrase is barred there, and another one taken; what stood before stays."""
    ear, one = scripted(["雨", "馬", "鹿", "な", "人"], ["雨", "馬", "鹿", "な"], ("馬鹿な",), max_tokens=4)

    assert ear.text == "雨雨鹿な"
    assert one.generated == 4
    assert ear.reason == "length"


def test_no_part_is_ever_shown() -> None:
    """What may become a banned phrase is held back until it cannot."""
    ear, _ = scripted(["雨", "馬", "鹿", "な", "人"], ["雨", "馬", "鹿", "雨"], ("馬鹿な",), max_tokens=4)

    told = [event.text for event in ear.events if isinstance(event, Delta)]
    assert told == ["雨", "馬鹿雨"]


@pytest.mark.parametrize(
    ("wishes", "banned"),
    [
        (["BA", "D"], "bad"),
        (["ＢＡ", "ｄ"], "Bad"),
        ([" ba", " d"], "ba d"),
        (["馬", " 鹿"], "馬鹿"),
        (["馬", "鹿"], "馬 鹿"),
        (["か", "\u3099"], "が"),
        (["㌔"], "ロ"),
        (["ß"], "ss"),
    ],
)
def test_it_is_compared_as_readers_would(wishes: list[str], banned: str) -> None:
    """Across tokens, widths, cases, compositions, and spaces that a tokenizer may have added."""
    ear, _ = scripted([*wishes, "x"], [*wishes, "x"], (banned,), max_tokens=6)

    assert not [phrase for phrase in split_phrases([banned]) if phrase in folded(ear.text)]


@pytest.mark.parametrize(
    ("wishes", "banned"), [(["カズ"], "カス"), (["as", " soon"], "ass"), (["馬。", "鹿"], "馬鹿")]
)
def test_what_only_looks_like_it_is_written(wishes: list[str], banned: str) -> None:
    """A voiced letter is another letter, and a space between two words of a script with spaces counts."""
    ear, _ = scripted([*wishes, "x"], wishes, (banned,), max_tokens=len(wishes))

    assert ear.text == "".join(wishes)


def test_a_stop_string_behind_what_was_held_back_is_found() -> None:
    """It ends the text there, tokens behind it do not count."""
    spellings: list[Spelling] = ["雨", "馬", "。", "鹿", "な"]
    script = [4, 5, 6, 8]
    backend = FakeBackend(counting(lambda kept: script[min(len(kept) - 2, 3)]))
    one = sequence(sampling=GREEDY, max_tokens=9)

    ear = write(spellings, ("馬。な人",), one, backend, stops=("。",))

    assert (ear.text, ear.reason) == ("雨馬", "stop")
    assert one.generated == 3


def test_where_nothing_else_can_be_written_the_text_ends() -> None:
    """Rather than show the phrase."""
    backend = FakeBackend(counting(lambda _: 4))
    one = sequence(sampling=GREEDY, max_tokens=9, min_tokens=9)

    ear = write(["馬鹿"], ("馬鹿",), one, backend)

    assert (ear.text, ear.reason) == ("", "stop")


def test_tokens_that_hold_a_phrase_are_found() -> None:
    """By themselves, whatever their case and width, with a word's space in front or within a longer one."""
    book = Phrasebook(
        ["", "", "", "", "馬鹿", " Bad", "ｂａｄ", "馬", "大馬鹿者", b"\xe9", "bandana", "ba", "d"]
    )

    assert book.tokens(["馬鹿", "bad"]) == (4, 5, 6, 8)
    assert book.tokens([" ", ""]) == ()


def test_barred_tokens_and_bias() -> None:
    """Barred tokens never come, a bias is added to the model's own logits, unknown ids are passed over."""
    one = sequence(sampling=PLAIN, barred=(10,), bias=((11, 100.0), (10, 100.0), (10**6, 1.0)), max_tokens=3)

    ear = write(["a"] * 20, (), one, FakeBackend(scattering))

    assert one.tokens[2:] == [11, 11, 11]
    assert ear.reason == "length"
