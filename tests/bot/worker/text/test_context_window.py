"""What stands around a story in the model's window, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from bot.domain.chat import MODEL, Author, Room
from bot.domain.inference import ContextPiece, GenerationRequest
from bot.domain.jobs import Length
from bot.domain.sampling import Sampling
from bot.domain.story import Lore, Notes, Passage, Story
from bot.story.joining import WINDOW_CHARACTERS, text_of
from bot.story.prompt import build_context
from bot.text.continuation import max_tokens
from bot.worker.checkpoints.loader import embedded_model
from bot.worker.engine.metrics import Metrics
from bot.worker.text.context_window import InsertedContext, fit_pieces
from bot.worker.text.encoding import Encoded, StoryText, read_as
from bot.worker.text.vocabulary import EOS
from tests.bot.worker.text.test_encoding import pieces, story_text
from tests.fakes.backend import FakeBackend
from tests.servers.hosted_worker import fake_loaded_model

AKI = Author("web", "aki", "秋")
MEMORY = ContextPiece("memory", "町は雨。")
NOTE = ContextPiece("note", "しずかに。")
LORE = ContextPiece("lore", "猫は歩く。")
AROUND = InsertedContext((MEMORY,), (LORE, NOTE), insertion_depth=1)
LINES = st.lists(
    st.sampled_from(["雨が降る。", "猫が歩く。", "町はしずかだ。猫だけが歩いていく。", ""]), max_size=40
)
TEXTS = st.text(alphabet="雨が降る。猫", min_size=1, max_size=60)
PIECES = st.lists(st.builds(ContextPiece, st.sampled_from(["lore", "note"]), TEXTS), max_size=4).map(tuple)


def test_the_pieces_stand_where_they_belong() -> None:
    """Memory, the story, lore and note, and the story's last paragraph, each a paragraph of its own."""
    encoded = story_text().encode("雨が。\n猫が。", 200, AROUND)

    assert [seen.piece.kind for seen in encoded.seen] == ["memory", "story", "lore", "note", "story"]
    assert "".join(pieces(encoded.ids)).split("</s>") == [
        "",
        "町は雨。",
        "雨が。",
        "猫は歩く。",
        "しずかに。",
        "猫が。",
    ]
    assert sum(seen.tokens for seen in encoded.seen) == len(encoded.ids)


def test_the_depth_counts_paragraphs_of_the_story() -> None:
    """So many of them stand behind the inset; a short story has all of them there."""
    text = story_text()
    story = "雨が。\n猫が。\n町は。"

    deep = text.encode(story, 200, InsertedContext((), (NOTE,), insertion_depth=2))
    deepest = text.encode(story, 200, InsertedContext((), (NOTE,), insertion_depth=9))

    assert [seen.piece.text for seen in deep.seen] == ["雨が。", "しずかに。", "猫が。\n町は。"]
    assert [seen.piece.text for seen in deepest.seen] == ["しずかに。", story]


def test_a_memory_that_is_too_long_keeps_its_beginning() -> None:
    """Cut at a sentence's end, the rest is told; other pieces are left out whole, lore before the note."""
    memory, lore, note = (
        ContextPiece("memory", "あああ。いいい。ううう。"),
        ContextPiece("lore", "ろ" * 8),
        ContextPiece("note", "の" * 3),
    )
    around = InsertedContext((memory,), (lore, note))

    whole, cut = fit_pieces(around, 24, 1, len), fit_pieces(around, 20, 1, len)

    assert whole.kept == InsertedContext((memory,))
    assert whole.left_out == (lore, note)
    assert cut.kept.prefix == (ContextPiece("memory", "あああ。いいい。"),)
    assert cut.left_out == (ContextPiece("memory", "ううう。"), lore, note)


@pytest.mark.parametrize(
    ("memory", "kept"),
    [("秋：語り手\n冬：その友\n春：猫", "秋：語り手\n冬：その友"), ("あ" * 30, "あ" * 12)],
)
def test_a_memory_without_sentences_is_cut_too(memory: str, kept: str) -> None:
    """At a line's end; where even one line is too long, anywhere. It is never left out."""
    assert fit_pieces(InsertedContext((ContextPiece("memory", memory),)), 24, 1, len).kept.prefix == (
        ContextPiece("memory", kept),
    )


@given(st.lists(st.integers(1, 30), max_size=5), st.integers(8, 60), st.integers(1, 20))
def test_pieces_have_half_of_the_window(lengths: list[int], limit: int, grain: int) -> None:
    """They never take more, what is kept free is enough for them, and it grows in grains up to the half."""
    inset = tuple(ContextPiece("lore", "ろ" * length) for length in lengths)

    fit = fit_pieces(InsertedContext((), inset), limit, grain, len)

    assert sum(len(piece.text) for piece in fit.kept.depth_inserted) <= fit.tokens <= limit // 2
    assert fit.tokens % grain == 0 or fit.tokens == limit // 2
    assert len(fit.kept.depth_inserted) + len(fit.left_out) == len(inset)


@settings(max_examples=150, deadline=None)
@given(lines=LINES, front=TEXTS, inset=PIECES, room=st.integers(16, 256), depth=st.integers(1, 5))
def test_the_window_holds(
    lines: list[str], front: str, inset: tuple[ContextPiece, ...], room: int, depth: int
) -> None:
    """Never over budget, always the end of the story, the memory always in, nothing lost without a word."""
    story = "\n".join(lines)
    memory = ContextPiece("memory", front)

    encoded = story_text().encode(story, room, InsertedContext((memory,), inset, depth))

    assert len(encoded.ids) <= room
    assert all(pair != (EOS, EOS) for pair in pairwise(encoded.ids[:-1]))
    assert sum(seen.tokens for seen in encoded.seen) == len(encoded.ids) or not encoded.seen
    told = [seen.piece.text for seen in encoded.seen if seen.piece.kind == "story"]
    kept = [line for line in story[encoded.dropped_characters :].split("\n") if line]
    assert "\n".join(told).split("\n") == (kept or [""])
    assert bool(kept) == any(lines)
    [remembered] = [seen.piece.text for seen in encoded.seen if seen.piece.kind == "memory"]
    forgotten = [piece.text for piece in encoded.left_out if piece.kind == "memory"]
    assert remembered + "".join(forgotten) == front
    seen = [one.piece for one in encoded.seen if one.piece in inset]
    left_out = [piece for piece in encoded.left_out if piece.kind != "memory"]
    assert sorted([*seen, *left_out], key=str) == sorted(inset, key=str)


def turns(count: int, notes: Callable[[int], Notes]) -> Iterator[Story]:
    """A story that grows by a person's passage and one of the model at each turn, with that turn's notes."""
    passages: tuple[Passage, ...] = ()
    for turn in range(count):
        asked = Passage(
            f"a{turn}", "s", None, AKI, f"{turn}日目の朝、猫が帰ってきた。" + "雨はまだ降っている。" * 3
        )
        told = Passage(
            f"b{turn}", "s", None, MODEL, f"町は{turn}日目もしずかだった。" + "だれも来なかった。" * 14
        )
        passages = (*passages, asked, told)
        yield Story("s", Room("web", "r"), "題", passages, notes=notes(turn))


def unchanging(_: int) -> Notes:
    """The same at every turn."""
    return Notes("町は雨。", "しずかに。")


def changing(turn: int) -> Notes:
    """A note that is rewritten every other turn, and lore that comes and goes."""
    lore = (Lore(("猫",), "猫は古い家に住む。"),) if turn % 5 else ()
    return Notes("町は雨。", "しずかに。" * (turn // 2 % 4 + 1), lore)


@pytest.mark.parametrize("context", [1024, 2048])
@pytest.mark.parametrize("notes", [unchanging, changing])
def test_what_was_read_holds_from_turn_to_turn(context: int, notes: Callable[[int], Notes]) -> None:
    """Over a hundred turns, as the rules send them, what the model reads begins anew only as steps are full.

    In between all of it holds that stood before the last turn's inset.
    """
    text = StoryText(Tokenizer.from_file(str(embedded_model() / "tokenizer.json")), context)
    reads: list[Encoded] = []
    for story in turns(100, notes):
        told = build_context(story)
        around = InsertedContext(told.prefix, told.depth_inserted)
        reads.append(text.encode(told.prompt, context - max_tokens(Length.MEDIUM), around))

    anew = sum(not _holds(before, after) for before, after in pairwise(reads))

    written = text.count(text_of(story.passages)).tokens
    assert len(text_of(story.passages)) > WINDOW_CHARACTERS
    assert 0 < anew <= written // (context // 4) + 2  # two: the rules cut, too, and lore may come just then


def _holds(before: Encoded, after: Encoded) -> bool:
    """Whether `after` begins as `before` did, up to the inset."""
    kept = 0
    for seen in before.seen:
        if seen.piece.kind in {"lore", "note"}:
            break
        kept += seen.tokens
    return before.ids[:kept] == after.ids[:kept]


def test_another_length_cuts_at_the_same_places() -> None:
    """Room for more or fewer new tokens moves the cut by whole steps, if at all."""
    text = story_text(context=400)
    story = "\n".join(f"猫が歩く、{n}。" for n in range(200))

    starts = {text.encode(story, limit).dropped_characters for limit in range(200, 400)}

    assert len(starts) <= 4


async def test_what_is_told_is_what_is_read() -> None:
    """The window of a request is the one it is generated from, to the token."""
    served = fake_loaded_model(FakeBackend(), Metrics())
    request = GenerationRequest(
        "晩の雨。\n" * 30 + "猫が。",
        Sampling(),
        12,
        prefix=(MEMORY,),
        depth_inserted=(NOTE,),
        insertion_depth=1,
    )

    window = await served.context_window(request)
    completion = await served.complete(request)

    assert window.tokens == len(completion.prompts[0].ids) <= window.context - window.reserved
    assert window.left_out_characters == completion.prompts[0].dropped_characters > 0
    assert window.unknown == completion.prompts[0].unknown
    assert [seen.piece.kind for seen in window.seen] == ["memory", "story", "note", "story"]
    completion.close()


def test_a_hole_is_shown() -> None:
    """The place around the first character that the model cannot see, on its line."""
    assert read_as("はじめ。\n蒸し暑い晩のこと", ["晩"]) == "蒸し暑い〓のこと"
    assert read_as("晴れ", []) == ""
    assert len(read_as("あ" * 100 + "晩" + "い" * 100, ["晩"])) == 40
