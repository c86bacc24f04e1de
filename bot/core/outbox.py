"""Replies on their way to people: the latest text only, within the platform's limits; the last one always."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.aio.cancellation import sleep_until
from bot.aio.clock import Clock, SystemClock
from bot.aio.rate_limit import NO_TIME_S, RateLimiter
from bot.core.shown_reply import LAST_STATE, ShownReply, closed, key_of, looks_alike
from bot.domain.chat import Room
from bot.domain.errors import RetryLater, StoreError, ToldElsewhere, Undeliverable
from bot.domain.jobs import Job
from bot.domain.ports import Platform
from bot.domain.replies import OutboxRow, Reply, ReplyState
from bot.domain.repositories import Repositories
from bot.text.message_split import NOTHING, parts_of

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
MAX_SURPRISES = 5
"""Errors that no platform should raise, before a reply is given up until the next start."""

Lost = Callable[[Job, Undeliverable], Awaitable[None]]
"""Told of an unfinished job whose reply cannot be shown, and why."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Line:
    """The way into one room: one change at a time."""

    throttle: RateLimiter
    sender: asyncio.Task[None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Outbox:
    """Shows drafts in rooms.

    One task a room takes the room's throttle first and reads the latest draft after, so that a slow platform
    gets fewer, newer edits instead of a queue of stale ones. Where a platform lets what is not finished rest
    between two changes, that ends as soon as something else is to be shown. What a message must show in the
    end is written down before it is sent: after a restart the same message is edited, and a last text that
    people may not have seen is sent again.
    """

    def __init__(
        self, store: Repositories, platforms: Mapping[str, Platform], clock: Clock | None = None
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._clock = clock or SystemClock()
        self._replies: dict[str, ShownReply] = {}
        self._lines: dict[Room, _Line] = {}
        self._lost: Lost | None = None

    def serves(self, platform: str) -> bool:
        """Whether people of a platform can be shown anything here."""
        return platform in self._platforms

    def on_lost(self, listener: Lost) -> None:
        """Tell `listener` of jobs that are written for people who cannot be shown it any more."""
        self._lost = listener

    def show(self, job: Job, draft: Reply) -> None:
        """Let people see `draft` soon. Never blocks; a draft not yet sent is replaced."""
        if not self.serves(job.room.platform):
            return  # a platform that is no longer set up: the story is kept, nobody is there to see it
        draft = replace(draft, job=job.id)
        reply = self._replies.setdefault(job.id, ShownReply(job, draft))
        if job.moved > reply.job.moved:
            reply.job = job
        if reply.over and draft.state.is_open:
            return  # a late word about the queue must not cover the end
        if draft.state is not reply.latest.state or reply.over:
            reply.due = 0.0  # the rest was that of what it showed before
        reply.latest, reply.fixed, reply.quiet, reply.dirty = draft, [], False, not reply.dead
        if reply.dead and reply.over:
            self._settle(reply)
        elif reply.dirty:
            reply.settled.clear()
            self._send(reply)

    def forget(self, job_id: str) -> None:
        """Show nothing more of a job: another process does."""
        reply = self._replies.pop(job_id, None)
        if reply is not None:
            reply.dirty = False
            reply.settled.set()

    async def remove_buttons(self, room: Room, but: str | None = None) -> None:
        """Take the buttons from every reply of a room that is over, but that of one job."""
        await self._retire_all(room, [one for one in self._replies.values() if one.job.room == room], but)

    async def _retire_all(self, room: Room, replies: Sequence[ShownReply], but: str | None) -> None:
        if room.platform not in self._platforms:
            return
        for reply in replies:
            if reply.job.id == but or not reply.over or not reply.latest.interactive:
                continue
            if reply.fixed:
                reply.latest = replace(reply.latest, interactive=False)
                reply.fixed = [replace(part, interactive=False) for part in reply.fixed]
                reply.dirty = not reply.dead
                self._send(reply)
            else:
                self.show(reply.job, replace(reply.latest, interactive=False))
        for job_id in dict.fromkeys(row.job_id for row in await self._store.outbox.interactive_in(room)):
            if job_id != but and job_id not in self._replies:
                await self._retire(job_id)

    def waiting(self) -> list[Job]:
        """Jobs whose people are shown that they wait, in the order in which they asked."""
        return [r.job for r in self._replies.values() if r.latest.state is ReplyState.WAITING]

    async def prepare(self, job: Job, draft: Reply) -> None:
        """Write down what a job's last draft will be, before the job itself is over.

        A process that ends between the two then shows it at its next start.
        """
        reply = self._replies.get(job.id)
        if reply is None:
            return
        await self._load(reply)
        for part, piece in enumerate(self._cut(job, replace(draft, job=job.id))):
            await self._promise(reply, part, piece)

    async def run(self) -> None:
        """Deliver what the last process could not, then wait to be cancelled."""
        for job_id in dict.fromkeys([row.job_id for row in await self._store.outbox.undelivered()]):
            await self._recover(job_id)
        await asyncio.Event().wait()

    async def flush(self, job_id: str) -> None:
        """Wait until people see the job's latest draft, or never will."""
        reply = self._replies.get(job_id)
        if reply is not None:
            await reply.settled.wait()

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109  # the house's word for it
        """Give the last texts `timeout` seconds to be sent, then stop."""
        senders = [line.sender for line in self._lines.values() if line.sender is not None]
        if not senders:
            return
        _, late = await asyncio.wait(senders, timeout=timeout)
        for sender in late:
            sender.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # Sending

    def _send(self, reply: ShownReply) -> None:
        room = reply.job.room
        line = self._lines.get(room)
        if line is None:
            self._forget_idle_lines()
            limits = self._platforms[room.platform].limits
            throttle = RateLimiter(limits.changes_per_period, limits.period_s, self._clock)
            line = self._lines[room] = _Line(throttle)
        if line.sender is None:
            line.sender = asyncio.create_task(self._drain(room, line), name=f"outbox {room}")
        if reply.due <= self._clock.now():
            line.wake.set()

    def _forget_idle_lines(self) -> None:
        for room in [r for r, line in self._lines.items() if line.sender is None and line.throttle.idle]:
            del self._lines[room]

    async def _drain(self, room: Room, line: _Line) -> None:
        """Send until nothing in the room is to be sent."""
        failures = 0
        try:
            while reply := self._next(room):
                if (rest_s := reply.due - self._clock.now()) > NO_TIME_S:
                    line.wake.clear()
                    await sleep_until(line.wake, rest_s, self._clock)
                    continue
                try:
                    await self._advance(reply, line.throttle)
                except ToldElsewhere as moved:
                    self._move(room, moved.room)
                except Exception as error:  # noqa: BLE001  # a task's boundary: one reply must not stop a room
                    failures += 1
                    await self._failed(reply, error, failures)
                else:
                    failures = 0
        finally:
            line.sender = None

    def _move(self, room: Room, to: Room) -> None:
        """All that is to be shown in a room is shown in another one."""
        for reply in [one for one in self._replies.values() if one.job.room == room]:
            reply.job = replace(reply.job, room=to)
            if reply.dirty:
                self._send(reply)

    def _next(self, room: Room) -> ShownReply | None:
        now = self._clock.now()
        dirty = [r for r in self._replies.values() if r.dirty and r.job.room == room]
        return min(dirty, key=lambda reply: (max(0.0, reply.due - now), reply.quiet), default=None)

    async def _advance(self, reply: ShownReply, throttle: RateLimiter) -> None:
        """Make one change that brings the room nearer to the reply's latest draft."""
        await self._load(reply)
        if reply.former:
            await throttle.acquire()
            await self._remove_former(reply)
            return
        change = self._change(reply)
        if change is not None and await self._rests(reply, *change):
            return
        if change is not None and not self._looks_right(reply, *change):
            await throttle.acquire()
        # Read again: while the throttle was waited for, the text went on.
        change = self._change(reply)
        if change is None:
            self._settle(reply)
        else:
            await self._apply(reply, *change)

    async def _rests(self, reply: ShownReply, part: int, piece: Reply) -> bool:
        """Whether this change is one of a reply that is not finished, and not due yet."""
        message_id = reply.posted(part)
        if message_id is None or not piece.state.is_open:
            return False
        before = reply.latest.state
        rest_s = await self._platforms[reply.job.room.platform].seconds_until_due(
            reply.job.room, message_id, piece
        )
        if reply.latest.state is not before:
            return not reply.over  # the end came while we asked; anything else has a rest of its own
        reply.due = self._clock.now() + rest_s
        return rest_s > NO_TIME_S

    def _change(self, reply: ShownReply) -> tuple[int, Reply] | None:
        """The first message that does not show what it should, and what that is."""
        parts = reply.fixed or self._cut(reply.job, reply.latest)
        if reply.over:
            # Messages of an earlier attempt that the text no longer fills.
            nothing = Reply(reply.latest.state, NOTHING, job=reply.job.id, interactive=False)
            parts = parts + [nothing] * (reply.known_parts - len(parts))
        return next(
            (
                (part, piece)
                for part, piece in enumerate(parts)
                if reply.shown.get(part) != piece or reply.left(part)
            ),
            None,
        )

    def _looks_right(self, reply: ShownReply, part: int, piece: Reply) -> bool:
        """Whether people see no difference where the message stands."""
        return not reply.left(part) and looks_alike(reply.shown.get(part), piece)

    async def _apply(self, reply: ShownReply, part: int, draft: Reply) -> None:
        job, platform = reply.job, self._platforms[reply.job.room.platform]
        last = not draft.state.is_open
        if last:
            # Written down first: should the process end now, the next one sends it.
            await self._promise(reply, part, draft)
        draft = replace(draft, locale=job.author.locale, asker=job.author)
        message_id = reply.posted(part)
        if message_id is None:
            await self._post(reply, part, draft)
            if part == 0:
                # Not from those that come after it and are over before people see them: one is the end.
                here = [one for one in self._replies.values() if one.job.room == job.room]
                await self._retire_all(job.room, [one for one in here if one.posted(0) or one.fixed], job.id)
        elif not self._looks_right(reply, part, draft):
            await platform.edit(job.room, message_id, draft)
        reply.shown[part] = draft
        reply.known_parts = max(reply.known_parts, part + 1)
        # What waits with a text was broken off: the next process finds here what people can read.
        if last or message_id is None or (draft.state is ReplyState.WAITING and draft.text):
            await self._save(reply, part)

    async def _post(self, reply: ShownReply, part: int, draft: Reply) -> None:
        """Post a part, below the message that showed it so far, if one did: that one is removed next."""
        job, former = reply.job, reply.ids.get(part)
        platform = self._platforms[job.room.platform]
        reply.ids[part] = await platform.post(job.room, draft, key_of(job, part))
        reply.moved[part] = job.moved
        if former is not None and former != reply.ids[part]:
            reply.former[part] = former

    async def _remove_former(self, reply: ShownReply) -> None:
        """Take away a message in whose place another one stands, which is known to the store by now."""
        part, message_id = next(iter(reply.former.items()))
        try:
            await self._platforms[reply.job.room.platform].remove(reply.job.room, message_id)
        except Undeliverable as error:
            _log.warning("a former message of job %s cannot be removed: %s", reply.job.id, error)
        del reply.former[part]
        await self._save(reply, part)

    async def _promise(self, reply: ShownReply, part: int, draft: Reply) -> None:
        if reply.promised.get(part) != draft:
            reply.promised[part] = draft
            await self._save(reply, part)

    async def _save(self, reply: ShownReply, part: int) -> None:
        async with reply.lock:  # each save writes all that is known, so the later one must come later
            shown = reply.shown.get(part)
            draft = reply.promised.get(part) or shown
            if draft is None:
                return
            delivered = draft == shown and not draft.state.is_open
            message_id = reply.ids.get(part)
            moved, former_id = reply.moved.get(part, 0), reply.former.get(part)
            row = OutboxRow(
                reply.job.id, part, reply.job.room, message_id, draft, delivered, moved, former_id
            )
            await self._store.outbox.save(row)

    async def _load(self, reply: ShownReply) -> None:
        """Take over the messages of an earlier process."""
        async with reply.lock:
            if reply.loaded:
                return
            for row in await self._store.outbox.of_job(reply.job.id):
                reply.known_parts = max(reply.known_parts, row.part + 1)
                if row.message_id is not None:
                    reply.ids[row.part], reply.moved[row.part] = row.message_id, row.moved
                if row.former_id is not None:
                    reply.former[row.part] = row.former_id
                if row.delivered:
                    reply.shown[row.part] = row.reply
            reply.loaded = True

    async def _failed(self, reply: ShownReply, error: Exception, failures: int) -> None:
        if isinstance(error, RetryLater):
            pause_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(failures - 1, 10))
            await self._clock.sleep(pause_s if error.after_s is None else error.after_s)
        elif isinstance(error, Undeliverable):
            _log.warning("job %s cannot be shown: %s", reply.job.id, error)
            await self._give_up(reply, error)
        elif failures < MAX_SURPRISES:
            await self._clock.sleep(FIRST_RETRY_S * 2 ** (failures - 1))
        else:
            _log.error("job %s could not be shown", reply.job.id, exc_info=error)
            reply.dead = True
            self._settle(reply)

    async def _give_up(self, reply: ShownReply, error: Undeliverable) -> None:
        """Nobody can be shown this reply any more, and no later start needs to try."""
        reply.dead, unfinished = True, not reply.over
        self._settle(reply)
        try:
            if self._lost is not None and unfinished:
                await self._lost(reply.job, error)
            for row in await self._store.outbox.of_job(reply.job.id):
                await self._store.outbox.save(replace(row, delivered=True, former_id=None))
        except StoreError:
            # The room's other replies go on; the next start finds out again that this one cannot be shown.
            _log.exception("job %s cannot be marked as given up", reply.job.id)

    def _settle(self, reply: ShownReply) -> None:
        """Nothing is to be done for now; a reply whose last draft was shown is forgotten."""
        reply.dirty = False
        reply.settled.set()
        if reply.over:
            self._replies.pop(reply.job.id, None)

    def _cut(self, job: Job, draft: Reply) -> list[Reply]:
        platform = self._platforms[job.room.platform]
        return parts_of(draft, platform.measure, platform.limits.max_units)

    async def _recover(self, job_id: str) -> None:
        """Show the end of a reply whose job is over; an unfinished job's reply is shown by its next run."""
        job = await self._store.jobs.get(job_id)
        if job is None or not job.state.final or job.room.platform not in self._platforms:
            return
        if job_id not in self._replies:
            parts = [closed(row.reply, job.state) for row in await self._store.outbox.of_job(job_id)]
            self._send_parts(job, parts, quiet=False)

    async def _retire(self, job_id: str) -> None:
        """Show the messages of a reply that is over as they are, without buttons."""
        job = await self._store.jobs.get(job_id)
        rows = await self._store.outbox.of_job(job_id)
        if job is not None and job_id not in self._replies:
            parts = [replace(closed(row.reply, job.state), interactive=False) for row in rows]
            self._send_parts(job, parts, quiet=True)

    def _send_parts(self, job: Job, parts: list[Reply], *, quiet: bool) -> None:
        latest = replace(parts[-1], state=LAST_STATE[job.state]) if parts else Reply(LAST_STATE[job.state])
        reply = self._replies[job.id] = ShownReply(job, latest, fixed=parts, quiet=quiet)
        self._send(reply)
