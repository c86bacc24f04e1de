"""The terminal."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import pytest

from adapters.console import ROOM, ConsoleAdapter
from bot.domain.replies import Candidate, Reply, ReplyState

BEGUN = "それは　九月初旬の晩。"


class Terminal(io.StringIO):
    """Standard error at a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def say(key: str, locale: str, **values: object) -> str:
    """A sentence that shows what was asked for."""
    return f"[{key} {locale} {values}]"


@pytest.fixture
def out() -> io.StringIO:
    """Standard output."""
    return io.StringIO()


@pytest.fixture
def err() -> io.StringIO:
    """Standard error, not at a terminal."""
    return io.StringIO()


@pytest.fixture
def console(out: io.StringIO, err: io.StringIO) -> ConsoleAdapter:
    """A console on which the person's text stands."""
    console = ConsoleAdapter(out, err, say)
    console.set_beginning(BEGUN)
    return console


def writing(text: str, note: str = "") -> Reply:
    """A draft under way."""
    return Reply(ReplyState.WRITING, text, note, job="job")


def done(text: str, *others: str, note: str = "") -> Reply:
    """The end of a reply, with its other candidates."""
    choices = tuple(Candidate(f"job.{number}", each) for number, each in enumerate(others, start=1))
    return Reply(ReplyState.DONE, text, note, choices, "job", "job.0")


async def test_only_new_text_is_written(console: ConsoleAdapter, out: io.StringIO) -> None:
    """The story stands on standard output once, the person's text before it, a line break behind it."""
    await console.post(ROOM, writing("私は、"), "job:0")
    await console.edit(ROOM, "job:0", writing("私は、外へ出た。"))
    await console.edit(ROOM, "job:0", done("私は、外へ出た。"))

    assert out.getvalue() == BEGUN + "私は、外へ出た。\n"


async def test_everything_else_goes_to_standard_error(
    console: ConsoleAdapter, out: io.StringIO, err: io.StringIO
) -> None:
    """Places, waking up and hints never mix with the story; a line is said once."""
    await console.post(ROOM, Reply(ReplyState.WAITING, note="40 %"), "job:0")
    await console.edit(ROOM, "job:0", Reply(ReplyState.WAITING, note="40 %"))
    await console.edit(ROOM, "job:0", done("外へ。", note="晩 is not seen"))

    assert out.getvalue() == BEGUN + "外へ。\n"
    assert err.getvalue() == "40 %\n晩 is not seen\n"


async def test_at_a_terminal_a_line_takes_the_place_of_the_last(out: io.StringIO) -> None:
    """Progress is one line, and gone once the story goes on."""
    err = Terminal()
    console = ConsoleAdapter(out, err, say)
    console.set_beginning(BEGUN)

    await console.post(ROOM, Reply(ReplyState.WAITING, note="40 %"), "job:0")
    await console.edit(ROOM, "job:0", Reply(ReplyState.WAITING, note="80 %"))
    await console.edit(ROOM, "job:0", writing("外へ。"))

    assert err.getvalue().split("\r\x1b[2K") == ["", "40 %", "80 %", ""]


async def test_candidates_follow_one_another(console: ConsoleAdapter, out: io.StringIO) -> None:
    """The first goes on from the text; each other one is told whole, under its number."""
    await console.post(ROOM, done("外へ。", "家へ。", "海へ。"), "job:0")

    first, second, third = out.getvalue().split("[console.candidate ja ")
    assert first == BEGUN + "外へ。\n\n"
    assert second == "{'number': 2}]\n" + BEGUN + "家へ。\n\n"
    assert third == "{'number': 3}]\n" + BEGUN + "海へ。\n"


async def test_an_attempt_that_comes_to_the_same_words_is_not_seen(
    console: ConsoleAdapter, out: io.StringIO, err: io.StringIO
) -> None:
    """A worker that died begins again; as long as the words are the same, nothing is written twice."""
    await console.post(ROOM, writing("外へ。雨。"), "job:0")
    await console.edit(ROOM, "job:0", writing("外へ。"))
    await console.edit(ROOM, "job:0", done("外へ。雨。風。"))

    assert out.getvalue() == BEGUN + "外へ。雨。風。\n"
    assert err.getvalue() == ""


async def test_an_attempt_with_other_words_is_told_anew(
    console: ConsoleAdapter, out: io.StringIO, err: io.StringIO
) -> None:
    """Words that were written cannot be taken back: the story is told again, and the reader told why."""
    await console.post(ROOM, writing("外へ。"), "job:0")
    await console.edit(ROOM, "job:0", done("家へ。"))

    assert out.getvalue() == BEGUN + "外へ。\n\n" + BEGUN + "家へ。\n"
    assert "console.again" in err.getvalue()


async def test_a_failure_is_said_and_the_story_stays(
    console: ConsoleAdapter, out: io.StringIO, err: io.StringIO
) -> None:
    """What was written stands; why nothing follows is told beside it."""
    await console.post(ROOM, Reply(ReplyState.FAILED, note="the storyteller is gone"), "job:0")

    assert out.getvalue() == BEGUN + "\n"
    assert err.getvalue() == "the storyteller is gone\n"


async def test_on_one_screen_progress_never_clears_a_line_of_the_story() -> None:
    """At a terminal, where both streams are the same screen, what the person wrote stays readable."""
    screen = Terminal()
    console = ConsoleAdapter(screen, screen, say)
    console.set_beginning(BEGUN)

    await console.post(ROOM, Reply(ReplyState.WAITING, note="40 %"), "job:0")
    await console.edit(ROOM, "job:0", writing("外へ"))
    await console.edit(ROOM, "job:0", Reply(ReplyState.WAITING, "外へ", note="again"))
    await console.edit(ROOM, "job:0", done("外へ出た。"))

    cleared = [line.split("\x1b[2K")[0] for line in screen.getvalue().split("\n") if "\x1b[2K" in line]
    assert not any("晩" in part or "外" in part for part in cleared)
    assert BEGUN + "外へ" in screen.getvalue()


async def test_what_the_person_wrote_stands_there_when_nothing_follows(
    console: ConsoleAdapter, out: io.StringIO
) -> None:
    """A continuation that fails does not take their text with it."""
    await console.post(ROOM, Reply(ReplyState.FAILED, note="no"), "job:0")

    assert out.getvalue() == BEGUN + "\n"


async def test_a_reply_that_only_loses_its_buttons_is_not_told_again(
    console: ConsoleAdapter, out: io.StringIO
) -> None:
    """What is over stays as it was written, whatever else its message shows elsewhere."""
    await console.post(ROOM, done("外へ。"), "job:0")
    await console.edit(ROOM, "job:0", replace(done("外へ。"), interactive=False))

    assert out.getvalue() == BEGUN + "外へ。\n"


async def test_each_reply_of_a_story_is_written_whole(console: ConsoleAdapter, out: io.StringIO) -> None:
    """A second reply begins anew, also where it begins like the first."""
    await console.post(ROOM, done("外へ。"), "job:0")
    await console.post(ROOM, replace(done("外へ出た。"), job="next"), "next:0")

    assert out.getvalue() == BEGUN + "外へ。\n外へ出た。\n"


async def test_the_end_of_a_reply_can_be_waited_for(console: ConsoleAdapter) -> None:
    """Also when it is over already."""
    waiting = asyncio.create_task(console.wait_ended("job"))
    await console.post(ROOM, writing("外"), "job:0")
    assert not waiting.done()
    await console.edit(ROOM, "job:0", done("外へ。"))
    await waiting
    await console.wait_ended("job")
