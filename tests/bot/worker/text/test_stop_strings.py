"""Stop strings are never shown, not even in part, however the text is cut into pieces."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.worker.text.stop_strings import StopWatch

SHORT = st.text("ab。\n", max_size=12)
STOPS = st.lists(st.text("ab。\n", min_size=1, max_size=3), max_size=3)


def run(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    """All that is shown, and whether a stop string came."""
    watch = StopWatch(tuple(stops))
    shown = "".join(watch.push(piece) for piece in pieces)
    return shown + watch.flush(), watch.hit


@settings(deadline=None)
@given(stops=STOPS, pieces=st.lists(SHORT, max_size=8))
def test_shows_all_before_the_first_stop(stops: list[str], pieces: list[str]) -> None:
    """What is shown in the end is the text up to the earliest stop string, or all of it."""
    text = "".join(pieces)

    shown, hit = run(stops, pieces)

    assert hit == any(stop in text for stop in stops)
    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    if not hit:
        assert text == shown


@settings(deadline=None)
@given(stops=STOPS, pieces=st.lists(SHORT, max_size=8))
def test_shows_no_beginning_of_a_stop(stops: list[str], pieces: list[str]) -> None:
    """At no time does what was shown reach into what may become a stop string."""
    watch, shown, text = StopWatch(tuple(stops)), "", ""
    for piece in pieces:
        shown, text = shown + watch.push(piece), text + piece
        beginnings = [k for stop in stops for k in range(1, len(stop)) if text.endswith(stop[:k])]
        assert watch.hit or len(text) - max(beginnings, default=0) == len(shown)


def test_cuts_where_the_stop_begins() -> None:
    """A stop string spread over three pieces is held back and dropped with what follows it."""
    watch = StopWatch(("END",))

    assert [watch.push("aE"), watch.push("N"), watch.push("Dxyz"), watch.push("more")] == ["a", "", "", ""]
    assert watch.hit
    assert watch.flush() == ""


def test_gives_back_what_was_no_stop() -> None:
    """Text held back for nothing is shown."""
    watch = StopWatch(("END",))

    assert [watch.push("EN"), watch.push("X")] == ["", "ENX"]
