"""Moves in the tree of a story, and what surrounds the text, as adapters ask for them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.queue import JobQueue
from bot.core.services import Services, build_services
from bot.domain.chat import Room
from bot.domain.errors import (
    EmptyText,
    NoStory,
    NoSuchStory,
    NotesChanged,
    NothingToRedo,
    NothingToUndo,
    PassageGone,
    StoryBusy,
    StoryMoved,
    TextTooLong,
)
from bot.domain.jobs import GenerationOptions, Length
from bot.domain.story import Lore, Notes, Story
from bot.store import open_store
from bot.story.export_formats import export_text
from bot.story.prompt import MEMORY_CHARACTERS
from tests.bot.core.services.stage import AKI, BEN, ROOM, Idle, ReadingEngine, Shown, Stage, say, says
from tests.bot.core.services.told import AYA, BO, HALL, Told
from tests.fakes.house import sentence


class TestMoves:
    """Back, forth, and elsewhere."""

    async def test_undo_and_redo(self, stage: Stage) -> None:
        """One passage at a time, to the beginning and back."""
        for event, text in (("e1", "雨。"), ("e2", "風。")):
            await stage.services.generation.receive_message(says(text, event), None)

        assert (await stage.services.editing.undo(ROOM, BEN)).can_redo
        assert await stage.texts() == ["雨。"]
        await stage.services.editing.undo(ROOM, BEN)
        with pytest.raises(NothingToUndo):
            await stage.services.editing.undo(ROOM, BEN)
        await stage.services.editing.redo(ROOM, AKI)
        assert not (await stage.services.editing.redo(ROOM, AKI)).can_redo
        assert await stage.texts() == ["雨。", "風。"]
        with pytest.raises(NothingToRedo):
            await stage.services.editing.redo(ROOM, AKI)

    async def test_what_is_undone_stays_reachable(self, stage: Stage) -> None:
        """Also after the story went on otherwise: a branch leads back."""
        await stage.services.generation.receive_message(says("雨。"), None)
        await stage.services.generation.receive_message(says("風。", "e2"), None)
        left = (await stage.services.editing.undo(ROOM, AKI)).head
        await stage.services.generation.receive_message(says("雪。", "e3"), None)

        tree = await stage.tree()
        assert [(passage.text, passage.parent_id) for passage in tree] == [
            ("雨。", None),
            ("風。", left),
            ("雪。", left),
        ]
        assert await self._texts(await stage.services.editing.branch(ROOM, BEN, tree[1].id)) == [
            "雨。",
            "風。",
        ]
        with pytest.raises(PassageGone):
            await stage.services.editing.branch(ROOM, BEN, "nothing")

    async def test_choosing_what_a_person_wrote(self, stage: Stage) -> None:
        """Alternatives are all that stand in one place, whoever wrote them."""
        for event, text in (("e1", "雨。"), ("e2", "風。")):
            await stage.services.generation.receive_message(says(text, event), None)
            await stage.services.editing.undo(ROOM, AKI)
        rain, wind = await stage.tree()
        await stage.services.editing.redo(ROOM, AKI)

        await stage.services.editing.choose(ROOM, AKI, rain.id)
        assert await stage.texts() == ["雨。"]
        await stage.services.generation.receive_message(says("海。", "e3"), None)
        with pytest.raises(StoryMoved):
            await stage.services.editing.choose(ROOM, AKI, wind.id)

    async def test_nothing_moves_while_the_model_writes(self, stage: Stage) -> None:
        """The reply would belong nowhere."""
        await stage.services.generation.receive_message(says("雨。"), GenerationOptions())
        story = await stage.services.stories.open_in(ROOM)
        assert story is not None
        assert story.head is not None
        for act in (
            stage.services.editing.undo(ROOM, AKI),
            stage.services.editing.redo(ROOM, AKI),
            stage.services.editing.branch(ROOM, AKI, story.head),
            stage.services.editing.choose(ROOM, AKI, story.head),
            stage.services.editing.begin(ROOM, AKI),
            stage.services.editing.close(ROOM, AKI),
        ):
            with pytest.raises(StoryBusy):
                await act

    async def test_a_room_without_a_story(self, stage: Stage) -> None:
        """There is nothing to move, name, close or look at."""
        for act in (
            stage.services.editing.undo(ROOM, AKI),
            stage.services.editing.redo(ROOM, AKI),
            stage.services.editing.branch(ROOM, AKI, "x"),
            stage.services.editing.rename(ROOM, AKI, "雨"),
            stage.services.editing.close(ROOM, AKI),
            stage.services.prompts.context_window(ROOM),
        ):
            with pytest.raises(NoStory):
                await act

    @staticmethod
    async def _texts(story: Story) -> list[str]:
        return [passage.text for passage in story.passages]


class TestProperties:
    """Whatever people do, in whatever order."""

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.sampled_from(["write", "undo", "redo", "branch"]), max_size=8))
    def test_undo_then_redo_is_identity(self, empty: Path, acts: list[str]) -> None:
        """Wherever the story has been, taking a passage back and bringing it back changes nothing."""

        async def tell() -> None:
            async with _services(empty) as services:
                await services.generation.receive_message(says("雨。"), None)
                for number, act in enumerate(acts):
                    await _act(services, act, number)
                    before = await services.stories.open_in(ROOM)
                    if before is not None and before.passages:
                        await services.editing.undo(ROOM, AKI)
                        assert await services.editing.redo(ROOM, AKI) == before
                        assert await services.stories.open_in(ROOM) == before

        asyncio.run(tell())

    @settings(max_examples=20, deadline=None)
    @given(st.integers(2, 8))
    def test_what_is_written_at_once_is_all_kept(self, empty: Path, writers: int) -> None:
        """Each once, one behind the other."""

        async def tell() -> None:
            async with _services(empty) as services:
                texts = [f"{number}。" for number in range(writers)]
                await asyncio.gather(
                    *(services.generation.receive_message(says(text, text), None) for text in texts)
                )
                story = await services.stories.open_in(ROOM)
                assert story is not None
                assert sorted(passage.text for passage in story.passages) == sorted(texts)
                parents = [passage.parent_id for passage in story.passages]
                assert parents == [None, *(passage.id for passage in story.passages[:-1])]

        asyncio.run(tell())


@asynccontextmanager
async def _services(empty: Path) -> AsyncIterator[Services]:
    """A play on a store of its own."""
    with TemporaryDirectory() as folder:
        store = await open_store(f"sqlite:///{shutil.copy(empty, folder)}")
        yield build_services(store, JobQueue(), ReadingEngine(), Shown(), Idle(), say)
        await store.close()


async def _act(services: Services, act: str, number: int) -> None:
    match act:
        case "write":
            await services.generation.receive_message(says(f"{number}。", f"act {number}"), None)
        case "undo":
            story = await services.stories.open_in(ROOM)
            if story is not None and story.passages:
                await services.editing.undo(ROOM, AKI)
        case "redo":
            story = await services.stories.open_in(ROOM)
            if story is not None and story.can_redo:
                await services.editing.redo(ROOM, AKI)
        case _:
            story = await services.stories.open_in(ROOM)
            tree = await services.passages.of_story(story.id if story else "")
            await services.editing.branch(ROOM, AKI, tree[number % len(tree)].id)


class TestStories:
    """Begun, named, closed, found again."""

    async def test_a_story_is_begun_and_the_former_stays(self, stage: Stage) -> None:
        """It can be read, listed and gone on with."""
        await stage.services.generation.receive_message(says("雨。"), None)
        former = await stage.services.stories.open_in(ROOM)
        assert former is not None

        begun = await stage.services.editing.begin(ROOM, AKI, "海の話")

        assert (begun.title, begun.passages) == ("海の話", ())
        assert (await stage.services.stories.get(former.id)).closed
        listed = await stage.services.stories.find("web", room=ROOM)
        assert {story.id for story in listed} == {begun.id, former.id}
        again = await stage.services.editing.reopen(ROOM, BEN, former.id)
        assert (again.id, again.closed) == (former.id, False)
        assert (await stage.services.stories.get(begun.id)).closed

    async def test_a_story_that_is_not_there(self, stage: Stage) -> None:
        """Whoever names it is told."""
        for act in (
            stage.services.stories.get("nothing"),
            stage.services.editing.reopen(ROOM, AKI, "nothing"),
        ):
            with pytest.raises(NoSuchStory):
                await act

    async def test_closing(self, stage: Stage) -> None:
        """The room has no story until somebody writes again."""
        await stage.services.generation.receive_message(says("雨。"), None)
        assert (await stage.services.editing.close(ROOM, AKI)).closed
        assert await stage.services.stories.open_in(ROOM) is None
        await stage.services.generation.receive_message(says("海。", "e2"), None)
        assert await stage.texts() == ["海。"]

    async def test_a_name(self, stage: Stage) -> None:
        """One line of it; a blank one is none."""
        await stage.services.generation.receive_message(says("雨。"), None)
        assert (await stage.services.editing.rename(ROOM, BEN, " 海の\n話 ")).title == "海の 話"
        with pytest.raises(EmptyText):
            await stage.services.editing.rename(ROOM, BEN, " \n")

    async def test_notes(self, stage: Stage) -> None:
        """They are kept beside the story, which begins with them where there is none; too long is refused."""
        notes = Notes("海辺の町。", "静かに。", (Lore(("猫",), "猫の名はタマ。"),))
        assert (await stage.services.editing.save_notes(ROOM, AKI, notes, Notes())).notes == notes
        with pytest.raises(TextTooLong):
            await stage.services.editing.save_notes(ROOM, AKI, Notes("あ" * (MEMORY_CHARACTERS + 1)), Notes())
        story = await stage.services.stories.open_in(ROOM)
        assert story is not None
        assert (story.notes, story.passages) == (notes, ())

    async def test_notes_of_two_at_once(self, stage: Stage) -> None:
        """They begin one story, not one each; who writes the same part as another learns of it."""
        notes = ((AKI, Notes(memory="秋。")), (BEN, Notes(note="静かに。")))
        await asyncio.gather(
            *(stage.services.editing.save_notes(ROOM, by, each, Notes()) for by, each in notes)
        )
        (story,) = await stage.services.stories.find("web", room=ROOM)
        assert story.notes == Notes("秋。", "静かに。")
        with pytest.raises(NotesChanged) as caught:
            await stage.services.editing.save_notes(ROOM, BEN, Notes(memory="冬。"), Notes())
        assert caught.value.notes == story.notes

    @pytest.mark.parametrize("title", ["ねえ、聞いて！私の猫が世界を救う話", "あ" * 80])
    async def test_a_typed_title_stays_whole(self, stage: Stage, title: str) -> None:
        """Wherever it is typed; only one that is taken from a first line is cut."""
        assert (await stage.services.editing.begin(ROOM, AKI, f" {title}\n")).title == title
        assert (await stage.services.editing.rename(ROOM, AKI, title)).title == title
        for number, ask in enumerate((None, GenerationOptions())):
            room = Room("web", f"titled-{number}")
            await stage.services.generation.receive_message(
                replace(says("雨。", f"t{number}", room=room), title=title), ask
            )
            assert [story.title for story in await stage.services.stories.find("web", room=room)] == [title]
        await stage.services.generation.receive_message(
            says("ねえ、聞いて！私の話", "t2", room=Room("web", "untitled")), None
        )
        (story,) = await stage.services.stories.find("web", room=Room("web", "untitled"))
        assert story.title == "ねえ、聞いて！"

    async def test_a_title_that_is_too_long_is_refused(self, stage: Stage) -> None:
        """With the limit and its length, wherever it is typed; nothing is cut, and nothing kept."""
        title = "あ" * 81
        for refused in (
            stage.services.editing.begin(ROOM, AKI, title),
            stage.services.generation.receive_message(
                replace(says("雨。", "t1"), title=title), GenerationOptions()
            ),
            stage.services.generation.receive_message(replace(says("雨。", "t2"), title=title), None),
        ):
            with pytest.raises(TextTooLong) as caught:
                await refused
            assert caught.value.values == {"limit": 80, "length": 81}
        assert await stage.services.stories.open_in(ROOM) is None

    async def test_an_export(self, stage: Stage) -> None:
        """Title, text, and who wrote; what was said beside the story is not in it."""
        await stage.services.generation.receive_message(says("雨が降る。\n"), None)
        await stage.services.generation.receive_message(says("（（いいね））", "e2", BEN), None)
        story = await stage.services.stories.open_in(ROOM)
        assert story is not None
        text = export_text(story)
        assert [part for part in ("雨が降る", "雨が降る。", "秋") if part not in text] == []
        assert "いいね" not in text

    async def test_edits_of_ones_own(self, stage: Stage) -> None:
        """In its place; what followed stays, and blank or too long is refused."""
        await stage.services.generation.receive_message(says("雨。"), None)
        await stage.services.generation.receive_message(says("風。", "e2", BEN), None)
        story = await stage.services.stories.open_in(ROOM)
        assert story is not None
        own = story.passages[0].id

        passage = await stage.services.editing.edit(ROOM, AKI, own, "雪。")

        assert (passage.text, passage.edited) == ("雪。", True)
        assert await stage.texts() == ["雪。", "風。"]
        with pytest.raises(EmptyText):
            await stage.services.editing.edit(ROOM, AKI, own, " ")
        with pytest.raises(TextTooLong):
            await stage.services.editing.edit(ROOM, AKI, own, "あ" * 21)

    async def test_an_edit_of_what_came_with_a_file(self, stage: Stage) -> None:
        """It may stay as long as a file and what people type; who makes it short types from then on."""
        paste = "あ" * 50
        await stage.services.generation.receive_message(replace(says(""), attached=paste), None)
        story = await stage.services.stories.open_in(ROOM)
        assert story is not None
        own = story.passages[0].id

        assert (await stage.services.editing.edit(ROOM, AKI, own, f"い{paste}")).text == f"い{paste}"
        with pytest.raises(TextTooLong):
            await stage.services.editing.edit(ROOM, AKI, own, "い" * 40_021)
        await stage.services.editing.edit(ROOM, AKI, own, "短い。")
        with pytest.raises(TextTooLong):
            await stage.services.editing.edit(ROOM, AKI, own, paste)

    async def test_changes_of_a_former_story_are_made_there(self, stage: Stage) -> None:
        """A message that is edited or deleted long after is still one's own; of another room it is not."""
        await stage.services.generation.receive_message(says("雨。"), None)
        await stage.services.generation.receive_message(says("風。", "e2"), None)
        former = await stage.services.stories.open_in(ROOM)
        assert former is not None
        first, second = (passage.id for passage in former.passages)
        await stage.services.editing.begin(ROOM, AKI)
        await stage.services.generation.receive_message(says("海。", "e3"), None)

        await stage.services.editing.edit(ROOM, AKI, first, "雪。")
        await stage.services.editing.delete(ROOM, AKI, second)

        assert [passage.text for passage in (await stage.services.stories.get(former.id)).passages] == [
            "雪。"
        ]
        assert await stage.texts() == ["海。"]
        with pytest.raises(PassageGone):
            await stage.services.editing.edit(Room("web", "sea"), AKI, first, "霧。")

    async def test_forgetting_somebody(self, stage: Stage) -> None:
        """Their words are gone from every story, the others' stay."""
        await stage.services.generation.receive_message(says("雨。"), None)
        await stage.services.generation.receive_message(says("風。", "e2", BEN), None)
        await stage.services.generation.receive_message(says("海。", "e3", AKI, Room("web", "sea")), None)

        assert await stage.services.editing.forget(AKI) == 2

        assert await stage.texts() == ["風。"]
        assert await stage.texts(Room("web", "sea")) == []


class TestLooking:
    """What the model sees and how sure it was."""

    async def test_the_window_is_what_the_model_is_sent(self, told: Told) -> None:
        """Memory in front, the note near the end, asides left out, as the next request has it."""
        await told.services.editing.save_notes(HALL, AYA, Notes("海辺の町。", "静かに。"), Notes())
        await told.services.generation.receive_message(told.message("雨。\n（（いいね））"), None)

        window = await told.services.prompts.context_window(HALL)
        await told.hears()

        request = told.engine.requests[-1]
        assert [(seen.piece.kind, seen.piece.text) for seen in window.seen] == [
            ("memory", "海辺の町。"),
            ("story", "雨。"),
            ("note", "静かに。"),
        ]
        assert request.prompt == "雨。"
        assert [piece.text for piece in (*request.prefix, *request.depth_inserted)] == [
            "海辺の町。",
            "静かに。",
        ]

    async def test_scores_are_kept_on_request(self, told: Told) -> None:
        """Of each candidate; without being asked for there are none."""
        first = await told.hears("雨。", GenerationOptions(candidates=2, scores=True))
        other = first.replace(".0", ".1")
        for number, passage in enumerate((first, other)):
            tokens = [score.token for score in await told.services.passages.scores(passage)]
            assert sentence(number).startswith("".join(map(str, tokens)))
            assert tokens

        second = await told.hears(by=BO)
        assert await told.services.passages.scores(second) == []

    async def test_lengths_reach_the_model(self, told: Told) -> None:
        """A longer one may take more tokens."""
        for length in (Length.SHORT, Length.LONG, 40):
            await told.hears("雨。", GenerationOptions(length))
        short, long, few = (request.max_tokens for request in told.engine.requests)
        assert few < short < long
