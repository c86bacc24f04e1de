"""Whatever is done to a story, in whatever order: nothing is lost, and redo takes undo back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.errors import NothingToRedo, NothingToUndo
from bot.messages import Ask, Passage, Room, Story
from bot.store import SqlStore, open_store
from tests.store.told import Calendar, former_texts, says

Result = TypeVar("Result")

_ROOMS = count()
_EXAMPLES = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


class Loop:
    """A store in memory on an event loop of its own, for tests that hypothesis drives from outside."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.store: SqlStore = self.run(open_store("sqlite:///:memory:", clock=Calendar()))

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What the coroutine returns."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """Close both."""
        self.run(self.store.close())
        self._runner.close()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """One store for all examples: each tells its story in a room of its own."""
    loop = Loop()
    yield loop
    loop.close()


class Telling(RuleBasedStateMachine):
    """One story. What was ever written is noted here, and compared with what the store holds."""

    loop: Loop

    def __init__(self) -> None:
        super().__init__()
        self.store = self.loop.store
        self.room = Room("web", f"room {next(_ROOMS)}")
        self.numbers = count()
        self.story_id = self.run(self.store.open_story(self.room)).id
        self.parents: dict[str, str | None] = {}
        self.texts: dict[str, str] = {}
        self.written: set[str] = set()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What the coroutine returns."""
        return self.loop.run(coroutine)

    def name(self) -> str:
        """A name that nothing else has."""
        return f"{self.room.id} {next(self.numbers)}"

    def note(self, passage: Passage, parent: str | None) -> None:
        """A new passage, where it has to stand."""
        assert passage.id not in self.parents
        assert passage.parent_id == parent
        self.parents[passage.id], self.texts[passage.id] = parent, passage.text
        self.written.add(passage.text)

    def now(self) -> Story:
        """The story as it stands."""
        story = self.run(self.store.story(self.room))
        assert story is not None
        return story

    @rule()
    def somebody_writes(self) -> None:
        """A passage goes behind the head and becomes it."""
        head, event = self.now().head, self.name()
        heard = self.run(self.store.hear(says(event, event, self.room), None, "", 0))
        assert heard.passage is not None
        self.note(heard.passage, head)
        assert self.now().head == heard.passage.id

    @rule(candidates=st.integers(1, 3), again=st.booleans(), meanwhile=st.booleans())
    def the_model_writes(self, candidates: int, again: bool, meanwhile: bool) -> None:
        """Its candidates go behind the head or beside the last passage, while somebody else may write."""
        before, job = self.now(), self.name()
        last = before.head if again else None
        self.run(self.store.hear(says("", f"ask {job}", self.room), Ask(instead_of=last), job, 0))
        self.run(self.store.claim(job))
        if meanwhile:
            self.somebody_writes()
        head = self.now().head
        kept = self.run(self.store.append_model(job, [self.name() for _ in range(candidates)]))
        for passage in kept:
            self.note(passage, head if last is None else self.parents[last])
        expected = head if last is not None and meanwhile else kept[0].id
        assert self.now().head == expected

    @rule(steps=st.integers(1, 6))
    def undo_then_redo(self, steps: int) -> None:
        """However far back, redoing as often is as if nothing had been done."""
        before = self.now()
        undone = 0
        for _ in range(steps):
            try:
                self.run(self.store.undo(self.story_id))
            except NothingToUndo:
                break
            undone += 1
        assert undone == min(steps, len(before.passages))
        for _ in range(undone):
            self.run(self.store.redo(self.story_id))
        after = self.now()
        assert after.passages == before.passages
        if before.passages and before.head == before.passages[-1].id:
            assert after == before

    @rule()
    def undo(self) -> None:
        """One passage fewer is read, unless none is there."""
        before = self.now()
        try:
            after = self.run(self.store.undo(self.story_id))
        except NothingToUndo:
            assert before.passages == ()
            return
        assert after.passages == before.passages[:-1]
        assert after.undone

    @rule()
    def redo(self) -> None:
        """One passage more is read, unless the story says that there is nothing."""
        before = self.now()
        try:
            after = self.run(self.store.redo(self.story_id))
        except NothingToRedo:
            assert not before.undone
            return
        assert before.undone
        assert after.passages[:-1] == before.passages

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def go_anywhere(self, data: st.DataObject) -> None:
        """A passage that is there becomes the last."""
        passage_id = data.draw(st.sampled_from(sorted(self.texts)))
        assert self.run(self.store.go_to(self.story_id, passage_id)).head == passage_id

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        """A passage reads otherwise, where it stands."""
        passage_id, head = data.draw(st.sampled_from(sorted(self.texts))), self.now().head
        self.texts[passage_id] = self.run(self.store.edit(passage_id, self.name())).text
        self.written.add(self.texts[passage_id])
        assert self.now().head == head

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """A passage is taken out, and nothing moves."""
        passage_id, head = data.draw(st.sampled_from(sorted(self.texts))), self.now().head
        self.run(self.store.delete(passage_id))
        del self.texts[passage_id]
        assert self.now().head == head

    @invariant()
    def no_passage_is_lost(self) -> None:
        """All stand where they were put, and read as they were last changed."""
        tree = self.run(self.store.tree(self.story_id))
        assert {passage.id: passage.parent_id for passage in tree} == self.parents
        assert {passage.id: passage.text for passage in tree if not passage.deleted} == self.texts

    @invariant()
    def no_text_is_lost(self) -> None:
        """Every text ever written is read somewhere, or was kept when it was changed."""
        assert self.written <= {*self.texts.values(), *self.run(former_texts(self.store))}

    @invariant()
    def the_story_is_the_way_to_its_head(self) -> None:
        """From a beginning, passage by passage, deleted ones left out."""
        story, path = self.now(), []
        step = story.head
        while step is not None:
            path.append(step)
            step = self.parents[step]
        assert [passage.id for passage in story.passages] == [p for p in reversed(path) if p in self.texts]

    @invariant()
    def alternatives_are_counted(self) -> None:
        """All that are there with the parent of the last passage that is there, and no others."""
        story = self.now()
        if not story.passages:
            assert story.others == 0
            return
        last = story.passages[-1].id
        beside = {one for one in self.texts if self.parents[one] == self.parents[last]}
        alternatives = self.run(self.store.alternatives(last))
        assert {passage.id for passage in alternatives} == beside
        assert story.others == len(beside - {last})


def test_a_story_keeps_all_whatever_is_done_to_it(loop: Loop) -> None:
    """Writing, retrying, undoing, redoing, branching, editing and deleting, in any order."""
    machine = type("Machine", (Telling,), {"loop": loop})
    run_state_machine_as_test(machine, settings=_EXAMPLES)
