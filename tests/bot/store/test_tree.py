"""A story as a tree: its end moves, its passages stay."""

from __future__ import annotations

import pytest

from bot.domain.chat import MODEL
from bot.domain.errors import NoSuchStory, NothingToRedo, NothingToUndo, PassageGone, StoryBusy, StoryMoved
from bot.domain.story import Passage, candidate_id
from bot.store import Store
from tests.bot.store.told import (
    AKI,
    BEN,
    ELSEWHERE,
    asked,
    former_texts,
    says,
    told,
    went_on,
    wrote,
)


def read(passages: tuple[Passage, ...]) -> str:
    """The texts in one."""
    return "".join(passage.text for passage in passages)


async def test_undoing_takes_the_last_passage_back(store: Store) -> None:
    """The story ends one passage earlier, and knows that there is something to redo."""
    one, _ = await wrote(store, "一", "二")
    story = await told(store)
    assert not story.can_redo

    undone = await store.history.undo(story.id)

    assert (undone.passages, undone.head, undone.can_redo) == ((one,), one.id, True)
    assert await told(store) == undone


async def test_redoing_goes_the_way_back(store: Store) -> None:
    """However much was undone, redoing as often restores the story exactly."""
    await wrote(store, "一", "二", "三")
    story = await told(store)
    for _ in range(3):
        await store.history.undo(story.id)
    assert (await told(store)).passages == ()

    lengths = [len((await store.history.redo(story.id)).passages) for _ in range(3)]

    assert lengths == [1, 2, 3]
    assert await told(store) == story


async def test_redoing_from_elsewhere_moves_nothing(store: Store) -> None:
    """Who means another end is told so; before its first passage a story ends with its own id."""
    await wrote(store, "一", "二")
    story = await told(store)
    (first, _) = story.passages
    for _ in range(2):
        await store.history.undo(story.id)

    with pytest.raises(StoryMoved):
        await store.history.redo(story.id, first.id)
    assert len((await store.history.redo(story.id, story.id)).passages) == 1
    with pytest.raises(StoryMoved):
        await store.history.redo(story.id, story.id)
    assert await store.history.redo(story.id, first.id) == story


async def test_at_both_ends_there_is_nowhere_to_go(store: Store) -> None:
    """Before the first passage nothing is undone, behind the last nothing is redone."""
    await wrote(store, "一")
    story = await told(store)

    with pytest.raises(NothingToRedo):
        await store.history.redo(story.id)
    await store.history.undo(story.id)
    with pytest.raises(NothingToUndo):
        await store.history.undo(story.id)

    assert (await store.history.redo(story.id)).passages == story.passages


async def test_undoing_may_name_what_it_takes_back(store: Store) -> None:
    """A button pressed twice, or pressed late, undoes once."""
    _, two = await wrote(store, "一", "二")
    story = await told(store)
    await store.history.undo(story.id, two.id)

    with pytest.raises(StoryMoved):
        await store.history.undo(story.id, two.id)

    assert read((await told(store)).passages) == "一"


async def test_redoing_follows_the_last_way(store: Store) -> None:
    """After an undo and another passage, the new one is redone; the old one is still in the tree."""
    await wrote(store, "一", "二")
    story_id = (await told(store)).id
    await store.history.undo(story_id)
    await wrote(store, "別の二")
    await store.history.undo(story_id)

    assert read((await store.history.redo(story_id)).passages) == "一別の二"
    assert [passage.text for passage in await store.passages.of_story(story_id)] == ["一", "二", "別の二"]


async def test_going_to_a_passage_makes_it_the_last(store: Store) -> None:
    """Its own way from the beginning is read, and undone and redone from then on."""
    await wrote(store, "一", "二")
    story_id = (await told(store)).id
    await store.history.undo(story_id)
    await store.history.undo(story_id)
    await wrote(store, "壱", "弐")
    tree = {passage.text: passage for passage in await store.passages.of_story(story_id)}

    gone = await store.history.go_to(story_id, tree["二"].id)

    assert read(gone.passages) == "一二"
    await store.history.undo(story_id)
    await store.history.undo(story_id)
    await store.history.redo(story_id)
    assert await store.history.redo(story_id) == gone


async def test_going_back_can_be_redone(store: Store) -> None:
    """A branch from an earlier passage keeps the way to where the story was."""
    one, *_ = await wrote(store, "一", "二", "三")
    story = await told(store)

    assert (await store.history.go_to(story.id, one.id)).can_redo
    await store.history.redo(story.id)

    assert await store.history.redo(story.id) == story


async def test_one_can_only_go_to_a_passage_of_the_story(store: Store) -> None:
    """Neither to another story's, nor to one that is deleted, nor to nothing."""
    one, two = await wrote(store, "一", "二")
    (other,) = await wrote(store, "海", room=ELSEWHERE)
    story = await told(store)
    await store.passages.delete(one.id)

    for passage_id in (other.id, one.id, "nothing"):
        with pytest.raises(PassageGone):
            await store.history.go_to(story.id, passage_id)

    assert (await told(store)).head == two.id


async def test_a_story_that_is_being_written_does_not_move(store: Store) -> None:
    """While a job waits or runs, its head stays; afterwards it moves again."""
    one, _ = await wrote(store, "一", "二")
    story_id = (await told(store)).id
    await store.history.undo(story_id)
    await asked(store, "j1", text="三")

    for _ in ("waiting", "running"):
        for move in (
            store.history.undo(story_id),
            store.history.redo(story_id),
            store.history.go_to(story_id, one.id),
        ):
            with pytest.raises(StoryBusy):
                await move
        await store.jobs.claim("j1")

    await store.jobs.complete("j1", ["四"])
    assert read((await store.history.undo(story_id)).passages) == "一三"


async def test_an_unknown_story_cannot_move(store: Store) -> None:
    """The mistake is told."""
    for move in (
        store.history.undo("nowhere"),
        store.history.redo("nowhere"),
        store.history.go_to("nowhere", "p"),
    ):
        with pytest.raises(NoSuchStory):
            await move


async def test_an_edited_passage_keeps_its_place(store: Store) -> None:
    """What came after stays behind it, and what it read before is kept."""
    one, _ = await wrote(store, "一", "二")
    before = await told(store)

    edited = await store.passages.edit(one.id, "壱\ud800")

    assert (edited.id, edited.text, edited.edited) == (one.id, "壱\ufffd", True)
    after = await told(store)
    assert (read(after.passages), after.head) == ("壱\ufffd二", before.head)
    assert await former_texts(store) == ["一"]


async def test_an_edit_that_changes_nothing_is_none(store: Store) -> None:
    """The passage is not marked as edited."""
    (one,) = await wrote(store, "一")

    assert await store.passages.edit(one.id, "一") == one
    assert await former_texts(store) == []


async def test_every_former_text_is_kept(store: Store) -> None:
    """Each edit and the deletion add one."""
    (one,) = await wrote(store, "一")

    await store.passages.edit(one.id, "二")
    await store.passages.edit(one.id, "三")
    await store.passages.delete(one.id)

    assert await former_texts(store) == ["一", "二", "三"]


async def test_a_deleted_passage_is_left_out(store: Store) -> None:
    """The others stay where they are; the tree still shows where it stood."""
    one, two, three = await wrote(store, "一", "二", "三")

    deleted = await store.passages.delete(two.id)

    assert (deleted.text, deleted.deleted) == ("", True)
    story = await told(store)
    assert story.passages == (one, three)
    assert story.passages[-1].parent_id == two.id
    assert list(await store.passages.of_story(story.id)) == [one, deleted, three]
    with pytest.raises(PassageGone):
        await store.passages.existing(two.id)


async def test_a_story_may_end_with_a_deleted_passage(store: Store) -> None:
    """Its head stays there, and the next passage goes behind it."""
    one, two = await wrote(store, "一", "二")
    await store.passages.delete(two.id)

    story = await told(store)
    (three,) = await wrote(store, "三")

    assert (story.passages, story.head) == ((one,), two.id)
    assert three.parent_id == two.id
    assert (await told(store)).passages == (one, three)


async def test_moves_step_over_deleted_passages(store: Store) -> None:
    """Each move changes what is read: one that ends at a deleted passage would change nothing."""
    one, two, three = await wrote(store, "一", "二", "三")
    await store.passages.delete(two.id)
    story_id = (await told(store)).id

    assert (await store.history.undo(story_id)).head == one.id
    assert (await store.history.undo(story_id)).head is None
    assert (await store.history.redo(story_id)).head == one.id
    assert (await store.history.redo(story_id)).head == three.id


async def test_what_is_last_may_have_deleted_ones_behind_it(store: Store) -> None:
    """People see the one before them as the last: its buttons work."""
    one, two, three = await wrote(store, "一", "二", "三")
    await store.passages.delete(three.id)
    story_id = (await told(store)).id

    undone = await store.history.undo(story_id, two.id)

    assert undone.passages == (one,)
    assert (await store.history.redo(story_id)).passages == (one, two)


async def test_only_deleted_passages_ahead_are_nothing_to_redo(store: Store) -> None:
    """The story says so, too."""
    _, two = await wrote(store, "一", "二")
    story_id = (await told(store)).id
    await store.history.undo(story_id)
    await store.passages.delete(two.id)

    assert not (await told(store)).can_redo
    with pytest.raises(NothingToRedo):
        await store.history.redo(story_id)


async def test_a_story_of_deleted_passages_cannot_be_undone(store: Store) -> None:
    """There is nothing to see in it."""
    (one,) = await wrote(store, "一")
    await store.passages.delete(one.id)

    with pytest.raises(NothingToUndo):
        await store.history.undo((await told(store)).id)


async def test_what_is_gone_cannot_be_changed(store: Store) -> None:
    """Neither a deleted passage nor one that never was."""
    (one,) = await wrote(store, "一")
    await store.passages.delete(one.id)

    passages = store.passages
    for each in (one.id, "nothing"):
        for use in (passages.existing(each), passages.edit(each, "二"), passages.delete(each)):
            with pytest.raises(PassageGone):
                await use


async def test_candidates_are_alternatives(store: Store) -> None:
    """All have ids of their job, the same parent, and for whom they were written; the story counts them."""
    (one,) = await wrote(store, "一")

    kept = await went_on(store, "j1", "二", "弐", "Ⅱ")

    assert [passage.id for passage in kept] == [candidate_id("j1", number) for number in range(3)]
    assert [(p.text, p.parent_id, p.author, p.asker) for p in kept] == [
        (text, one.id, MODEL, AKI) for text in ("二", "弐", "Ⅱ")
    ]
    for passage in kept:
        assert list(await store.passages.alternatives(passage.id)) == kept
    story = await told(store)
    assert (story.passages, story.alternatives) == ((one, kept[0]), 2)


async def test_another_candidate_can_be_chosen(store: Store) -> None:
    """The others stay; undoing and redoing returns to the chosen one."""
    await wrote(store, "一")
    _, second = await went_on(store, "j1", "二", "弐")
    story_id = (await told(store)).id

    chosen = await store.history.go_to(story_id, second.id)

    assert read(chosen.passages) == "一弐"
    assert chosen.alternatives == 1
    await store.history.undo(story_id)
    assert await store.history.redo(story_id) == chosen


async def test_deleted_passages_are_no_alternatives(store: Store) -> None:
    """They are neither listed nor counted."""
    await wrote(store, "一")
    first, second, third = await went_on(store, "j1", "二", "弐", "Ⅱ")
    await store.passages.delete(second.id)

    assert list(await store.passages.alternatives(first.id)) == [first, third]
    assert (await told(store)).alternatives == 1


async def test_beginnings_are_alternatives_of_their_story_only(store: Store) -> None:
    """Passages without a parent stand beside each other, not beside another story's."""
    (one,) = await wrote(store, "一")
    await wrote(store, "海", room=ELSEWHERE)
    await store.history.undo((await told(store)).id)
    (other,) = await wrote(store, "壱", author=BEN)

    assert list(await store.passages.alternatives(one.id)) == [one, other]
    assert list(await store.passages.alternatives("nothing")) == []


async def test_a_tree_begins_with_its_oldest_passage(store: Store) -> None:
    """A parent always comes before its children, whatever was changed last."""
    one, _ = await wrote(store, "一", "二")
    story_id = (await told(store)).id
    await store.history.go_to(story_id, one.id)
    await wrote(store, "弐")
    await store.passages.edit(one.id, "壱")

    seen: set[str | None] = {None}
    for passage in await store.passages.of_story(story_id):
        assert passage.parent_id in seen
        seen.add(passage.id)
    assert len(seen) == 4
    assert await store.passages.of_story("nowhere") == []


async def test_an_undone_beginning_can_be_begun_anew(store: Store) -> None:
    """The first passage becomes an alternative of the new one, and the title stays."""
    await wrote(store, "一。")
    before = await store.history.undo((await told(store)).id)

    await store.messages.receive(says("壱。", "e9"), None, "", 0)

    story = await told(store)
    assert (story.title, story.alternatives, read(story.passages)) == (before.title, 1, "壱。")
