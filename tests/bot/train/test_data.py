"""Windows and batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sentencepiece

from bot.train.corpus import Corpus
from bot.train.data import Batches, Stream, encode, held_out_windows
from bot.train.tokenizer import EOS

CHUNK = 16


@pytest.fixture
def batches() -> Batches:
    """Two streams of numbered tokens, the second at half share."""
    first = np.arange(1_000, 1_000 + 100 * CHUNK, dtype=np.uint16)
    second = np.arange(10_000, 10_000 + 40 * CHUNK, dtype=np.uint16)
    return Batches([Stream(first, 1.0), Stream(second, 0.5)], CHUNK, seed=3)


def test_windows_begin_with_the_end_of_what_was(batches: Batches) -> None:
    """Every window starts with `</s>`, as every text does when the model is used."""
    batch = next(batches.from_token(0, length=8, batch=4))

    assert batch.shape == (4, 9)
    assert (batch[:, 0] == EOS).all()
    assert (np.diff(batch[:, 1:]) == 1).all()


def test_an_epoch_reads_each_token_at_most_once(batches: Batches) -> None:
    """No window overlaps another, and the share of a source is kept."""
    windows = 99 * 2 + 20 * 2 - 4
    read = itertools.islice(batches.from_token(0, length=8, batch=2), windows // 2)
    seen = np.concatenate([batch[:, 1:].ravel() for batch in read])

    assert len(seen) == len(set(seen.tolist()))
    assert 18 * CHUNK <= (seen >= 10_000).sum() <= 20 * CHUNK


def test_a_run_goes_on_where_it_stopped(batches: Batches) -> None:
    """Starting after n tokens gives what an unbroken run would give next."""
    whole = list(itertools.islice(batches.from_token(0, length=8, batch=4), 30))
    rest = list(itertools.islice(batches.from_token(12 * 4 * 8, length=8, batch=4), 18))

    assert np.array_equal(np.stack(whole[12:]), np.stack(rest))


def test_epochs_differ(batches: Batches) -> None:
    """The second pass cuts and orders the text anew."""
    per_epoch = (99 * 2 + 20 * 2) // 4
    read = list(itertools.islice(batches.from_token(0, length=8, batch=4), 2 * per_epoch))

    assert not np.array_equal(
        np.stack(read[: per_epoch // 2]), np.stack(read[per_epoch : per_epoch + per_epoch // 2])
    )


def test_characters_of_held_out_text_are_counted(
    corpus: Corpus, processor: sentencepiece.SentencePieceProcessor
) -> None:
    """Paragraph breaks count as no character; a window's characters are those its tokens spell."""
    ids = encode(corpus.held_out, processor)
    held_out = held_out_windows(corpus.held_out, processor, length=len(ids) - 1, count=1)
    text = "".join(p for work in corpus.held_out for p in work.paragraphs)

    assert held_out.unknown == 0
    assert abs(held_out.characters - len(text)) <= 16
