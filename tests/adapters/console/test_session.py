"""A story at the terminal, line by line, on the real rules and the real store."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.console import ROOM, ConsoleAdapter, Session, Transcript
from bot.domain.chat import Author
from bot.domain.errors import NoSuchStory
from bot.domain.story import Lore, Notes
from bot.story.export_formats import export_text
from bot.story.joining import in_character_passages, text_of
from config.i18n import Translations
from tests.fakes.house import House, opened, sentence

AYA = Author("console", "-", "綾")
FIRST = "　それは九月の夜のことであった。"


async def lines(*typed: str) -> AsyncIterator[str]:
    """What is typed, all at once."""
    for line in typed:
        yield line


class Terminal:
    """A session with all that it writes."""

    def __init__(
        self, house: House, console: ConsoleAdapter, out: io.StringIO, err: io.StringIO, session: Session
    ) -> None:
        self.house = house
        self.console = console
        self.out = out
        self.err = err
        self.session = session

    def speaking(self, locale: str) -> Session:
        """A session of somebody who reads another language."""
        author = replace(AYA, locale=locale)
        translate = Translations.load()
        return Session(self.house.services, self.console, author, translate, self.out, self.err)

    async def types(self, *typed: str) -> bool:
        """Let the session take these lines; whether all went well."""
        return await self.session.run(lines(*typed))

    async def texts(self) -> list[str]:
        """The story as it is read."""
        story = await self.house.services.stories.open_in(ROOM)
        return [passage.text for passage in story.passages] if story else []


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """Somebody sits down at the terminal."""
    out, err, translate = io.StringIO(), io.StringIO(), Translations.load()
    console = ConsoleAdapter(out, err, translate, labels=err)
    async with opened(tmp_path, console, translate) as house:
        yield Terminal(house, console, out, err, Session(house.services, console, AYA, translate, out, err))


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A script is played, and its output kept."""
    out, err, translate = io.StringIO(), io.StringIO(), Translations.load()
    console = ConsoleAdapter(out, err, translate, labels=err, transcript=Transcript(out))
    async with opened(tmp_path, console, translate) as house:
        yield Terminal(house, console, out, err, Session(house.services, console, AYA, translate, out, err))


async def test_a_script_gets_the_whole_story_in_order(scripted: Terminal) -> None:
    """Its own passages too, joined as an export joins them, without what is beside the story."""
    assert await scripted.types(
        "雨が", "", "// メモ", "二。", "（（次は？））", "/続き 三。", "/show", "/tree"
    )
    story = await scripted.house.services.stories.open_in(ROOM)
    assert story is not None
    assert scripted.out.getvalue() == text_of(in_character_passages(story)) + "\n"
    assert scripted.out.getvalue() == f"雨が{sentence(0)}\n二。\n三。{sentence(1)}\n"
    assert "/ [3] 綾" in scripted.err.getvalue()


async def test_a_script_that_goes_on_gets_the_story_so_far(scripted: Terminal) -> None:
    """Whole means from its first passage on."""
    await scripted.types(FIRST)
    scripted.out.truncate(0)
    scripted.out.seek(0)
    translate = Translations.load()
    console = scripted.console
    console.transcript = Transcript(scripted.out)
    again = Session(scripted.house.services, console, AYA, translate, scripted.out, scripted.err)
    await again.enter(None)
    assert await again.run(lines("二。"))
    assert scripted.out.getvalue() == f"{FIRST}\n二。\n"


async def test_what_is_written_anew_in_a_script(scripted: Terminal) -> None:
    """In a pipe it stands in a line of its own; candidates that are not taken stand beside the story."""
    assert await scripted.types(FIRST, "", "/retry")
    assert scripted.out.getvalue() == f"{FIRST}{sentence(0)}\n{sentence(1)}\n"
    assert await scripted.types("/undo", "/candidates 2")
    assert sentence(3) not in scripted.out.getvalue()
    assert sentence(3) in scripted.err.getvalue()


async def test_lines_are_passages_and_an_empty_one_goes_on(terminal: Terminal) -> None:
    """What the model writes stands on standard output, and nothing else does."""
    assert await terminal.types(FIRST, "", "二。", "/続き")
    assert await terminal.texts() == [FIRST, sentence(0), "二。", sentence(1)]
    assert terminal.out.getvalue() == f"{sentence(0)}\n{sentence(1)}\n"


@pytest.mark.parametrize(
    ("locale", "sentence_of"),
    [
        ("ja", "モデルに読めない文字がありました：晩（「ある〓。」と"),
        ("en", "read these characters: 晩 (it sees “ある〓。”"),
    ],
)
async def test_what_the_model_cannot_read_is_told_once(
    terminal: Terminal, locale: str, sentence_of: str
) -> None:
    """As soon as it is written, whether or not anything is asked for."""
    terminal.session = terminal.speaking(locale)
    assert await terminal.types("ある晩。", "", "次の晩。", "/continue またの晩。")
    assert terminal.err.getvalue().count(sentence_of) == 1
    assert terminal.err.getvalue().count("〓") == 1


async def test_retry_and_choose(terminal: Terminal) -> None:
    """Another continuation takes the place of the last one, which can be chosen again by its number."""
    assert await terminal.types(FIRST, "", "/やり直し")
    assert await terminal.texts() == [FIRST, sentence(1)]
    assert await terminal.types("/choose 1")
    assert await terminal.texts() == [FIRST, sentence(0)]


async def test_candidates_are_told_apart_beside_the_text(terminal: Terminal) -> None:
    """Their numbers stand on standard error, their texts on standard output; one is chosen."""
    assert await terminal.types(FIRST, "/候補 3", "/選ぶ 2")
    assert await terminal.texts() == [FIRST, sentence(1)]
    assert terminal.out.getvalue().split() == [sentence(number) for number in range(3)]
    assert "〔候補3〕" in terminal.err.getvalue()


async def test_a_label_is_the_number_to_choose_by(terminal: Terminal) -> None:
    """Also where a continuation that was undone stands beside the candidates; it has a number as well."""
    assert await terminal.types(FIRST, "", "/undo", "/candidates 3", "/choose 3")
    assert await terminal.texts() == [FIRST, sentence(3)]
    assert await terminal.types("/choose 4")
    assert await terminal.texts() == [FIRST, sentence(0)]
    terminal.err.truncate(0)
    assert await terminal.types("/choose")
    listed = [line.strip() for line in terminal.err.getvalue().strip("\0").splitlines()]
    assert listed == [
        f"[1] {sentence(1)}",
        f"[2] {sentence(2)}",
        f"[3] {sentence(3)}",
        f"* [4] {sentence(0)}",
    ]
    assert not await terminal.types("/choose 5")


async def test_labels_hold_in_their_place_only(terminal: Terminal) -> None:
    """Further on, a continuation and another one are the first and the second."""
    assert await terminal.types(FIRST, "/candidates 3", "二。", "", "/retry", "/choose 1")
    assert await terminal.texts() == [FIRST, sentence(0), "二。", sentence(3)]


async def test_a_deleted_candidate_leaves_the_others_their_numbers(terminal: Terminal) -> None:
    """Nothing else is chosen by its number."""
    assert await terminal.types(FIRST, "/candidates 3", "/delete 3")
    assert not await terminal.types("/choose 2")
    assert await terminal.types("/choose 3")
    assert await terminal.texts() == [FIRST, sentence(2)]


async def test_undo_redo_and_branches(terminal: Terminal) -> None:
    """A passage keeps its number, whatever branch the story is on."""
    assert await terminal.types(FIRST, "二。", "三。", "/undo", "/undo", "/redo")
    assert await terminal.texts() == [FIRST, "二。"]
    assert await terminal.types("/branch 1", "別の二。", "/分岐 3")
    assert await terminal.texts() == [FIRST, "二。", "三。"]
    terminal.err.truncate(0)
    assert await terminal.types("/tree")
    tree = terminal.err.getvalue().strip("\0").splitlines()
    assert [line.strip() for line in tree] == [
        f"|  [1] 綾 {FIRST.strip()}".replace("|  ", "| "),
        "|   [2] 綾 二。",
        "*   [3] 綾 三。",
        "[4] 綾 別の二。",
    ]


async def test_edit_and_delete(terminal: Terminal) -> None:
    """By number; a deleted passage leaves the others theirs."""
    assert await terminal.types(FIRST, "二。", "三。", "/edit 2 弐。　はい", "/delete 1")
    assert await terminal.texts() == ["弐。　はい", "三。"]
    assert await terminal.types("/edit 3 参。")
    assert await terminal.texts() == ["弐。　はい", "参。"]


async def test_show_and_export_write_the_story(terminal: Terminal, tmp_path: Path) -> None:
    """Numbers and names stand beside it; a file gets every character."""
    assert await terminal.types(FIRST, "二。", "/show", f"/export {tmp_path}/story.txt")
    assert terminal.out.getvalue() == f"{FIRST}\n二。\n"
    assert "[2] 綾" in terminal.err.getvalue()
    assert FIRST in (await asyncio.to_thread((tmp_path / "story.txt").read_text, "utf-8"))


@pytest.mark.parametrize("form", ["txt", "md"])
async def test_a_file_is_what_every_door_gives_out(terminal: Terminal, tmp_path: Path, form: str) -> None:
    """To the byte, in the form that its name ends in."""
    assert await terminal.types(FIRST, "* 二。", "// メモ", f"/export {tmp_path}/story.{form}")
    story = await terminal.house.services.stories.open_in(ROOM)
    assert story is not None
    content = await asyncio.to_thread((tmp_path / f"story.{form}").read_bytes)
    assert content == export_text(story, form).encode()
    assert "メモ" not in content.decode()


async def test_notes_are_kept_and_seen_in_the_window(terminal: Terminal) -> None:
    """Memory, note and lore can be set, read and taken away, and the window shows them."""
    assert await terminal.types(
        FIRST,
        "/memory 探偵は明智。",
        "/注 静かに。",
        "/lore 夜、晩=夜は白梅軒。(2)",
        "/lore 海 = 青い。",
        "/lore 2 -",
    )
    story = await terminal.house.services.stories.open_in(ROOM)
    assert story is not None
    assert story.notes == Notes("探偵は明智。", "静かに。", (Lore(("夜", "晩"), "夜は白梅軒。", 2),))
    terminal.err.truncate(0)
    assert await terminal.types("/window", "/note -")
    for text in ("探偵は明智。", "静かに。", "夜は白梅軒。", FIRST.strip(), "2048"):
        assert text in terminal.err.getvalue()
    story = await terminal.house.services.stories.open_in(ROOM)
    assert story is not None
    assert story.notes.note == ""


async def test_settings_hold_for_what_comes_next(terminal: Terminal) -> None:
    """A rule is set by its name, in words of the person's language; a wrong one is refused in words."""
    settings = ("/settings preset bold", "/設定 candidates 2", "/settings banned 思い出す")
    assert await terminal.types(FIRST, *settings, "/候補")
    rules = await terminal.house.services.settings.resolve(ROOM)
    assert (rules.preset, rules.candidates, rules.banned) == ("bold", 2, ("思い出す",))
    assert terminal.house.engine.requests[-1].n == 2
    assert not await terminal.types("/settings colour blue")
    assert "colour" in terminal.err.getvalue()


async def test_stories_one_after_the_other(terminal: Terminal) -> None:
    """Begin another, list them, go back to the first, rename and close it."""
    assert await terminal.types(FIRST, "/title 夜", "/new 海", "波。", "/list")
    stories = {story.title: story.id for story in await terminal.house.services.stories.find("console")}
    assert set(stories) == {"夜", "海"}
    assert f"* {stories['海'][:8]}" in terminal.err.getvalue()
    assert await terminal.types(f"/open {stories['夜'][:8]}")
    assert await terminal.texts() == [FIRST]
    assert await terminal.types("/close")
    assert await terminal.house.services.stories.open_in(ROOM) is None
    await terminal.session.enter(stories["海"])
    assert await terminal.texts() == ["波。"]
    with pytest.raises(NoSuchStory):
        await terminal.session.enter("zzz")


async def test_what_is_wrong_is_said_and_the_story_goes_on(terminal: Terminal) -> None:
    """A script hears that not all went well."""
    assert not await terminal.types("/nonsense", "/branch 9", "/edit x y", "/undo", FIRST)
    assert await terminal.texts() == [FIRST]
    assert "nonsense" in terminal.err.getvalue()
    assert "Traceback" not in terminal.err.getvalue()


async def test_stopping_what_is_written(terminal: Terminal) -> None:
    """/stop is heard at once, while other lines wait for the end."""
    terminal.house.engine.free.clear()

    async def typed() -> AsyncIterator[str]:
        yield FIRST
        yield ""
        while not terminal.house.engine.requests:
            await asyncio.sleep(0)
        assert terminal.session.writing
        yield "/stop"
        yield "二。"

    assert await terminal.session.run(typed())
    assert (await terminal.texts())[-1] == "二。"
    assert "中止しました" in terminal.err.getvalue()


async def test_help_names_every_command(terminal: Terminal) -> None:
    """In both languages, by a name of that language."""
    translate = Translations.load()
    english, japanese = translate("console.help", "en"), translate("console.help", "ja")
    commands = {own: others for own, *others in (command.names for command in terminal.session.commands)}
    others = commands.pop("help")
    assert [name for name in commands if f"/{name}" not in english] == []
    assert [name for name, own in commands.items() if not any(f"/{each}" in japanese for each in own)] == []
    assert others == ["ヘルプ", "?"]


async def test_no_name_means_two_things(terminal: Terminal) -> None:
    """Every name belongs to one command."""
    names = [name for command in terminal.session.commands for name in command.names]
    assert len(names) == len(set(names))
