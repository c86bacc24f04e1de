"""A story's order is its thread's, whoever writes while a reply is written, and whatever is done then."""

from __future__ import annotations

import pytest

from bot.domain.errors import StoryBusy, StoryMoved
from bot.domain.jobs import GenerationOptions, JobReceipt
from bot.domain.replies import ReplyState
from bot.store import Store
from bot.story.export_formats import export_text
from bot.story.tree import outline
from tests.bot.core.services.told import AYA, BO, HALL, Told, telling
from tests.fakes.house import sentence

RAIN, WIND, SNOW = "雨。", "風。", "雪。"


async def begun(told: Told, ask: GenerationOptions | None = None, text: str = RAIN) -> JobReceipt:
    """A reply of which the first sentence can be read, and which goes no further."""
    told.engine.free.clear()
    ticket = await told.services.generation.receive_message(told.message(text), ask or GenerationOptions())
    await told.platform.until(lambda: told.writing(ticket))
    assert ticket is not None
    return ticket


async def meanwhile(told: Told, ask: GenerationOptions | None = None) -> str:
    """A whole reply, while which somebody wrote; returns its passage."""
    ticket = await begun(told, ask)
    await told.services.generation.receive_message(told.message(WIND, BO), None)
    told.engine.free.set()
    return await told.whole(ticket)


async def exported(told: Told) -> str:
    """The story as it is taken away, without its frame."""
    story = await told.story()
    return export_text(story).replace(story.title, "", 1)


async def test_it_is_the_order_of_the_story_its_export_and_the_next_prompt(told: Told) -> None:
    """What the model reads next is what the thread shows."""
    first = await meanwhile(told)
    await told.buttons_under(first)

    assert await told.texts() == [RAIN, sentence(0), WIND]
    assert f"{RAIN}{sentence(0)}\n{WIND}" in await exported(told)
    story = await told.story()
    tree = await told.services.passages.of_story(story.id)
    assert [line.passage.text for line in outline(story, tree)] == [RAIN, sentence(0), WIND]
    assert {line.depth for line in outline(story, tree)} == {0}
    window = await told.services.prompts.context_window(HALL)
    assert window.seen[0].piece.text == f"{RAIN}{sentence(0)}\n{WIND}"

    second = await told.hears(SNOW)

    assert told.engine.requests[-1].prompt == f"{RAIN}{sentence(0)}\n{WIND}\n{SNOW}"
    await told.buttons_under(second)


async def test_no_empty_place_is_seen_while_it_is_written(told: Told) -> None:
    """The story, its tree and its count of passages are of what was written."""
    await begun(told)
    await told.services.generation.receive_message(told.message(WIND, BO), None)

    story = await told.story()

    assert [one.text for one in story.passages] == [RAIN, WIND]
    assert len(await told.services.passages.of_story(story.id)) == 2
    assert (story.alternatives, story.can_redo, story.hangs_on) == (0, False, None)
    assert len(await told.services.passages.alternatives(story.passages[0].id)) == 1
    assert f"{RAIN}\n{WIND}" in await exported(told)
    for move in (
        told.services.editing.undo(HALL, AYA),
        told.services.editing.choose(HALL, AYA, story.passages[0].id),
    ):
        with pytest.raises(StoryBusy):
            await move
    told.engine.free.set()


async def test_going_on_under_the_reply_goes_on_behind_both(told: Told) -> None:
    """The reply has the buttons, and what was written meanwhile is read."""
    first = await meanwhile(told)

    second = await told.whole(
        await told.services.generation.receive_message(told.message(after=first), GenerationOptions())
    )

    assert await told.texts() == [RAIN, sentence(0), WIND, sentence(1)]
    await told.buttons_under(second)


@pytest.mark.parametrize("pressed", [False, True])
async def test_retrying_takes_the_place_of_the_reply(told: Told, pressed: bool) -> None:
    """By its button or by a command; what was written meanwhile stands behind the new one."""
    first = await meanwhile(told)

    second = await told.whole(
        await told.services.generation.retry(
            told.message(after=first if pressed else None), GenerationOptions()
        )
    )

    assert told.engine.requests[-1].prompt == RAIN
    assert await told.texts() == [RAIN, sentence(1), WIND]
    await told.buttons_under(second)


async def test_choosing_takes_along_what_was_written(told: Told) -> None:
    """The reply's message shows the other candidate, with the buttons; and back again."""
    first = await meanwhile(told, GenerationOptions(candidates=2))
    other = first.replace(".0", ".1")
    assert (await told.story()).alternatives == 1

    await told.services.editing.choose(HALL, BO, other)
    await told.buttons_under(other)
    assert await told.texts() == [RAIN, sentence(1), WIND]

    await told.services.editing.choose(HALL, BO, first)
    await told.buttons_under(first)
    assert await told.texts() == [RAIN, sentence(0), WIND]


async def test_undoing_under_the_reply_takes_it_back(told: Told) -> None:
    """With what hangs on it; without a button it is one by one, and the reply keeps the buttons."""
    first = await meanwhile(told)
    before = await told.story()

    await told.services.editing.undo(HALL, AYA)
    await told.buttons_under(first)
    assert await told.services.editing.redo(HALL, AYA) == before
    await told.buttons_under(first)

    assert [one.text for one in (await told.services.editing.undo(HALL, AYA, after=first)).passages] == [RAIN]
    await told.buttons_under()
    await told.services.editing.redo(HALL, AYA)
    assert await told.services.editing.redo(HALL, AYA) == before


async def test_what_is_written_behind_the_whole_reply_takes_the_buttons(told: Told) -> None:
    """Then what stands under the reply is late."""
    first = await meanwhile(told, GenerationOptions(candidates=2))

    await told.services.generation.receive_message(told.message(SNOW, BO), None)

    await told.buttons_under()
    with pytest.raises(StoryMoved):
        await told.services.editing.choose(HALL, BO, first.replace(".0", ".1"))
    assert await told.texts() == [RAIN, sentence(0), WIND, SNOW]


async def test_a_reply_that_was_stopped_stands_in_its_place(told: Told) -> None:
    """What could be read of it is kept, before what was written meanwhile."""
    ticket = await begun(told)
    await told.services.generation.receive_message(told.message(WIND, BO), None)

    assert await told.services.generation.stop(ticket.job_id, AYA)
    await told.platform.until(lambda: told.shown(ticket.job_id).state is ReplyState.CANCELLED)

    assert await told.texts() == [RAIN, told.shown(ticket.job_id).text, WIND]


async def test_a_reply_that_was_deleted_leaves_what_was_written(told: Told) -> None:
    """Behind what came before; the story goes on from there."""
    ticket = await begun(told)
    await told.services.generation.receive_message(told.message(WIND, BO), None)
    message_id = told.platform.keys[f"{ticket.job_id}:0"]

    assert await told.services.generation.withdraw("fake", message_id)
    await told.platform.until(lambda: told.shown(ticket.job_id).state is ReplyState.CANCELLED)
    told.engine.free.set()

    assert await told.texts() == [RAIN, WIND]
    await told.hears(SNOW)
    assert told.engine.requests[-1].prompt == f"{RAIN}\n{WIND}\n{SNOW}"


async def test_a_second_request_stands_behind_all_that_was_written_until_it_began(told: Told) -> None:
    """Its own line stands behind the first reply, which it was written during."""
    first = await begun(told)
    second = await told.services.generation.receive_message(told.message(WIND, BO), GenerationOptions())
    await told.services.generation.receive_message(told.message(SNOW), None)
    told.engine.free.set()
    await told.whole(first)
    await told.whole(second)

    assert await told.texts() == [RAIN, sentence(0), WIND, SNOW, sentence(1)]
    assert told.engine.requests[1].prompt == f"{RAIN}{sentence(0)}\n{WIND}\n{SNOW}"


class TestARestart:
    """The process ends in the middle of a reply, and another one goes on."""

    @staticmethod
    def _same_room(before: Told, after: Told) -> None:
        after.platform.messages, after.platform.keys = before.platform.messages, before.platform.keys

    async def test_the_same_is_asked_for(self, store: Store) -> None:
        """Though somebody wrote before the end, and again before the next process began."""
        async with telling(store) as before:
            await begun(before)
            await before.services.generation.receive_message(before.message(WIND, BO), None)
        async with telling(store) as after:
            self._same_room(before, after)
            await after.platform.until(lambda: bool(after.live))

            assert after.engine.requests == before.engine.requests
            assert await after.texts() == [RAIN, sentence(0), WIND]

    async def test_the_sign_is_left_below_which_somebody_wrote(self, store: Store) -> None:
        """A request that waited through the restart reads it, and is posted below."""
        async with telling(store) as before:
            await begun(before)
            waiting = await before.services.generation.receive_message(
                before.message(WIND, BO), GenerationOptions()
            )
            assert waiting is not None
            key = f"{waiting.job_id}:0"
            await before.platform.until(lambda: key in before.platform.keys)
            await before.services.generation.receive_message(before.message(SNOW), None)
        async with telling(store) as after:
            self._same_room(before, after)
            sign = after.platform.keys[key]
            await after.platform.until(lambda: sign not in after.platform.messages)
            await after.platform.until(lambda: bool(after.live))

            assert await after.texts() == [RAIN, sentence(0), WIND, SNOW, sentence(1)]
            assert after.platform.texts == [sentence(0), sentence(1)]
