"""Where a story ends, and how that moves; inside a transaction that owns the story's row.

Whatever becomes the head, its parents' `next_id` lead to it from then on; undoing leaves them as they are, so
that redoing finds the way. Deleted passages are stepped over: neither move ends at one. What people say
beside the story does not end it: undoing takes it back with the passage before. What was written while a
reply was does not end it for that reply either: whatever is done to the reply counts as done to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import dropwhile, pairwise

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.chat import MODEL
from bot.domain.errors import NothingToRedo, NothingToUndo, PassageGone, StoryMoved
from bot.domain.story import Passage
from bot.store import tables
from bot.store.repositories import tree
from bot.story.joining import title_of
from bot.text.out_of_character import is_out_of_character, without_out_of_character

_stories, _passages = tables.stories.c, tables.passages.c


async def insert_passage(
    connection: AsyncConnection,
    story: RowMapping,
    passage: Passage,
    meanwhile: Sequence[RowMapping],
    now: datetime,
) -> None:
    """Let the story go on with a new passage, whose parent lies on the path, then with what came meanwhile.

    Without that the passage is the head. An untitled story is named.
    """
    await _point(connection, story, passage.parent_id, passage.id)
    if meanwhile:
        ids = [row["id"] for row in meanwhile]
        await connection.execute(update(tables.passages).where(_passages.id.in_(ids)).values(meanwhile=True))
        await _follow(connection, story, passage.id, ids[0])
    head_id = story["head_id"] if meanwhile else passage.id
    await _set_head(connection, story, head_id, now, story["title"] or title_of(_story_text(story, passage)))


async def undo(connection: AsyncConnection, story: RowMapping, expected: str | None, now: datetime) -> None:
    """Move the head before the last passage that is told, and what was said beside it since.

    Who names the reply that it hangs on means the reply, with all that does.
    """
    last = taken = await last_passage(connection, story)
    if expected is not None and expected not in {story["head_id"], None if last is None else last["id"]}:
        taken = await anchor_of(connection, last)
        if taken is None or taken["id"] != expected:
            raise StoryMoved
    if taken is None:
        raise NothingToUndo
    before = await present(connection, taken["parent_id"])
    await _set_head(connection, story, None if before is None else before["id"], now)


async def redo(connection: AsyncConnection, story: RowMapping, expected: str | None, now: datetime) -> None:
    """Move the head to the passage with which the story went on last."""
    if expected is not None and not await _stands_at(connection, story, expected):
        raise StoryMoved
    target = await forward(connection, story)
    if target is None:
        raise NothingToRedo
    await _set_head(connection, story, await _with_asides(connection, story, target), now)


async def go_to(connection: AsyncConnection, story: RowMapping, passage_id: str, now: datetime) -> None:
    """Make a passage the head, and every passage before it lead to it."""
    place = await tree.locate(connection, passage_id)
    if place is None or place["story_id"] != story["id"] or place["deleted_at"] is not None:
        raise PassageGone
    path = tree.path_of(passage_id)
    rows = (await connection.execute(select(path).order_by(path.c.back))).all()
    for child, parent in pairwise(rows):
        if parent.next_id != child.id:
            await _point(connection, story, parent.id, child.id)
    await _point(connection, story, None, rows[-1].id)
    await _set_head(connection, story, passage_id, now)


async def choose(connection: AsyncConnection, story: RowMapping, passage_id: str, now: datetime) -> str:
    """Let the story end with an alternative of its last passage, and with what hangs on that.

    Returns the id of the passage that stood there before.
    """
    place = await tree.locate(connection, passage_id)
    if place is None or place["story_id"] != story["id"] or place["deleted_at"] is not None:
        raise PassageGone
    # Of a deleted passage that the story ends with the alternatives are there all the same.
    head = await tree.locate(connection, story["head_id"])
    last = await last_passage(connection, story)
    ends = (await anchor_of(connection, last), last, await anchor_of(connection, head), head)
    former = next((end for end in ends if end is not None and end["parent_id"] == place["parent_id"]), None)
    if former is None:
        raise StoryMoved
    await _exchange(connection, story, former, place, now)
    return str(former["id"])


async def _exchange(
    connection: AsyncConnection, story: RowMapping, former: RowMapping, place: RowMapping, now: datetime
) -> None:
    """Let another passage stand before what hangs on a former one."""
    behind = goes_along(story, await tree.between(connection, story["head_id"], former["id"]) or ())
    if not behind:
        await go_to(connection, story, place["id"], now)
    elif place["id"] != former["id"]:
        await _point(connection, story, place["parent_id"], place["id"])
        await _follow(connection, story, place["id"], behind[0]["id"])
        await _set_head(connection, story, story["head_id"], now)


def goes_along(story: RowMapping, behind: Sequence[RowMapping]) -> list[RowMapping]:
    """What goes along when another passage takes the place of one, of all that stands behind it.

    What people said of it beside the story does not, unless it was written meanwhile too.
    """

    def stays(row: RowMapping) -> bool:
        return row["deleted_at"] is not None or (_is_aside(story, row) and not row["meanwhile"])

    return list(dropwhile(stays, behind))


async def to_beginning(connection: AsyncConnection, story: RowMapping, now: datetime) -> None:
    """Let the story end before its first passage."""
    await _set_head(connection, story, None, now)


async def forward(connection: AsyncConnection, story: RowMapping) -> str | None:
    """The passage that redoing leads to."""
    head = await tree.locate(connection, story["head_id"])
    found = await _onward(connection, story["first_next_id"] if head is None else head["next_id"])
    return None if found is None else str(found["id"])


async def _onward(connection: AsyncConnection, passage_id: str | None) -> RowMapping | None:
    """The passage, or the nearest on the way behind it that is not deleted."""
    place = await tree.locate(connection, passage_id)
    while place is not None and place["deleted_at"] is not None:
        place = await tree.locate(connection, place["next_id"])
    return place


async def _with_asides(connection: AsyncConnection, story: RowMapping, passage_id: str) -> str:
    """The passage, or the last of what was said beside the story right behind it."""
    place = await tree.locate(connection, passage_id)
    following = place
    while following is not None and (following is place or _is_aside(story, following)):
        passage_id = following["id"]
        following = await _onward(connection, following["next_id"])
    return passage_id


async def is_last(connection: AsyncConnection, story: RowMapping, passage_id: str) -> bool:
    """Whether the story ends with a passage: it is the head, or what is told behind it only hangs on it."""
    if passage_id == story["head_id"]:
        return True
    last = await last_passage(connection, story)
    ends = (last, await anchor_of(connection, last))
    return any(end is not None and end["id"] == passage_id for end in ends)


async def _stands_at(connection: AsyncConnection, story: RowMapping, expected: str) -> bool:
    if story["head_id"] is None:
        return bool(expected == story["id"])
    return await is_last(connection, story, expected)


async def anchor_of(connection: AsyncConnection, last: RowMapping | None) -> RowMapping | None:
    """What a passage that was written meanwhile hangs on, deleted or not; None of any other."""
    place = last
    while place is not None and place["meanwhile"]:
        place = await tree.locate(connection, place["parent_id"])
    return None if place is last else place


async def last_passage(connection: AsyncConnection, story: RowMapping) -> RowMapping | None:
    """The story's head, or the nearest before it that is there and not only said beside the story."""
    place = await present(connection, story["head_id"])
    while place is not None and _is_aside(story, place):
        place = await present(connection, place["parent_id"])
    return place


async def present(connection: AsyncConnection, passage_id: str | None) -> RowMapping | None:
    """The passage, or the nearest before it that is not deleted."""
    place = await tree.locate(connection, passage_id)
    while place is not None and place["deleted_at"] is not None:
        place = await tree.locate(connection, place["parent_id"])
    return place


def _is_aside(story: RowMapping, place: RowMapping) -> bool:
    by_model = place["author_platform"] == MODEL.platform
    return not by_model and is_out_of_character(place["text"], parentheses=story["parentheses_aside"])


def _story_text(story: RowMapping, passage: Passage) -> str:
    if passage.by_model:
        return passage.text
    return without_out_of_character(passage.text, parentheses=story["parentheses_aside"])


async def _point(
    connection: AsyncConnection, story: RowMapping, parent_id: str | None, child_id: str
) -> None:
    """Note that the story went on from a passage (None: its beginning) with a child of it."""
    if parent_id is None:
        pointer = update(tables.stories).where(_stories.id == story["id"]).values(first_next_id=child_id)
    else:
        pointer = update(tables.passages).where(_passages.id == parent_id).values(next_id=child_id)
    await connection.execute(pointer)


async def _follow(connection: AsyncConnection, story: RowMapping, parent_id: str, child_id: str) -> None:
    """Let a passage, with all behind it, follow another one than it did."""
    left = update(tables.passages).where(_passages.next_id == child_id).values(next_id=None)
    await connection.execute(left)
    moved = update(tables.passages).where(_passages.id == child_id).values(parent_id=parent_id)
    await connection.execute(moved)
    await _point(connection, story, parent_id, child_id)


async def _set_head(
    connection: AsyncConnection,
    story: RowMapping,
    head_id: str | None,
    now: datetime,
    title: str | None = None,
) -> None:
    values = {"head_id": head_id, "changed_at": now, "title": story["title"] if title is None else title}
    await connection.execute(update(tables.stories).where(_stories.id == story["id"]).values(values))
