"""The messages of replies that are over follow what became of their passages."""

from __future__ import annotations

import asyncio

from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.domain.chat import Room
from bot.domain.jobs import Job
from bot.domain.ports import Translate
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.repositories import Repositories
from bot.domain.story import Passage, Story, candidate_id
from bot.story.joining import ends_with, last_passage


class ReplyRefresh:
    """Shows replies anew after a story moved or one of its passages changed."""

    def __init__(self, store: Repositories, queue: JobQueue, replies: Outbox, translate: Translate) -> None:
        self._store = store
        self._queue = queue
        self._replies = replies
        self._translate = translate
        self._lock = asyncio.Lock()

    async def after_move(self, room: Room) -> None:
        """Let the buttons stand under the last passage that is told in a room, and under no other."""
        async with self._lock:  # of two moves at once the second shows where both led
            now = await self._store.stories.open_in(room)
            job_id = _job_of(last_passage(now)) if now is not None else None
            await self._replies.remove_buttons(room, but=job_id)
            if now is not None and job_id is not None:
                await self._show_again(now, job_id)

    async def after_change(self, passage: Passage) -> None:
        """Let the message that a passage of the model came with show what became of it."""
        job_id = _job_of(passage)
        if job_id is not None:
            async with self._lock:
                await self._show_again(await self._store.stories.get(passage.story_id), job_id)

    async def _show_again(self, story: Story, job_id: str) -> None:
        """Let the message of a reply that is over show its passage as it is now, the others as candidates."""
        job, rows = await self._store.jobs.get(job_id), await self._store.outbox.of_job(job_id)
        if job is None or not job.state.final or not rows:
            return
        siblings = await self._store.passages.alternatives(candidate_id(job_id, 0))
        own = {passage.id: passage for passage in siblings if _job_of(passage) == job_id}
        in_story = [passage.id for passage in story.passages if passage.id in own]
        shown = own.get(in_story[0] if in_story else rows[-1].reply.passage)
        if shown is None:
            note = self._translate("play.deleted", job.author.locale)
            self._replies.show(job, Reply(ReplyState.DONE, note=note, interactive=False))
            return
        others = tuple(Candidate(one.id, one.text) for one in own.values() if one is not shown)
        interactive = self._is_interactive(story, job, shown)
        self._replies.show(
            job,
            Reply(
                ReplyState.DONE,
                shown.text,
                other_candidates=others,
                passage=shown.id,
                interactive=interactive,
            ),
        )

    def _is_interactive(self, story: Story, job: Job, shown: Passage) -> bool:
        here = not story.closed and story.room == job.room
        return here and ends_with(story, shown.id) and not self._queue.jobs_of(story.id)


def _job_of(passage: Passage | None) -> str | None:
    """The job that a passage of the model came from, by its id."""
    if passage is None or not passage.by_model:
        return None
    return passage.id.rpartition(".")[0] or None
