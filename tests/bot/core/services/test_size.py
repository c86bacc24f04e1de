"""Size before work: what is too long is refused by its length, before anything else is looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.core.queue import JobQueue
from bot.core.services import Services, build_services
from bot.domain.errors import (
    BadRule,
    FileTooLong,
    KeywordTooLong,
    LoreTooLong,
    MemoryTooLong,
    NoteTooLong,
    TextTooLong,
    TitleTooLong,
)
from bot.domain.jobs import GenerationOptions
from bot.domain.story import Lore, Notes
from config.i18n import Translations
from tests.bot.core.services.stage import AKI, ROOM, Idle, Shown, Stage, say, says

LONG = "漢" * 400_000
NOTHING = Notes()


class Untouched:
    """A store and an engine that nobody may ask for anything."""

    def __getattr__(self, name: str) -> Any:
        """It was asked all the same."""
        raise AssertionError(f"{name} was asked for before the size was looked at")


@pytest.fixture
def services() -> Services:
    """A play that may only look at sizes."""
    nothing = cast("Any", Untouched())
    # What may be read of a store is handed on; whoever reads it is told as well.
    store = cast("Any", SimpleNamespace(stories=nothing, passages=nothing))
    return build_services(store, JobQueue(1, 1), nothing, Shown(), Idle(), say)


REFUSED: dict[str, tuple[Callable[[Services], Awaitable[object]], type[Exception], int]] = {
    "hear": (lambda services: services.generation.receive_message(says(LONG), None), TextTooLong, 4000),
    "hear and ask": (
        lambda services: services.generation.receive_message(says(LONG), GenerationOptions()),
        TextTooLong,
        4000,
    ),
    "hear a title": (
        lambda services: services.generation.receive_message(
            replace(says("雨。"), title=LONG), GenerationOptions()
        ),
        TitleTooLong,
        80,
    ),
    "hear a file": (
        lambda services: services.generation.receive_message(replace(says("雨。"), attached=LONG), None),
        FileTooLong,
        40_000,
    ),
    "check": (lambda services: services.generation.validate(says(LONG)), TextTooLong, 4000),
    "reading": (lambda services: services.generation.count_tokens(says(LONG)), TextTooLong, 4000),
    "reading of blanks": (
        lambda services: services.generation.count_tokens(says(" " * 400_000)),
        TextTooLong,
        4000,
    ),
    "edit": (lambda services: services.editing.edit(ROOM, AKI, "p", LONG), TextTooLong, 44_000),
    "memory": (
        lambda services: services.editing.save_notes(ROOM, AKI, Notes(memory=LONG), NOTHING),
        MemoryTooLong,
        1000,
    ),
    "note": (
        lambda services: services.editing.save_notes(ROOM, AKI, Notes(note=LONG), NOTHING),
        NoteTooLong,
        300,
    ),
    "lore": (
        lambda services: services.editing.save_notes(ROOM, AKI, Notes(lore=(Lore(("町",), LONG),)), NOTHING),
        LoreTooLong,
        500,
    ),
    "keyword": (
        lambda services: services.editing.save_notes(ROOM, AKI, Notes(lore=(Lore((LONG,), "町"),)), NOTHING),
        KeywordTooLong,
        50,
    ),
}


@pytest.mark.parametrize("way", REFUSED)
async def test_the_size_is_looked_at_first(services: Services, way: str) -> None:
    """No store and no engine is asked, and the error names the limit and the length in both languages."""
    act, error, limit = REFUSED[way]
    with pytest.raises(error) as caught:
        await act(services)
    refusal = cast("TextTooLong", caught.value)
    assert refusal.values == {"limit": limit, "length": 400_000}
    sentences = [Translations.load()(refusal.key, locale, **refusal.values) for locale in ("ja", "en")]
    assert all(str(limit) in sentence and "400000" in sentence for sentence in sentences)
    assert sentences[0] != sentences[1]


@pytest.mark.parametrize("name", ["begin", "rename"])
async def test_a_title_is_refused_whole(stage: Stage, name: str) -> None:
    """Nothing is cut off without a word; spaces that become one do not count."""
    await stage.services.editing.begin(ROOM, AKI, "前の題")
    act = getattr(stage.services.editing, name)
    with pytest.raises(TitleTooLong) as caught:
        await act(ROOM, AKI, LONG)
    assert caught.value.values == {"limit": 80, "length": 400_000}
    assert (await act(ROOM, AKI, "月" + " " * 200 + "夜")).title == "月 夜"


@pytest.mark.parametrize("rule", ["words", "banned"])
async def test_a_word_of_a_list_is_named_short(stage: Stage, rule: str) -> None:
    """The complaint holds its beginning, its length and the limit, not all of it."""
    with pytest.raises(BadRule) as caught:
        await stage.services.settings.change(ROOM, "", {rule: [LONG]})
    assert str(caught.value.values["value"]).endswith("… (400000)")
    assert len(str(caught.value.values["value"])) < 50
    assert "50" in str(caught.value.values["known"])
