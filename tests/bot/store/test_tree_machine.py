"""Whatever is done to a story, in whatever order: it is the thread's, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
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

from bot.domain.chat import Room
from bot.domain.errors import NothingToRedo, NothingToUndo, StoryBusy
from bot.domain.jobs import GenerationOptions, JobState
from bot.domain.story import Passage, Story
from bot.store import Store, open_store
from tests.bot.store.told import Calendar, former_texts, says

Result = TypeVar("Result")

_ROOMS = count()
_EXAMPLES = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


class Loop:
    """A store in memory on an event loop of its own, for tests that hypothesis drives from outside."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.store: Store = self.run(open_store("sqlite:///:memory:", clock=Calendar()))

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
        self.story_id = self.run(self.store.stories.begin(self.room)).id
        self.parents: dict[str, str | None] = {}
        self.texts: dict[str, str] = {}
        self.written: set[str] = set()
        self.job: str | None = None
        self.replaced: str | None = None
        self.place: str | None = None
        self.placed = self.running = False

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
        story = self.run(self.store.stories.open_in(self.room))
        assert story is not None
        return story

    def path(self) -> list[str]:
        """The ids from the story's first passage to its head, deleted ones too."""
        path, step = [], self.now().head
        while step is not None:
            path.append(step)
            step = self.parents[step]
        return path[::-1]

    def behind(self, place: str | None) -> list[str]:
        """What stands on the way between a place and the head."""
        path = self.path()
        return path[path.index(place) + 1 :] if place is not None else path

    @rule()
    def somebody_writes(self) -> None:
        """A passage goes behind the head and becomes it, also while the model writes."""
        head, event = self.now().head, self.name()
        heard = self.run(self.store.messages.receive(says(event, event, self.room), None, "", 0))
        assert heard.passage is not None
        self.note(heard.passage, head)
        assert self.now().head == heard.passage.id

    @precondition(lambda self: self.job is None)
    @rule(again=st.booleans())
    def somebody_asks(self, again: bool) -> None:
        """For more, or for another one instead of the last. From now on the story does not move."""
        story, self.job = self.now(), self.name()
        self.replaced = (story.hangs_on or story.head) if again else None
        self.placed = False
        ask = GenerationOptions(instead_of=self.replaced)
        self.run(self.store.messages.receive(says("", f"ask {self.job}", self.room), ask, self.job, 0))
        with pytest.raises(StoryBusy):
            self.run(self.store.history.undo(self.story_id))

    @precondition(lambda self: self.job is not None)
    @rule()
    def a_worker_takes_it(self) -> None:
        """The first time the reply gets its place, which is the end, or the place of what it replaces."""
        before, claimed = self.now(), self.run(self.store.jobs.claim(str(self.job)))
        if not self.placed:
            self.place = before.head if self.replaced is None else self.parents[self.replaced]
            self.placed = True
        if claimed is not None:
            self.running = True
        path, place = self.path(), self.place
        readable = [] if place is None else path[: path.index(place) + 1]
        read = self.run(self.store.stories.before_reply(str(self.job))).passages
        assert [passage.id for passage in read] == [one for one in readable if one in self.texts]

    @precondition(lambda self: self.running)
    @rule(begun=st.booleans())
    def it_is_put_back(self, begun: bool) -> None:
        """The worker died, or was busy: then nothing was begun, if nothing was before."""
        self.run(self.store.jobs.release(str(self.job), begun=begun))
        job = self.run(self.store.jobs.get(str(self.job)))
        assert job is not None
        self.running, self.placed = False, job.attempts > 0

    @precondition(lambda self: self.running)
    @rule(candidates=st.integers(0, 3))
    def it_ends(self, candidates: int) -> None:
        """Its reply stands in its place, what was written meanwhile behind it; a failure leaves nothing."""
        before, name = self.now(), str(self.job)
        meanwhile = self.behind(self.place)[self.replaced is not None :]
        while meanwhile and meanwhile[0] not in self.texts:
            del meanwhile[0]
        self.job, self.running = None, False
        if not candidates:
            self.run(self.store.jobs.finish(name, JobState.FAILED))
            assert self.now() == replace(before, reply_in_progress=None)
            return
        kept = self.run(self.store.jobs.complete(name, [self.name() for _ in range(candidates)]))
        for passage in kept:
            self.note(passage, self.place)
        if meanwhile:
            self.parents[meanwhile[0]] = kept[0].id
        story = self.now()
        assert story.head == (before.head if meanwhile else kept[0].id)
        assert kept[0].id in self.path()
        still = [one for one in meanwhile if one in self.texts]
        assert story.hangs_on == (kept[0].id if still else None)

    @precondition(lambda self: self.job is None)
    @rule(data=st.data())
    def choose(self, data: st.DataObject) -> None:
        """An alternative stands in the place of the last, and what hung on that hangs on it."""
        story = self.now()
        if not story.passages:
            return
        last = story.hangs_on or story.passages[-1].id
        beside = sorted(one for one in self.texts if self.parents[one] == self.parents[last])
        chosen = data.draw(st.sampled_from(beside))
        behind = [one for one in self.behind(last) if one in self.texts]
        after = self.run(self.store.history.choose(self.story_id, chosen))
        if behind:
            self.parents[behind[0]] = chosen
        swapped = [chosen if one.id == last else one.id for one in story.passages]
        assert [passage.id for passage in after.passages] == swapped

    @precondition(lambda self: self.job is None)
    @rule(steps=st.integers(1, 6))
    def undo_then_redo(self, steps: int) -> None:
        """However far back, redoing as often is as if nothing had been done."""
        before = self.now()
        undone = 0
        for _ in range(steps):
            try:
                self.run(self.store.history.undo(self.story_id))
            except NothingToUndo:
                break
            undone += 1
        assert undone == min(steps, len(before.passages))
        for _ in range(undone):
            self.run(self.store.history.redo(self.story_id))
        after = self.now()
        assert after.passages == before.passages
        if before.passages and before.head == before.passages[-1].id:
            assert after == before

    @precondition(lambda self: self.job is None)
    @rule()
    def undo(self) -> None:
        """One passage fewer is read, unless none is there."""
        before = self.now()
        try:
            after = self.run(self.store.history.undo(self.story_id))
        except NothingToUndo:
            assert before.passages == ()
            return
        assert after.passages == before.passages[:-1]
        assert after.can_redo

    @precondition(lambda self: self.job is None)
    @rule()
    def redo(self) -> None:
        """One passage more is read, unless the story says that there is nothing."""
        before = self.now()
        try:
            after = self.run(self.store.history.redo(self.story_id))
        except NothingToRedo:
            assert not before.can_redo
            return
        assert before.can_redo
        assert after.passages[:-1] == before.passages

    @precondition(lambda self: self.texts and self.job is None)
    @rule(data=st.data())
    def go_anywhere(self, data: st.DataObject) -> None:
        """A passage that is there becomes the last."""
        passage_id = data.draw(st.sampled_from(sorted(self.texts)))
        assert self.run(self.store.history.go_to(self.story_id, passage_id)).head == passage_id

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        """A passage reads otherwise, where it stands."""
        passage_id, head = data.draw(st.sampled_from(sorted(self.texts))), self.now().head
        self.texts[passage_id] = self.run(self.store.passages.edit(passage_id, self.name())).text
        self.written.add(self.texts[passage_id])
        assert self.now().head == head

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """A passage is taken out, and nothing moves."""
        passage_id, head = data.draw(st.sampled_from(sorted(self.texts))), self.now().head
        self.run(self.store.passages.delete(passage_id))
        del self.texts[passage_id]
        assert self.now().head == head

    @invariant()
    def no_passage_is_lost(self) -> None:
        """All stand where they were put, and read as they were last changed."""
        tree = self.run(self.store.passages.of_story(self.story_id))
        assert {passage.id: passage.parent_id for passage in tree} == self.parents
        assert {passage.id: passage.text for passage in tree if not passage.deleted} == self.texts

    @invariant()
    def no_text_is_lost(self) -> None:
        """Every text ever written is read somewhere, or was kept when it was changed."""
        assert self.written <= {*self.texts.values(), *self.run(former_texts(self.store))}

    @invariant()
    def the_story_is_the_way_to_its_head(self) -> None:
        """From a beginning, passage by passage, deleted ones left out."""
        told = [passage.id for passage in self.now().passages]
        assert told == [one for one in self.path() if one in self.texts]

    @invariant()
    def alternatives_are_counted(self) -> None:
        """All that are there with the parent of the last passage that is there, and no others."""
        story = self.now()
        if not story.passages:
            assert story.alternatives == 0
            return
        last = story.hangs_on or story.passages[-1].id
        beside = {one for one in self.texts if self.parents[one] == self.parents[last]}
        alternatives = self.run(self.store.passages.alternatives(last))
        assert {passage.id for passage in alternatives} == beside
        assert story.alternatives == len(beside - {last})


def test_a_story_keeps_all_whatever_is_done_to_it(loop: Loop) -> None:
    """Writing, retrying, undoing, redoing, branching, editing and deleting, in any order."""
    machine = type("Machine", (Telling,), {"loop": loop})
    run_state_machine_as_test(machine, settings=_EXAMPLES)
