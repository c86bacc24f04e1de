"""Windows and batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sentencepiece

from bot.domain.errors import CorpusError
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
    batch = next(batches.from_token(0, [8], 32))

    assert batch.shape == (4, 9)
    assert (batch[:, 0] == EOS).all()
    assert (np.diff(batch[:, 1:]) == 1).all()


def test_an_epoch_reads_each_token_at_most_once(batches: Batches) -> None:
    """No window overlaps another, and the share of a source is kept."""
    windows = 99 * 2 + 20 * 2 - 4
    read = itertools.islice(batches.from_token(0, [8], 16), windows // 2)
    seen = np.concatenate([batch[:, 1:].ravel() for batch in read])

    assert len(seen) == len(set(seen.tolist()))
    assert 18 * CHUNK <= (seen >= 10_000).sum() <= 20 * CHUNK


def test_a_mix_reads_each_token_at_most_once_in_windows_of_all_lengths(batches: Batches) -> None:
    """Each batch has windows of one length; the lengths alternate and share the epoch's text equally."""
    read = list(itertools.islice(batches.from_token(0, [8, 16], 32), 100 * CHUNK // 32))
    seen = np.concatenate([batch[:, 1:].ravel() for batch in read])
    lengths = [batch.shape[1] - 1 for batch in read]

    assert len(seen) == len(set(seen.tolist()))
    assert {batch.shape for batch in read} == {(4, 9), (2, 17)}
    assert lengths.count(8) == pytest.approx(lengths.count(16), abs=5)
    assert {*lengths[:8]} == {*lengths[-8:]} == {8, 16}


def test_a_mix_goes_on_where_it_stopped(batches: Batches) -> None:
    """The order of a mix, too, hangs on the seed alone."""
    whole = list(itertools.islice(batches.from_token(0, [8, 16], 32), 30))
    rest = list(itertools.islice(batches.from_token(12 * 32, [8, 16], 32), 18))

    assert all(np.array_equal(one, other) for one, other in zip(whole[12:], rest, strict=True))


def test_text_that_fills_no_batch_is_refused() -> None:
    """Nothing waits for a batch that never comes."""
    few = Batches([Stream(np.arange(40, dtype=np.uint16), 1.0)], CHUNK, seed=3)

    with pytest.raises(CorpusError, match="fills no batch of 64"):
        next(few.from_token(0, [CHUNK], 64))


def test_a_run_goes_on_where_it_stopped(batches: Batches) -> None:
    """Starting after n tokens gives what an unbroken run would give next."""
    whole = list(itertools.islice(batches.from_token(0, [8], 32), 30))
    rest = list(itertools.islice(batches.from_token(12 * 4 * 8, [8], 32), 18))

    assert np.array_equal(np.stack(whole[12:]), np.stack(rest))


def test_epochs_differ(batches: Batches) -> None:
    """The second pass cuts and orders the text anew."""
    per_epoch = (99 * 2 + 20 * 2) // 4
    read = list(itertools.islice(batches.from_token(0, [8], 32), 2 * per_epoch))

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

    assert abs(held_out.characters - len(text)) <= 16
