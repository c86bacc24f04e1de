"""Asking anew for what came to nothing."""

from __future__ import annotations

from bot.domain.jobs import GenerationOptions, Job, JobReceipt, JobState, Length
from tests.bot.core.services.stage import ROOM, Stage, says


async def job_of(stage: Stage, ticket: JobReceipt | None) -> Job:
    """The job that somebody got a ticket for."""
    assert ticket is not None
    job = await stage.store.jobs.get(ticket.job_id)
    assert job is not None
    return job


async def failed_retry(stage: Stage, ask: GenerationOptions) -> Job:
    """A story whose last passage somebody wanted otherwise, and did not get."""
    first = await job_of(
        stage, await stage.services.generation.receive_message(says("雨。"), GenerationOptions())
    )
    await stage.store.jobs.complete(first.id, ["夜。"])
    stage.queue.cancel(first.id)
    retried = await job_of(stage, await stage.services.generation.retry(says("", "e2"), ask))
    await stage.store.jobs.finish(retried.id, JobState.FAILED)
    stage.queue.cancel(retried.id)
    return retried


async def test_as_it_was_asked_for(stage: Stage) -> None:
    """So many candidates, of that length, beside the same passage; with another seed, once an event."""
    failed = await failed_retry(stage, GenerationOptions(candidates=3, length=Length.LONG, seed=7))

    again = await job_of(stage, await stage.services.generation.resubmit(says("", "again"), failed.id))
    twice = await stage.services.generation.resubmit(says("", "again"), failed.id)

    assert (again.options.candidates, again.options.length) == (3, Length.LONG)
    assert again.options.instead_of == failed.options.instead_of is not None
    assert (failed.seed, again.seed) == (7, 42)
    assert (twice.job_id, twice.repeated) == (again.id, True)


async def test_behind_the_end_where_the_story_went_on(stage: Stage) -> None:
    """What somebody wrote meanwhile is not left out."""
    failed = await failed_retry(stage, GenerationOptions(candidates=2))
    await stage.services.generation.receive_message(says("雪。", "e3"), None)

    again = await job_of(stage, await stage.services.generation.resubmit(says("", "again"), failed.id))

    assert (again.options.candidates, again.options.instead_of) == (2, None)
    assert await stage.texts() == ["雨。", "夜。", "雪。"]


async def test_with_the_rooms_preset_where_its_own_was_taken_away(stage: Stage) -> None:
    """Nobody has to know why a button would not do."""
    await stage.services.settings.change(ROOM, "", {"presets": {"夢": {"temperature": 1.5}}})
    failed = await failed_retry(stage, GenerationOptions(preset="夢"))
    await stage.services.settings.change(ROOM, "", {"presets": None})

    again = await job_of(stage, await stage.services.generation.resubmit(says("", "again"), failed.id))

    assert again.options.preset == "standard"


async def test_a_job_of_another_room_says_nothing(stage: Stage) -> None:
    """The story of this room goes on from where it ends."""
    await failed_retry(stage, GenerationOptions())

    again = await job_of(stage, await stage.services.generation.resubmit(says("", "again"), "forged"))

    assert again.options.instead_of is None
