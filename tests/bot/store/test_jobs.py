"""A job's life in the store."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.chat import MODEL
from bot.domain.errors import NoSuchStory, StoreError
from bot.domain.jobs import JobState
from bot.store import Store
from tests.bot.store.told import ELSEWHERE, ROOM, asked, says, texts


async def test_a_waiting_job_is_claimed_once(store: Store) -> None:
    """Of many simultaneous claims one gets the job, running and with one attempt."""
    await asked(store, "j1")

    claims = await asyncio.gather(*(store.jobs.claim("j1") for _ in range(8)))

    (job,) = [claim for claim in claims if claim is not None]
    assert job == await store.jobs.get("j1")
    assert (job.state, job.attempts) == (JobState.RUNNING, 1)


async def test_an_unknown_job_cannot_be_claimed(store: Store) -> None:
    """There is nothing to claim, and nothing to read."""
    assert await store.jobs.claim("nobody's") is None
    assert await store.jobs.get("nobody's") is None


async def test_a_released_job_waits_again(store: Store) -> None:
    """It can be claimed again, and the attempts are counted on."""
    await asked(store, "j1")
    await store.jobs.claim("j1")

    await store.jobs.release("j1")

    job = await store.jobs.claim("j1")
    assert job is not None
    assert job.attempts == 2


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
async def test_a_finished_job_stays_finished(store: Store, state: JobState) -> None:
    """Neither a claim, a release nor another end changes it."""
    await asked(store, "j1")
    await store.jobs.finish("j1", state, "a reason")

    await store.jobs.release("j1")
    await store.jobs.finish("j1", JobState.FAILED)

    assert await store.jobs.claim("j1") is None
    job = await store.jobs.get("j1")
    assert job is not None
    assert job.state is state


@pytest.mark.parametrize("state", [JobState.DONE, JobState.WAITING, JobState.RUNNING])
async def test_only_an_end_finishes_a_job(store: Store, state: JobState) -> None:
    """A job is done by its text alone, and the other states are no end."""
    with pytest.raises(ValueError, match="finished"):
        await store.jobs.finish("j1", state)


async def test_unfinished_jobs_are_listed_as_they_go_on(store: Store) -> None:
    """Begun ones, then the oldest, with what they need to run; those that are over are not."""
    for name in ("j1", "j2", "j3", "j4"):
        await asked(store, name)
    await store.jobs.claim("j4")
    await store.jobs.finish("j1", JobState.CANCELLED)
    await store.jobs.complete("j3", ["続き。"])

    assert [job.id for job in await store.jobs.unfinished()] == ["j4", "j2"]
    assert await store.jobs.unfinished() == [await store.jobs.get("j4"), await store.jobs.get("j2")]


async def test_a_continuation_becomes_the_storys_last_passage(store: Store) -> None:
    """The model's passage is kept and the job is done, at once."""
    await asked(store, "j1")
    await store.jobs.claim("j1")

    (passage,) = await store.jobs.complete("j1", ["風も出た。"])

    story = await store.stories.open_in(ROOM)
    assert story is not None
    assert story.passages[-1] == passage
    assert passage.author == MODEL
    assert passage.by_model
    job = await store.jobs.get("j1")
    assert job is not None
    assert job.state is JobState.DONE


async def test_the_other_candidates_are_kept_beside_the_story(store: Store) -> None:
    """Only the first is read in the story, and the next passage follows it."""
    await asked(store, "j1", text="一。")

    first, *_ = await store.jobs.complete("j1", ["二。", "別の二。", "また別の二。"])
    heard = await store.messages.receive(says("三。", "e3"), None, "", 0)

    assert await texts(store) == ["一。", "二。", "三。"]
    assert heard.passage is not None
    assert heard.passage.parent_id == first.id


async def test_what_people_wrote_before_the_start_is_gone_on_from(store: Store) -> None:
    """Passages that came while the job still waited are in the model's window: no line is broken."""
    await asked(store, "j1", text="一。")
    await store.messages.receive(says("二。", "e2"), None, "", 0)
    await store.jobs.claim("j1")

    await store.jobs.complete("j1", ["三。"])

    assert await texts(store) == ["一。", "二。", "三。"]


async def test_people_and_models_who_write_at_once_lose_nothing(store: Store) -> None:
    """Twenty messages and twenty continuations of one story all end up in it."""
    for i in range(20):
        await asked(store, f"j{i}", text=f"{i}")

    await asyncio.gather(
        *(store.jobs.complete(f"j{i}", [f"m{i}", f"x{i}"]) for i in range(20)),
        *(store.messages.receive(says(f"p{i}", f"p{i}"), None, "", 0) for i in range(20)),
    )

    written = [text.strip() for text in await texts(store)]
    assert written[:20] == [f"{i}" for i in range(20)]
    assert sorted(written[20:]) == sorted([f"m{i}" for i in range(20)] + [f"p{i}" for i in range(20)])


async def test_a_continuation_is_appended_once(store: Store) -> None:
    """Appending again (the process died before it noted that it had) gives the passage that is there."""
    await asked(store, "j1", text="一。")
    first = await store.jobs.complete("j1", ["二。"])

    again = await store.jobs.complete("j1", ["別の二。"])

    assert again == first
    assert await texts(store) == ["一。", "二。"]


async def test_a_job_that_is_over_takes_no_text(store: Store) -> None:
    """A cancelled job's late continuation is refused and the story stays as it is."""
    await asked(store, "j1", text="一。")
    await store.jobs.finish("j1", JobState.CANCELLED)

    with pytest.raises(StoreError, match="over: cancelled"):
        await store.jobs.complete("j1", ["二。"])

    assert await texts(store) == ["一。"]


async def test_a_continuation_needs_a_job_and_a_text(store: Store) -> None:
    """Both mistakes are told."""
    await asked(store, "j1")

    with pytest.raises(StoreError, match="no job"):
        await store.jobs.complete("another", ["二。"])
    with pytest.raises(ValueError, match="without a text"):
        await store.jobs.complete("j1", [])


async def test_jobs_of_other_stories_do_not_mix(store: Store) -> None:
    """A continuation lands in the story of its job."""
    await asked(store, "j1", text="一。")
    await asked(store, "j2", ELSEWHERE, text="海。")

    await store.jobs.complete("j2", ["波。"])

    assert await texts(store) == ["一。"]
    assert await texts(store, ELSEWHERE) == ["海。", "波。"]


async def test_an_unknown_story_is_an_error(store: Store) -> None:
    """A story asked for by id is expected to be there; one asked for by room is not."""
    with pytest.raises(NoSuchStory):
        await store.stories.get("nowhere")
    assert await store.stories.open_in(ROOM) is None
