"""Reading works and dividing them."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from bot.domain.errors import CorpusError
from bot.train.corpus import Corpus, CorpusSource, Work, read_works


def test_reads_json_lines(tmp_path: Path) -> None:
    """One object a line is one work, compressed or not."""
    line = '{"id": "a", "text": "一。\\n二。", "title": "t"}\n'
    (tmp_path / "c.jsonl").write_text(line, encoding="utf-8")
    with lzma.open(tmp_path / "c.jsonl.xz", "wt", encoding="utf-8") as file:
        file.write(line)

    expected = [Work("a", "一。\n二。")]

    assert expected == read_works(tmp_path / "c.jsonl") == read_works(tmp_path / "c.jsonl.xz")


def test_reads_plain_text_as_one_work(tmp_path: Path) -> None:
    """A .txt file is one work named after the file."""
    path = tmp_path / "story.txt"
    path.write_text("一。\n\n二。\n", encoding="utf-8")

    [work] = read_works(path)

    assert (work.id, work.paragraphs) == ("story.txt", ["一。", "二。"])


@pytest.mark.parametrize("content", ["not json\n", '{"id": 1}\n', "[]\n"])
def test_bad_line_is_named(tmp_path: Path, content: str) -> None:
    """A line that is no work is an error that says which one."""
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "a", "text": "b"}\n' + content, encoding="utf-8")

    with pytest.raises(CorpusError, match="line 2"):
        read_works(path)


def test_missing_file_and_unknown_kind_are_errors(tmp_path: Path) -> None:
    """A path that cannot be a corpus is refused with its name."""
    (tmp_path / "c.csv").touch()

    for name in ("none.jsonl", "c.csv"):
        with pytest.raises(CorpusError, match=name):
            read_works(tmp_path / name)


@pytest.mark.parametrize(("argument", "share"), [("a.txt", 1.0), ("a.txt=0.5", 0.5), ("a.txt=1", 1.0)])
def test_source_has_a_share(argument: str, share: float) -> None:
    """FILE=SHARE takes part of a file an epoch."""
    assert CorpusSource.parse(argument) == CorpusSource(Path("a.txt"), share)


@pytest.mark.parametrize("share", ["0", "1.5", "-1", "half", ""])
def test_bad_share_is_refused(share: str) -> None:
    """A share lies above 0 and at most at 1."""
    with pytest.raises(CorpusError):
        CorpusSource.parse(f"a.txt={share}")


def test_division_hangs_on_the_id_alone(corpus: Corpus) -> None:
    """About one work in fifty is held out, the same ones whatever else is there."""
    held_out = {work.id for work in corpus.held_out}

    assert 1 <= len(held_out) <= 12
    assert held_out.isdisjoint(work.id for work in corpus.training)
    assert all(Work(name, "another text").held_out for name in held_out)


def test_sample_stops_at_the_share(corpus: Corpus) -> None:
    """The tokenizer sees no more of a source than an epoch does."""
    half = Corpus(corpus.training, corpus.held_out, 0.5)
    whole = sum(map(len, corpus.sample()))

    assert 0.45 * whole <= sum(map(len, half.sample())) <= 0.55 * whole
