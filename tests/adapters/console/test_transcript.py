"""The story on an output that is no terminal, in a file and in a pipe."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.console import Transcript

PIECES = st.lists(st.text(alphabet="ab\n", min_size=1, max_size=3), max_size=4)


def test_a_passage_goes_on_where_the_one_before_ended() -> None:
    """A growing one, too; the last line is ended at the end."""
    out = io.StringIO()
    transcript = Transcript(out)
    transcript.rewrite("s", ["雨が"])
    transcript.rewrite("s", ["雨が", "降"])
    transcript.rewrite("s", ["雨が", "降る。", "\n風。"])
    assert out.getvalue() == "雨が降る。\n風。"
    transcript.end()
    assert out.getvalue() == "雨が降る。\n風。\n"


def test_another_story_stands_behind_an_empty_line() -> None:
    """And the first one is told again from its beginning when it comes back."""
    out = io.StringIO()
    transcript = Transcript(out)
    transcript.rewrite("s", ["雨。"])
    transcript.rewrite("t", [])
    transcript.rewrite("t", ["海。"])
    assert out.getvalue() == "雨。\n\n海。"


def test_from_a_pipe_nothing_can_be_taken() -> None:
    """What comes instead of it stands in a line of its own; what is only taken back leaves all as it is."""
    out = io.StringIO()
    transcript = Transcript(out)
    transcript.rewrite("s", ["雨。", "風。"])
    transcript.rewrite("s", ["雨。"])
    assert out.getvalue() == "雨。風。"
    transcript.rewrite("s", ["雨。", "雪"])
    transcript.rewrite("s", ["雨。", "雪。"])
    assert out.getvalue() == "雨。風。\n雪。"


@pytest.mark.parametrize("before", ["", "前からあった。\n"])
def test_a_file_holds_the_story_as_it_ended(tmp_path: Path, before: str) -> None:
    """What was taken back is cut off, and nothing that stood there before."""
    path = tmp_path / "story.txt"
    path.write_text(before, "utf-8")
    with path.open("a", encoding="utf-8") as out:
        transcript = Transcript(out)
        for pieces in (["雨。", "風。"], ["雨。"], ["雨。", "雪。"], ["霧。"], ["霧。", "花。"]):
            transcript.rewrite("s", pieces)
        transcript.rewrite("t", ["海。"])
        transcript.rewrite("t", ["空。"])
        transcript.end()
    assert path.read_text("utf-8") == f"{before}霧。花。\n\n空。\n"


@given(st.lists(PIECES, min_size=1))
def test_whatever_becomes_of_a_story(tmp_path_factory: pytest.TempPathFactory, told: list[list[str]]) -> None:
    """A file holds the last of it, to the character."""
    path = tmp_path_factory.mktemp("told") / "story.txt"
    with path.open("w", encoding="utf-8") as out:
        transcript = Transcript(out)
        for pieces in told:
            transcript.rewrite("s", pieces)
        out.flush()
        assert path.read_text("utf-8") == "".join(told[-1])
