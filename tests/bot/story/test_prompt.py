"""What of a story the model is sent: no asides, no ruby, the notes, and lore when it is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.chat import MODEL, Author, Room
from bot.domain.errors import TextTooLong, TooMuchLore
from bot.domain.inference import ContextPiece, ContextWindow
from bot.domain.story import Lore, Notes, Passage, Story
from bot.story.export_formats import export_text
from bot.story.joining import ends_with, last_in_character, last_passage, prompt_of, text_of
from bot.story.lorebook import active_lore, is_triggered
from bot.story.prompt import (
    LORE_CHARACTERS,
    MAX_LORE,
    MEMORY_CHARACTERS,
    build_context,
    require_short,
    with_unsent,
)
from bot.text.out_of_character import is_out_of_character, out_of_character_lines, without_out_of_character
from bot.text.ruby import without_ruby

AKI = Author("web", "aki", "秋")
MOON = Lore(("月", "moon"), "月は二つある。")


def passage(number: int, text: str, author: Author = AKI) -> Passage:
    """A passage of a story, behind the one before."""
    return Passage(f"p{number}", "s", f"p{number - 1}" if number else None, author, text)


def story(*texts: str, notes: Notes = Notes()) -> Story:  # noqa: B008 - frozen
    """A story of one person."""
    return Story(
        "s", Room("web", "r"), "題", tuple(passage(n, text) for n, text in enumerate(texts)), notes=notes
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("｜親《おや》と漢字《かんじ》", "親と漢字"),
        ("|Dの坂《ディーのさか》を", "Dの坂を"),
        ("時々刻々《じじこっこく》", "時々刻々"),
        ("かな《だけ》", "かな《だけ》"),
        ("｜《これは括弧》", "《これは括弧》"),
        ("霞ヶ関《かすみがせき》で", "霞ヶ関で"),
    ],
)
def test_ruby_is_taken_out(written: str, read: str) -> None:
    """The base stays; what is no ruby stays as it is."""
    assert without_ruby(written) == read


@given(st.text(alphabet="｜|《》漢字かな\n"))
def test_ruby_leaves_the_rest(text: str) -> None:
    """Nothing is added, and lines stay lines."""
    read = without_ruby(text)
    assert len(read) <= len(text)
    assert read.count("\n") == text.count("\n")


IN_PARENTHESES = [
    "（次どうする？）",
    "(brb)",
    "\u3000（え）",
    "（次は？（笑））",
    "（混ぜた)",
    "((a) and (b))",
]


@pytest.mark.parametrize("parentheses", [True, False])
@pytest.mark.parametrize(
    "line",
    ["// ここまで", "／／メモ", "((brb))", "（（次どうする？））", "\u3000（（え（笑）））", "（(混ぜた)）"],
)
def test_a_line_beside_the_story(line: str, parentheses: bool) -> None:
    """Behind two slashes, or in doubled parentheses, whatever the story's rule is."""
    assert is_out_of_character(line, parentheses=parentheses)
    assert without_out_of_character(line, parentheses=parentheses) == ""
    assert without_out_of_character(f"雨。\n{line}\n風。", parentheses=parentheses) == "雨。\n風。"
    assert out_of_character_lines(f"雨。\n{line}\n風。", parentheses=parentheses) == (1,)


@pytest.mark.parametrize("line", IN_PARENTHESES)
def test_a_line_in_single_parentheses(line: str) -> None:
    """It is a thought of somebody in the story, unless the story's rule says that it is none."""
    assert not is_out_of_character(line, parentheses=False)
    assert without_out_of_character(line, parentheses=False) == line
    assert is_out_of_character(line, parentheses=True)
    assert without_out_of_character(f"雨。\n{line}", parentheses=True) == "雨。"


@pytest.mark.parametrize("parentheses", [True, False])
@pytest.mark.parametrize(
    "line",
    [
        "（笑）と彼は言った。",
        "雨（あめ）",
        "https://x",
        "",
        "(a) and (b)",
        "（（あ））と（い）",
        "（あ",
        "）",
    ],
)
def test_a_line_of_the_story(line: str, parentheses: bool) -> None:
    """Parentheses inside a sentence are the story's."""
    assert not is_out_of_character(line, parentheses=parentheses)
    assert without_out_of_character(line, parentheses=parentheses) == line


def test_a_text_beside_the_story() -> None:
    """Each of its lines is; a blank text says nothing, not even beside."""
    assert is_out_of_character("((え))\n\n// メモ\n", parentheses=False)
    assert not is_out_of_character("// え\n雨。", parentheses=False)
    assert not is_out_of_character(" \n", parentheses=True)


@given(st.text(alphabet="(（）)/／雨 \n"), st.booleans())
def test_asides_are_lines(text: str, parentheses: bool) -> None:
    """What is left is made of the text's own lines, none of them an aside; and then nothing more goes."""
    left = without_out_of_character(text, parentheses=parentheses)
    lines = iter(text.split("\n"))
    assert left == "" or all(line in lines for line in left.split("\n"))
    assert not any(is_out_of_character(line, parentheses=parentheses) for line in left.split("\n"))
    assert without_out_of_character(left, parentheses=parentheses) == left
    assert not is_out_of_character(text, parentheses=parentheses) or left == ""


def test_the_model_sees_neither_asides_nor_ruby() -> None:
    """What people say beside the story is left out, and so is a passage that is nothing else."""
    told = story("漢字《かんじ》。", "（（どうする？））", "// メモ\n雨。")
    own = replace(told, passages=(*told.passages, passage(9, "（風の音）", MODEL)))

    assert build_context(told).prompt == "漢字。\n雨。"
    assert build_context(own).prompt == "漢字。\n雨。（風の音）"


def test_a_thought_is_read_where_the_story_has_it_so() -> None:
    """A whole line in single parentheses is lost in stories of the other rule only, everywhere alike."""
    thought = story("雨。", "（まさか、あれは……）")
    other = replace(thought, parentheses_aside=True)

    assert build_context(thought).prompt == "雨。\n（まさか、あれは……）"
    assert export_text(thought) == "題\n\n雨。\n（まさか、あれは……）\n\n秋\n"
    assert [one.id for each in (thought, other) if (one := last_in_character(each))] == ["p1", "p0"]
    assert build_context(other).prompt == "雨。"
    assert export_text(other) == "題\n\n雨。\n\n秋\n"


def test_asides_end_no_story() -> None:
    """The last passage that is told stands before them; a model's parenthesis is none."""
    told = replace(story("雨。", "((どうする？))", "// メモ"), head="p2")
    own = replace(told, passages=(*told.passages, passage(3, "（風の音）", MODEL)), head="p3")

    assert [last.id for each in (told, own) if (last := last_in_character(each))] == ["p0", "p3"]
    assert last_in_character(story("((どうする？))")) is None
    assert [ends_with(told, name) for name in ("p0", "p1", "p2")] == [True, False, True]


def test_notes_stand_around_the_story() -> None:
    """Memory in front; lore that is named, then the author's note, near the end."""
    notes = Notes("町は雨。", "しずかに。", (MOON, Lore(("猫",), "猫は話す。")))

    context = build_context(story("MOON を見た。", notes=notes))

    assert context.prefix == (ContextPiece("memory", "町は雨。"),)
    assert context.depth_inserted == (
        ContextPiece("lore", "月は二つある。"),
        ContextPiece("note", "しずかに。"),
    )
    assert build_context(story("雨。", notes=Notes(" ", "\n"))).depth_inserted == ()
    assert build_context(story(notes=Notes("秋《あき》"))).prefix == (ContextPiece("memory", "秋"),)


def test_what_was_written_meanwhile_is_not_the_end() -> None:
    """For the passage that it hangs on: that one is retried, chosen for another, and has the buttons."""
    told = replace(story("雨。", "風。", "雪。"), head="p2", hangs_on="p0")

    assert [one.id for one in (last_passage(told), last_in_character(told)) if one is not None] == [
        "p0",
        "p2",
    ]
    assert [ends_with(told, name) for name in ("p0", "p1", "p2")] == [True, False, True]
    assert last_passage(replace(told, hangs_on=None)) == last_in_character(told)
    assert last_passage(story("// どうする？")) is None


@pytest.mark.parametrize(
    ("keyword", "text", "named"),
    [
        ("月", "お月さま", True),
        ("ﾂｷ", "ツキが出た", True),
        ("moon", "The Moon rose", True),
        ("moon", "moonlight", False),
        ("moon", "月moon月", True),
        ("moon", "moonlight moon", True),
        ("café", "cafés", False),
        ("Émile", "「émile」", True),
        ("луна", "полуна", False),
        ("D坂", "Ｄ坂の殺人", True),
        ("D坂", "旧D坂下", True),
        ("D坂", "ABCD坂", False),
        (" ", "雨", False),
    ],
)
def test_keywords(keyword: str, text: str, *, named: bool) -> None:
    """Japanese needs no border; a Latin keyword is a word. Width and case do not count."""
    assert is_triggered([keyword], text) is named


def test_lore_has_a_budget() -> None:
    """Higher priority first; what is too long for the rest is passed over; what is not named stays out."""
    long, short, high = (
        Lore(("雨",), "あ" * 60),
        Lore(("雨",), "い" * 30),
        Lore(("風",), "う" * 50, priority=2),
    )
    other = Lore(("雪",), "え")

    assert active_lore((long, short, other, high), "雨と風", budget=100) == [high, short]
    assert active_lore((long,), "雨" + "。" * 5_000) == []
    assert active_lore((short, high, short), "雨") == [short]


@given(
    st.lists(
        st.builds(Lore, st.just(("雨",)), st.text("あい", max_size=80), st.integers(-3, 3)), max_size=12
    ),
    st.integers(0, 200),
)
def test_lore_never_passes_its_budget(lore: list[Lore], budget: int) -> None:
    """Whatever there is; highest priority first, and nothing is told twice."""
    told = active_lore(lore, "雨", budget)
    assert sum(len(entry.text) for entry in told) <= budget
    assert len({entry.text for entry in told}) == len(told)
    assert [entry.priority for entry in told] == sorted((entry.priority for entry in told), reverse=True)


def test_notes_have_limits() -> None:
    """What could never be told is refused when it is written."""
    require_short(Notes("あ" * MEMORY_CHARACTERS, "", (Lore(("雨",), "あ" * LORE_CHARACTERS),)))
    for long in (
        Notes("あ" * (MEMORY_CHARACTERS + 1)),
        Notes(note="あ" * 301),
        Notes(lore=(Lore(("雨",), "あ" * (LORE_CHARACTERS + 1)),)),
        Notes(lore=(Lore(("あ" * 51,), "雨"),)),
    ):
        with pytest.raises(TextTooLong):
            require_short(long)
    with pytest.raises(TooMuchLore):
        require_short(Notes(lore=(MOON,) * (MAX_LORE + 1)))


def test_the_prompt_begins_alike_from_turn_to_turn() -> None:
    """A long story loses a quarter of the window at once, and then nothing for many turns."""
    passages = [passage(n, f"{n:03}" + "雨が降る。" * 20 + "\n") for n in range(200)]
    begins = [prompt_of(passages[:turn], 4_000)[:3] for turn in range(1, 201)]

    assert len(set(begins)) == len(dict.fromkeys(begins)) <= 200 * 103 // 1_000 + 1
    assert text_of(passages).endswith(prompt_of(passages, 4_000))


@given(st.lists(st.text("雨が。\n「」", min_size=1, max_size=60), max_size=40), st.integers(10, 400))
@example(["「雨", "雨", "雨" * 8], 10)
def test_the_prompt_is_the_end_of_the_story(texts: list[str], room: int) -> None:
    """Never longer than there is room for, always the end, and all of a story that fits."""
    passages = [passage(n, text) for n, text in enumerate(texts)]
    prompt = prompt_of(passages, room)

    assert len(prompt) <= room
    assert text_of(passages).endswith(prompt)
    assert bool(prompt) == bool(texts)


def test_what_was_never_sent_is_told_too() -> None:
    """The window names the characters that the rules cut, and named lore for which there was no budget."""
    lore = tuple(Lore(("雨",), mark * LORE_CHARACTERS) for mark in "あいう")
    told = story(*["雨が降る。" * 100] * 40, notes=Notes(lore=lore))
    context = build_context(told)
    window = ContextWindow((), 900, 1024, 100, left_out_characters=70, left_out=context.depth_inserted[1:])

    whole = with_unsent(window, told)

    assert whole.left_out_characters == 70 + len(text_of(told.passages)) - len(context.prompt) > 4_000
    assert [piece.text[0] for piece in whole.left_out] == ["い", "う"]
    assert with_unsent(window, story("雨。")) == window


def test_a_story_to_keep() -> None:
    """Title, the text as written without asides, and who wrote, the model last."""
    told = story("漢字《かんじ》。", "（（どうする？））")
    told = replace(
        told,
        passages=(*told.passages, passage(8, "雨。", MODEL), passage(9, "風。", Author("web", "b", "Ben"))),
    )

    assert export_text(told) == "題\n\n漢字《かんじ》。雨。\n風。\n\n秋、Ben、続き\n"
