"""Replies on their way to people: the latest text only, within the platform's limits; the last one always."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from bot.aio.cancellation import sleep_until
from bot.aio.clock import Clock, SystemClock
from bot.aio.rate_limit import NO_TIME_S, RateLimiter
from bot.aio.retry import Backoff
from bot.core.reply_delivery import FINAL_STATES, ReplyDelivery, as_final, idempotency_key, looks_same
from bot.domain.chat import Room
from bot.domain.errors import RetryLater, RoomMoved, StoreError, Undeliverable
from bot.domain.jobs import Job
from bot.domain.ports import Platform
from bot.domain.replies import OutboxRow, Reply, ReplyState
from bot.domain.repositories import Repositories
from bot.text.message_split import EMPTY_MESSAGE, split_message

_BACKOFF = Backoff(1.0, 60.0)
MAX_UNEXPECTED_ERRORS = 5
"""Errors that no platform should raise, before a reply is given up until the next start."""

Lost = Callable[[Job, Undeliverable], Awaitable[None]]
"""Told of an unfinished job whose reply cannot be shown, and why."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _RoomSender:
    """The way into one room: one change at a time."""

    throttle: RateLimiter
    task: asyncio.Task[None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Outbox:
    """Shows replies in rooms.

    One task a room takes the room's throttle first and reads the latest reply after, so that a slow platform
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
        self._deliveries: dict[str, ReplyDelivery] = {}
        self._senders: dict[Room, _RoomSender] = {}
        self._lost: Lost | None = None

    def serves(self, platform: str) -> bool:
        """Whether people of a platform can be shown anything here."""
        return platform in self._platforms

    def on_lost(self, listener: Lost) -> None:
        """Tell `listener` of jobs that are written for people who cannot be shown it any more."""
        self._lost = listener

    def show(self, job: Job, reply: Reply) -> None:
        """Let people see `reply` soon. Never blocks; a reply not yet sent is replaced."""
        if not self.serves(job.room.platform):
            return  # a platform that is no longer set up: the story is kept, nobody is there to see it
        reply = replace(reply, job=job.id)
        delivery = self._deliveries.setdefault(job.id, ReplyDelivery(job, reply))
        if job.moved > delivery.job.moved:
            delivery.job = job
        if delivery.is_final and reply.state.is_open:
            return  # a late word about the queue must not cover the end
        if reply.state is not delivery.latest.state or delivery.is_final:
            delivery.due = 0.0  # the rest was that of what it showed before
        delivery.replace_with(reply)
        if delivery.undeliverable and delivery.is_final:
            self._mark_settled(delivery)
        elif delivery.dirty:
            delivery.settled.clear()
            self._send(delivery)

    def forget(self, job_id: str) -> None:
        """Show nothing more of a job: another process does."""
        delivery = self._deliveries.pop(job_id, None)
        if delivery is not None:
            delivery.dirty = False
            delivery.settled.set()

    async def remove_buttons(self, room: Room, but: str | None = None) -> None:
        """Take the buttons from every reply of a room that is over, but that of one job."""
        await self._remove_buttons_of(room, self._in(room), but)

    async def _remove_buttons_of(
        self, room: Room, deliveries: Sequence[ReplyDelivery], but: str | None
    ) -> None:
        if room.platform not in self._platforms:
            return
        for delivery in deliveries:
            if delivery.job.id == but or not delivery.is_final or not delivery.latest.interactive:
                continue
            if delivery.fixed_parts:
                delivery.latest = replace(delivery.latest, interactive=False)
                delivery.fixed_parts = [replace(part, interactive=False) for part in delivery.fixed_parts]
                delivery.dirty = not delivery.undeliverable
                self._send(delivery)
            else:
                self.show(delivery.job, replace(delivery.latest, interactive=False))
        for job_id in dict.fromkeys(row.job_id for row in await self._store.outbox.interactive_in(room)):
            if job_id != but and job_id not in self._deliveries:
                await self._remove_stored_buttons(job_id)

    async def prepare(self, job: Job, reply: Reply) -> None:
        """Write down what a job's last reply will be, before the job itself is over.

        A process that ends between the two then shows it at its next start.
        """
        delivery = self._deliveries.get(job.id)
        if delivery is None:
            return
        await self._load(delivery)
        for part, piece in enumerate(self._split(job, replace(reply, job=job.id))):
            await self._save_promise(delivery, part, piece)

    async def run(self) -> None:
        """Deliver what the last process could not, then wait to be cancelled."""
        for job_id in dict.fromkeys([row.job_id for row in await self._store.outbox.undelivered()]):
            await self._recover(job_id)
        await asyncio.Event().wait()

    async def flush(self, job_id: str) -> None:
        """Wait until people see the job's latest reply, or never will."""
        delivery = self._deliveries.get(job_id)
        if delivery is not None:
            await delivery.settled.wait()

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109  # the house's word for it
        """Give the last texts `timeout` seconds to be sent, then stop."""
        senders = [sender.task for sender in self._senders.values() if sender.task is not None]
        if not senders:
            return
        _, late = await asyncio.wait(senders, timeout=timeout)
        for sender in late:
            sender.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # Sending

    def _send(self, delivery: ReplyDelivery) -> None:
        room = delivery.job.room
        sender = self._senders.get(room)
        if sender is None:
            self._forget_idle_senders()
            limits = self._platforms[room.platform].limits
            throttle = RateLimiter(limits.changes_per_period, limits.period_s, self._clock)
            sender = self._senders[room] = _RoomSender(throttle)
        if sender.task is None:
            sender.task = asyncio.create_task(self._drain(room, sender), name=f"outbox {room}")
        if delivery.due <= self._clock.now():
            sender.wake.set()

    def _forget_idle_senders(self) -> None:
        for room in [
            r for r, sender in self._senders.items() if sender.task is None and sender.throttle.idle
        ]:
            del self._senders[room]

    async def _drain(self, room: Room, sender: _RoomSender) -> None:
        """Send until nothing in the room is to be sent."""
        failures = 0
        try:
            while delivery := self._next(room):
                if (rest_s := delivery.due - self._clock.now()) > NO_TIME_S:
                    sender.wake.clear()
                    await sleep_until(sender.wake, rest_s, self._clock)
                    continue
                try:
                    await self._advance(delivery, sender.throttle)
                except RoomMoved as moved:
                    self._move(room, moved.room)
                except Exception as error:  # noqa: BLE001  # a task's boundary: one reply must not stop a room
                    failures += 1
                    await self._failed(delivery, error, failures)
                else:
                    failures = 0
        finally:
            sender.task = None

    def _move(self, room: Room, to: Room) -> None:
        """All that is to be shown in a room is shown in another one."""
        for delivery in self._in(room):
            delivery.job = replace(delivery.job, room=to)
            if delivery.dirty:
                self._send(delivery)

    def _next(self, room: Room) -> ReplyDelivery | None:
        now = self._clock.now()
        dirty = [one for one in self._in(room) if one.dirty]
        return min(dirty, key=lambda one: (max(0.0, one.due - now), one.background), default=None)

    def _in(self, room: Room) -> list[ReplyDelivery]:
        return [one for one in self._deliveries.values() if one.job.room == room]

    async def _advance(self, delivery: ReplyDelivery, throttle: RateLimiter) -> None:
        """Make one change that brings the room nearer to the reply's latest reply."""
        await self._load(delivery)
        if delivery.former:
            await throttle.acquire()
            await self._remove_former(delivery)
            return
        change = self._change(delivery)
        if change is not None and await self._is_not_due(delivery, *change):
            return
        if change is not None and not self._looks_same_there(delivery, *change):
            await throttle.acquire()
        # Read again: while the throttle was waited for, the text went on.
        change = self._change(delivery)
        if change is None:
            self._mark_settled(delivery)
        else:
            await self._apply(delivery, *change)

    async def _is_not_due(self, delivery: ReplyDelivery, part: int, piece: Reply) -> bool:
        """Whether this change is one of a reply that is not finished, and not due yet."""
        message_id = delivery.message_to_edit(part)
        if message_id is None or not piece.state.is_open:
            return False
        before = delivery.latest.state
        rest_s = await self._platforms[delivery.job.room.platform].seconds_until_due(
            delivery.job.room, message_id, piece
        )
        if delivery.latest.state is not before:
            return not delivery.is_final  # the end came while we asked; anything else has a rest of its own
        delivery.due = self._clock.now() + rest_s
        return rest_s > NO_TIME_S

    def _change(self, delivery: ReplyDelivery) -> tuple[int, Reply] | None:
        """The first message that does not show what it should, and what that is."""
        parts = delivery.fixed_parts or self._split(delivery.job, delivery.latest)
        if delivery.is_final:
            # Messages of an earlier attempt that the text no longer fills.
            nothing = Reply(delivery.latest.state, EMPTY_MESSAGE, job=delivery.job.id, interactive=False)
            parts = parts + [nothing] * (delivery.known_parts - len(parts))
        for part, piece in enumerate(parts):
            if delivery.shown.get(part) != piece or delivery.is_above(part):
                return part, piece
        return None

    def _looks_same_there(self, delivery: ReplyDelivery, part: int, piece: Reply) -> bool:
        """Whether people see no difference where the message stands."""
        return not delivery.is_above(part) and looks_same(delivery.shown.get(part), piece)

    async def _apply(self, delivery: ReplyDelivery, part: int, reply: Reply) -> None:
        job, platform = delivery.job, self._platforms[delivery.job.room.platform]
        last = not reply.state.is_open
        if last:
            # Written down first: should the process end now, the next one sends it.
            await self._save_promise(delivery, part, reply)
        reply = replace(reply, locale=job.author.locale, asker=job.author)
        message_id = delivery.message_to_edit(part)
        if message_id is None:
            await self._post(delivery, part, reply)
            if part == 0:
                # Not from those that come after it and are over before people see them: one is the end.
                seen = [one for one in self._in(job.room) if one.message_to_edit(0) or one.fixed_parts]
                await self._remove_buttons_of(job.room, seen, job.id)
        elif not self._looks_same_there(delivery, part, reply):
            await platform.edit(job.room, message_id, reply)
        delivery.shown[part] = reply
        delivery.known_parts = max(delivery.known_parts, part + 1)
        # What waits with a text was broken off: the next process finds here what people can read.
        if last or message_id is None or (reply.state is ReplyState.WAITING and reply.text):
            await self._save(delivery, part)

    async def _post(self, delivery: ReplyDelivery, part: int, reply: Reply) -> None:
        """Post a part, below the message that showed it so far, if one did: that one is removed next."""
        job, former = delivery.job, delivery.ids.get(part)
        platform = self._platforms[job.room.platform]
        delivery.ids[part] = await platform.post(job.room, reply, idempotency_key(job, part))
        delivery.moved[part] = job.moved
        if former is not None and former != delivery.ids[part]:
            delivery.former[part] = former

    async def _remove_former(self, delivery: ReplyDelivery) -> None:
        """Take away a message in whose place another one stands, which is known to the store by now."""
        part, message_id = next(iter(delivery.former.items()))
        try:
            await self._platforms[delivery.job.room.platform].remove(delivery.job.room, message_id)
        except Undeliverable as error:
            _log.warning("a former message of job %s cannot be removed: %s", delivery.job.id, error)
        del delivery.former[part]
        await self._save(delivery, part)

    async def _save_promise(self, delivery: ReplyDelivery, part: int, reply: Reply) -> None:
        if delivery.promised.get(part) != reply:
            delivery.promised[part] = reply
            await self._save(delivery, part)

    async def _save(self, delivery: ReplyDelivery, part: int) -> None:
        async with delivery.lock:  # each save writes all that is known, so the later one must come later
            shown_now = delivery.shown.get(part)
            reply = delivery.promised.get(part) or shown_now
            if reply is None:
                return
            delivered = reply == shown_now and not reply.state.is_open
            message_id = delivery.ids.get(part)
            moved, former_id = delivery.moved.get(part, 0), delivery.former.get(part)
            row = OutboxRow(
                delivery.job.id, part, delivery.job.room, message_id, reply, delivered, moved, former_id
            )
            await self._store.outbox.save(row)

    async def _load(self, delivery: ReplyDelivery) -> None:
        """Take over the messages of an earlier process."""
        async with delivery.lock:
            if delivery.loaded:
                return
            for row in await self._store.outbox.of_job(delivery.job.id):
                delivery.known_parts = max(delivery.known_parts, row.part + 1)
                if row.message_id is not None:
                    delivery.ids[row.part], delivery.moved[row.part] = row.message_id, row.moved
                if row.former_id is not None:
                    delivery.former[row.part] = row.former_id
                if row.delivered:
                    delivery.shown[row.part] = row.reply
            delivery.loaded = True

    async def _failed(self, delivery: ReplyDelivery, error: Exception, failures: int) -> None:
        if isinstance(error, RetryLater):
            await self._clock.sleep(_BACKOFF.wait_s(failures) if error.after_s is None else error.after_s)
        elif isinstance(error, Undeliverable):
            _log.warning("job %s cannot be shown: %s", delivery.job.id, error)
            await self._give_up(delivery, error)
        elif failures < MAX_UNEXPECTED_ERRORS:
            await self._clock.sleep(_BACKOFF.wait_s(failures))
        else:
            _log.error("job %s could not be shown", delivery.job.id, exc_info=error)
            delivery.undeliverable = True
            self._mark_settled(delivery)

    async def _give_up(self, delivery: ReplyDelivery, error: Undeliverable) -> None:
        """Nobody can be shown this reply any more, and no later start needs to try."""
        delivery.undeliverable, unfinished = True, not delivery.is_final
        self._mark_settled(delivery)
        try:
            if self._lost is not None and unfinished:
                await self._lost(delivery.job, error)
            for row in await self._store.outbox.of_job(delivery.job.id):
                await self._store.outbox.save(replace(row, delivered=True, former_id=None))
        except StoreError:
            # The room's other replies go on; the next start finds out again that this one cannot be shown.
            _log.exception("job %s cannot be marked as given up", delivery.job.id)

    def _mark_settled(self, delivery: ReplyDelivery) -> None:
        """Nothing is to be done for now; a reply whose last reply was shown is forgotten."""
        delivery.dirty = False
        delivery.settled.set()
        if delivery.is_final:
            self._deliveries.pop(delivery.job.id, None)

    def _split(self, job: Job, reply: Reply) -> list[Reply]:
        platform = self._platforms[job.room.platform]
        return split_message(reply, platform.measure, platform.limits.max_units)

    async def _recover(self, job_id: str) -> None:
        """Show the end of a reply whose job is over; an unfinished job's reply is shown by its next run."""
        job = await self._store.jobs.get(job_id)
        if job is None or not job.state.final or job.room.platform not in self._platforms:
            return
        if job_id not in self._deliveries:
            parts = [as_final(row.reply, job.state) for row in await self._store.outbox.of_job(job_id)]
            self._send_parts(job, parts, background=False)

    async def _remove_stored_buttons(self, job_id: str) -> None:
        """Show the messages of a reply that is over as they are, without buttons."""
        job = await self._store.jobs.get(job_id)
        rows = await self._store.outbox.of_job(job_id)
        if job is not None and job_id not in self._deliveries:
            parts = [replace(as_final(row.reply, job.state), interactive=False) for row in rows]
            self._send_parts(job, parts, background=True)

    def _send_parts(self, job: Job, parts: list[Reply], *, background: bool) -> None:
        state = FINAL_STATES[job.state]
        latest = replace(parts[-1], state=state) if parts else Reply(state)
        self._deliveries[job.id] = ReplyDelivery(job, latest, fixed_parts=parts, background=background)
        self._send(self._deliveries[job.id])
