"""Tables say medians, spread and what is wanted; a page keeps all that stands around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import figure
from bench.options import ALL
from bench.plot import plot
from bench.results import Results, read, write
from bench.table import TITLES, markdown, number, rewrite


def results() -> Results:
    """A small run."""
    figures = [
        figure("one.rate", "worker", "tokens/s", [50.0, 51.0, 54.0], at_least=40.0),
        figure("one.share", "of what is possible", "×", [0.7], at_least=0.8),
    ]
    for writers in (1, 8):
        figures += [
            figure(f"crowds.{writers}.rate", "", "tokens/s", [40.0 * writers]),
            figure(f"crowds.{writers}.first_p50", "", "s", [0.1, 0.2]),
            figure(f"crowds.{writers}.first_p95", "", "s", [0.3]),
        ]
    return Results({"processor": "two cores"}, {"shape": "564m"}, figures, {"load 1.7b": "no room"})


def test_a_row_has_median_spread_and_whether_it_is_what_is_wanted() -> None:
    """A single round has no spread."""
    lines = markdown(results()).splitlines()
    assert "| worker | 51.0 tokens/s | 50.0 to 54.0 | at least 40 ✓ |" in lines
    assert "| of what is possible | 0.700 × |  | at least 0.8 ✗ |" in lines


def test_figures_of_one_kind_share_a_column() -> None:
    """A line for each number of writers."""
    lines = markdown(results()).splitlines()
    assert "| | tokens/s | first token, p50 (s) | p95 (s) |" in lines
    assert "| 8 | 320 | 0.150 (0.100 to 0.200) | 0.300 |" in lines


def test_a_shapes_name_keeps_its_dot() -> None:
    """Cold and warm are apart from it."""
    found = Results({}, {}, [figure("load.1.7b.cold.peak", "", "GiB", [2.5], at_most=4.0)])
    assert "| 1.7b cold |  | 2.50 at most 4 ✓ |  |  |" in markdown(found).splitlines()


def test_failures_and_the_machine_are_told() -> None:
    """A part that is missing says why."""
    told = markdown(results())
    assert "| processor | two cores |" in told
    assert "**load 1.7b**: no room" in told


def test_every_part_has_a_title() -> None:
    """Whatever may be asked for can be shown."""
    assert set(ALL) == set(TITLES)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.5, "1,234"), (51.04, "51.0"), (9.126, "9.13"), (0.0444, "0.044"), (4e-4, "0.0004")],
)
def test_numbers_have_about_three_digits(value: float, shown: str) -> None:
    """More would be noise."""
    assert number(value) == shown


def test_a_page_keeps_what_stands_around_its_tables(tmp_path: Path) -> None:
    """Twice rewritten, the tables are there once."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n", encoding="utf-8")
    rewrite(page, results())
    once = page.read_text(encoding="utf-8")
    rewrite(page, results())
    assert page.read_text(encoding="utf-8") == once
    assert once == f"before\n<!-- figures -->\n{markdown(results())}<!-- /figures -->\nafter\n"


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    """It is somebody's text."""
    page = tmp_path / "page.md"
    page.write_text("text", encoding="utf-8")
    with pytest.raises(ValueError, match="figures"):
        rewrite(page, results())
    assert page.read_text(encoding="utf-8") == "text"


def test_a_run_survives_its_file(tmp_path: Path) -> None:
    """Tables and pictures are made of it later."""
    write(results(), tmp_path / "run.json")
    assert read(tmp_path / "run.json") == results()


def test_another_file_is_no_run(tmp_path: Path) -> None:
    """It says so."""
    (tmp_path / "run.json").write_text('{"figures": []}', encoding="utf-8")
    with pytest.raises(ValueError, match="not a run"):
        read(tmp_path / "run.json")


def test_both_pictures_are_drawn(tmp_path: Path) -> None:
    """As PNG."""
    files = plot(results(), tmp_path)
    assert [file.read_bytes()[:4] for file in files] == [b"\x89PNG"] * 2


def test_without_crowds_there_is_nothing_to_draw(tmp_path: Path) -> None:
    """And it is said."""
    found = results()
    found.figures = [one for one in found.figures if one.part == "one"]
    with pytest.raises(ValueError, match="crowds"):
        plot(found, tmp_path)
