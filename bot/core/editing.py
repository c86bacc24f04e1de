"""Changing: moves in the tree of a story, edits, and what surrounds the text."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.ground import Ground
from bot.domain.chat import Author, Room
from bot.domain.errors import EmptyText, NoSuchStory, NotYours, PassageGone
from bot.domain.jobs import Job
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.story import Act, ActKind, Notes, Passage, Story, candidate_id
from bot.story.joining import ending, ends_with
from bot.story.prompt import require_length, require_short


class Changing(Ground):
    """Each change is in the database when it is acknowledged, and the room's messages follow it."""

    async def undo(self, room: Room, by: Author, after: str | None = None) -> Story:
        """Take the last passage back; it stays reachable."""
        await self._permitted(room, by)
        return await self._moved(room, await self._store.undo((await self._open(room)).id, after, by=by))

    async def redo(self, room: Room, by: Author, after: str | None = None) -> Story:
        """Take an undo back."""
        await self._permitted(room, by)
        return await self._moved(room, await self._store.redo((await self._open(room)).id, after, by=by))

    async def choose(self, room: Room, by: Author, passage_id: str) -> Story:
        """Make an alternative of the last passage the last one."""
        await self._permitted(room, by)
        story = await self._open(room)
        return await self._moved(room, await self._store.choose(story.id, passage_id, by=by))

    async def branch(self, room: Room, by: Author, passage_id: str) -> Story:
        """Go on from any passage; what followed it stays reachable."""
        await self._permitted(room, by)
        story = await self._open(room)
        return await self._moved(room, await self._store.go_to(story.id, passage_id, by=by))

    async def last_act(self, room: Room) -> Act | None:
        """What was done last to a room's story that everybody sees."""
        return await self._store.last_act(room)

    async def take_back(self, room: Room, by: Author, act_id: str) -> Act:
        """Lead the story back to where an act led it from."""
        await self._permitted(room, by)
        act = await self._store.take_back(act_id, by)
        if act.kind is ActKind.DELETE and act.before is not None:
            await self._changed(await self._there(act.before))
        story = await self._store.story(room)
        if story is not None:
            await self._moved(room, story)
        return act

    async def _there(self, passage_id: str) -> Passage:
        passage = await self._store.passage(passage_id)
        if passage is None:
            raise PassageGone
        return passage

    async def edit(self, room: Room, by: Author, passage_id: str, text: str) -> Passage:
        """Change what one wrote or asked for, in its place."""
        require_length(text, self._bounds.max_characters + self._bounds.max_file_characters)
        rules = await self._permitted(room, by)
        former = await self._own(room, by, passage_id)
        # What came with a file is longer than people may type, and its typing errors are mended here, too.
        limit = self._bounds.max_characters
        if len(former.text) > limit:
            limit += self._bounds.max_file_characters
        text = self._wanted(text, rules, room, limit)
        if not text:
            raise EmptyText
        passage = await self._store.edit(passage_id, text)
        await self._changed(passage)
        return passage

    async def delete(self, room: Room, by: Author, passage_id: str) -> Story:
        """Take out what one wrote or asked for; what came after stays."""
        await self._permitted(room, by)
        await self._own(room, by, passage_id)
        passage = await self._store.delete(passage_id, by=by)
        await self._changed(passage)
        return await self._moved(room, await self._store.story_by_id(passage.story_id))

    async def move(self, room: Room, to: Room) -> bool:
        """Tell a room's open story elsewhere, where the platform cannot show it here; False: it has none."""
        return await self._store.move_story(room, to)

    async def show_by(
        self,
        platform: str,
        event_id: str,
        message_id: str,
        *,
        name: str | None = None,
        text: str | None = None,
    ) -> Passage | None:
        """Let a message show what was heard by another event; its writer may be shown by another name."""
        return await self._store.show_by(platform, event_id, message_id, name=name, text=text)

    async def begin(self, room: Room, by: Author, title: str = "") -> Story:
        """Begin a new story; the room's former one is closed and stays readable."""
        rules = await self._permitted(room, by)
        name, aside = self._titled(title, rules, room), rules.parentheses_aside
        story = await self._store.open_story(room, name, parentheses_aside=aside, by=by)
        return await self._moved(room, story)

    async def close(self, room: Room, by: Author) -> Story:
        """Close the room's story."""
        await self._permitted(room, by)
        return await self._moved(room, await self._store.close_story((await self._open(room)).id, by=by))

    async def reopen(self, room: Room, by: Author, story_id: str) -> Story:
        """Go on with an earlier story in this room; its former one is left without it."""
        await self._permitted(room, by)
        former = (await self._store.story_by_id(story_id)).room
        if former.platform != room.platform:
            raise NoSuchStory(story=story_id)
        await self._permitted(former, by)
        return await self._moved(room, await self._store.reopen_story(story_id, room, by=by))

    async def rename(self, room: Room, by: Author, title: str) -> Story:
        """Give the story another title."""
        rules = await self._permitted(room, by)
        name = self._titled(title, rules, room)
        if not name:
            raise EmptyText
        return await self._store.rename((await self._open(room)).id, name)

    async def annotate(self, room: Room, by: Author, notes: Notes, before: Notes) -> Story:
        """Change memory, author's note and lore; a room without a story begins one.

        `before` is what the person saw: what they left as it was stays as somebody else made it meanwhile.
        """
        require_short(notes)
        rules = await self._permitted(room, by)
        for text in _texts(notes):
            self._require_clean(text, rules, room)
        async with self._one_by_one:  # of two at once the second finds the story that the first began
            story = await self._store.story(room)
            if story is None:
                aside = rules.parentheses_aside
                story = await self._store.open_story(room, parentheses_aside=aside)
            return await self._store.save_notes(story.id, notes, before)

    # Inside

    async def _own(self, room: Room, by: Author, passage_id: str) -> Passage:
        """The passage, where it belongs to a story of the room, also a former one, and to the person."""
        passage = await self._store.passage(passage_id)
        if passage is None or passage.deleted:
            raise PassageGone
        if (await self._store.story_by_id(passage.story_id)).room != room:
            raise PassageGone
        if by.person != (passage.asker or passage.author).person:
            raise NotYours
        return passage

    async def _moved(self, room: Room, story: Story) -> Story:
        """Let the buttons stand under the last passage that is told in a room, and under no other."""
        async with self._one_by_one:  # of two moves at once the second shows where both led
            now = await self._store.story(room)
            job_id = _job_of(ending(now)) if now is not None else None
            await self._replies.remove_buttons(room, but=job_id)
            if now is not None and job_id is not None:
                await self._repaint(now, job_id)
        return story

    async def _changed(self, passage: Passage) -> None:
        """Let the message that a passage of the model came with show what became of it."""
        job_id = _job_of(passage)
        if job_id is not None:
            async with self._one_by_one:
                await self._repaint(await self._store.story_by_id(passage.story_id), job_id)

    async def _repaint(self, story: Story, job_id: str) -> None:
        """Let the message of a reply that is over show its passage as it is now, the others as choices."""
        job, rows = await self._store.job(job_id), await self._store.outbox(job_id)
        if job is None or not job.state.final or not rows:
            return
        beside = await self._store.alternatives(candidate_id(job_id, 0))
        own = {passage.id: passage for passage in beside if _job_of(passage) == job_id}
        told = [passage.id for passage in story.passages if passage.id in own]
        shown = own.get(told[0] if told else rows[-1].reply.passage)
        if shown is None:
            note = self._say("play.deleted", job.author.locale)
            self._replies.show(job, Reply(ReplyState.DONE, note=note, interactive=False))
            return
        choices = tuple(Candidate(one.id, one.text) for one in own.values() if one is not shown)
        live = self._carries_buttons(story, job, shown)
        draft = Reply(
            ReplyState.DONE, shown.text, other_candidates=choices, passage=shown.id, interactive=live
        )
        self._replies.show(job, draft)

    def _carries_buttons(self, story: Story, job: Job, shown: Passage) -> bool:
        here = not story.closed and story.room == job.room
        return here and ends_with(story, shown.id) and not self._queue.jobs_of(story.id)


def _texts(notes: Notes) -> Iterator[str]:
    yield from (notes.memory, notes.note)
    for entry in notes.lore:
        yield from (*entry.keywords, entry.text)


def _job_of(passage: Passage | None) -> str | None:
    """The job that a passage of the model came from, by its id."""
    if passage is None or not passage.by_model:
        return None
    return passage.id.rpartition(".")[0] or None
