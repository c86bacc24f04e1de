"""The queue: bounds, turns, one job a story, places, stopping."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.core.queue import JobQueue
from bot.domain.chat import Author
from bot.domain.errors import QueueFull, TooManyWaiting
from tests.bot.core.queue.jobs import job


def started(queue: JobQueue) -> list[str]:
    """The ids of all jobs that start when each is done as soon as it started."""
    ids = []
    while taken := queue.take():
        ids.append(taken.id)
        queue.done(taken.id)
    return ids


async def ended(task: asyncio.Task[object]) -> None:
    """Let the loop run until `task` is over."""
    await asyncio.wait({task})


class TestTurns:
    """Who is next."""

    def test_one_persons_jobs_start_in_their_order(self) -> None:
        """First put, first started."""
        queue = JobQueue()
        for name in ("a", "b", "c"):
            queue.put(job(name))

        assert started(queue) == ["a", "b", "c"]

    def test_people_take_turns(self) -> None:
        """Whoever puts many jobs waits behind those who put few."""
        queue = JobQueue()
        for name in ("a1", "a2", "a3"):
            queue.put(job(name, "aki"))
        queue.put(job("b1", "ben"))
        for name in ("c1", "c2"):
            queue.put(job(name, "chie"))

        assert started(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]

    def test_coming_back_does_not_jump_the_line(self) -> None:
        """A person who was just served stands behind everybody who waits."""
        queue = JobQueue()
        queue.put(job("a1", "aki"))
        queue.put(job("b1", "ben"))
        queue.take()
        queue.put(job("a2", "aki"))

        assert started(queue) == ["b1", "a2"]

    def test_the_same_id_on_two_platforms_is_two_people(self) -> None:
        """Ids are a platform's own."""
        queue = JobQueue(per_author=1)
        queue.put(job("a", "1"))
        other = job("b", "1")
        queue.put(replace(other, author=Author("slack", "1", "一")))

        assert len(queue) == 2

    def test_two_jobs_of_a_story_never_run_together(self) -> None:
        """The second is passed over until the first is done, and keeps its turn."""
        queue = JobQueue()
        queue.put(job("a1", "aki", "s"))
        queue.put(job("b1", "ben", "s"))
        queue.put(job("c1", "chie"))
        queue.put(job("d1", "dai"))

        assert [t.id for t in (queue.take(), queue.take()) if t] == ["a1", "c1"]
        queue.done("a1")
        assert started(queue) == ["b1", "d1"]

    def test_a_persons_other_story_need_not_wait(self) -> None:
        """A busy story holds up its own jobs only."""
        queue = JobQueue()
        queue.put(job("a1", "aki", "s"))
        queue.put(job("a2", "aki", "s"))
        queue.put(job("a3", "aki", "t"))
        queue.take()

        assert started(queue) == ["a3"]

    def test_a_job_put_back_is_next(self) -> None:
        """It goes before all others, as it is now, and frees its story."""
        queue = JobQueue()
        queue.put(job("a1", "aki"))
        queue.put(job("b1", "ben"))
        taken = queue.take()
        assert taken is not None
        queue.put_back(replace(taken, attempts=1))

        again = queue.take()
        assert again is not None
        assert (again.id, again.attempts) == ("a1", 1)

    def test_jobs_put_back_keep_their_order(self) -> None:
        """The first that came back starts first."""
        queue = JobQueue()
        for name in ("a", "b", "c"):
            queue.put(job(name, name))
        taken = [queue.take(), queue.take()]
        for one in taken:
            assert one is not None
            queue.put_back(one)

        assert started(queue) == ["a", "b", "c"]

    def test_putting_back_a_waiting_job_changes_nothing(self) -> None:
        """It is in the queue already."""
        queue = JobQueue()
        queue.put(job("a", "aki"))
        queue.put(job("b", "ben"))
        queue.put_back(job("b", "ben"))

        assert started(queue) == ["a", "b"]

    def test_a_job_from_before_a_restart_can_be_put_back(self) -> None:
        """The queue takes it though it never saw it."""
        queue = JobQueue(limit=1)
        queue.put(job("a"))
        queue.put_back(job("old"))

        assert started(queue) == ["old", "a"]


class TestBounds:
    """When enough is enough."""

    def test_a_full_queue_refuses(self) -> None:
        """The error says how many may wait; once one has started there is room."""
        queue = JobQueue(limit=2)
        queue.put(job("a", "aki"))
        queue.put(job("b", "ben"))

        with pytest.raises(QueueFull) as caught:
            queue.put(job("c", "chie"))
        assert caught.value.values == {"limit": 2}

        queue.take()
        queue.put(job("c", "chie"))
        assert len(queue) == 2

    def test_a_person_with_many_waiting_is_refused(self) -> None:
        """Others are not."""
        queue = JobQueue(per_author=2)
        queue.put(job("a1", "aki"))
        queue.put(job("a2", "aki"))

        with pytest.raises(TooManyWaiting) as caught:
            queue.put(job("a3", "aki"))
        assert caught.value.values == {"limit": 2}
        queue.put(job("b1", "ben"))

    def test_running_jobs_do_not_count(self) -> None:
        """What has started does not wait."""
        queue = JobQueue(per_author=1)
        queue.put(job("a1", "aki"))
        queue.take()

        assert queue.put(job("a2", "aki")) == 0

    def test_a_job_is_put_once(self) -> None:
        """Putting it again tells its place, even where the queue is full or it runs."""
        queue = JobQueue(limit=2)
        queue.put(job("a", "aki"))
        queue.put(job("b", "ben"))

        assert queue.put(job("b", "ben")) == 1
        queue.take()
        assert queue.put(job("a", "aki")) == 0
        assert started(queue) == ["b"]

    def test_a_seat_keeps_room(self) -> None:
        """While one person's text is being stored nobody else takes the last place."""
        queue = JobQueue(limit=1)

        with queue.reserve(job("a", "aki").author) as put:
            with pytest.raises(QueueFull):
                queue.put(job("b", "ben"))
            assert put(job("a", "aki")) == 0

        assert started(queue) == ["a"]

    def test_a_seat_counts_for_its_person(self) -> None:
        """Two requests at once cannot both be a person's last one."""
        queue = JobQueue(per_author=1)

        with queue.reserve(job("a", "aki").author), pytest.raises(TooManyWaiting):
            queue.put(job("a2", "aki"))

    def test_a_seat_left_empty_is_free_again(self) -> None:
        """Storing may fail."""
        queue = JobQueue(limit=1)
        with pytest.raises(OSError, match="disk"), queue.reserve(job("a").author):
            raise OSError("disk")

        assert queue.put(job("b", "ben")) == 0

    def test_restored_jobs_know_no_bounds(self) -> None:
        """What was accepted before a restart is kept, in turns as before."""
        queue = JobQueue(limit=1, per_author=1)
        queue.restore([job("a1", "aki"), job("a2", "aki"), job("b1", "ben")])

        assert started(queue) == ["a1", "b1", "a2"]

    @pytest.mark.parametrize("bounds", [(0, 1), (1, 0)])
    def test_bounds_are_positive(self, bounds: tuple[int, int]) -> None:
        """A queue that takes nothing is a mistake."""
        with pytest.raises(ValueError, match="positive"):
            JobQueue(*bounds)


class TestPlaces:
    """What waiting people are told."""

    def test_the_place_counts_who_starts_before(self) -> None:
        """It follows turns, not arrival."""
        queue = JobQueue()
        places = [queue.put(job(name, name[0])) for name in ("a1", "a2", "a3", "b1")]

        assert places == [0, 1, 2, 1]
        assert [queue.place(name) for name in ("a1", "b1", "a2", "a3")] == [0, 1, 2, 3]
        assert [waiting.id for waiting in queue.waiting()] == ["a1", "b1", "a2", "a3"]

    def test_the_job_that_runs_in_the_story_counts(self) -> None:
        """Nobody is told that they start at once while their story is being written to."""
        queue = JobQueue()
        queue.put(job("a", "aki", "s"))
        queue.take()

        assert queue.put(job("b", "ben", "s")) == 1

    def test_running_and_unknown_jobs_have_no_place(self) -> None:
        """They do not wait."""
        queue = JobQueue()
        queue.put(job("a"))
        queue.take()

        assert queue.place("a") is None
        assert queue.place("nobody's") is None

    def test_a_storys_jobs_are_listed(self) -> None:
        """The running one first, then by place."""
        queue = JobQueue()
        for name, person in (("a1", "aki"), ("a2", "aki"), ("b1", "ben")):
            queue.put(job(name, person, "s"))
        queue.put(job("c1", "chie", "t"))
        queue.take()

        assert [one.id for one in queue.jobs_of("s")] == ["a1", "b1", "a2"]
        assert queue.jobs_of("nowhere") == []

    def test_changes_are_told(self) -> None:
        """Each time places changed, and when they did not, nothing is said."""
        queue = JobQueue()
        seen: list[int] = []
        queue.on_change(lambda: seen.append(len(queue)))
        queue.put(job("a"))
        queue.put(job("b"))
        queue.put(job("b"))
        taken = queue.take()
        assert taken is not None
        queue.put_back(taken)
        queue.cancel("b")
        queue.take()
        queue.done("a")
        queue.done("a")

        assert seen == [1, 2, 1, 2, 1, 0, 0]


class TestStopping:
    """Taking a request back."""

    def test_a_waiting_job_is_removed(self) -> None:
        """It never starts."""
        queue = JobQueue()
        queue.put(job("a"))
        queue.put(job("b"))

        assert queue.cancel("a")
        assert started(queue) == ["b"]
        assert not queue.cancel("a")

    def test_a_running_job_is_told_to_stop(self) -> None:
        """It stays until whoever runs it is done."""
        queue = JobQueue()
        queue.put(job("a", story="s"))
        queue.take()
        stop = queue.stop_event("a")
        assert not stop.is_set()

        assert queue.cancel("a")

        assert stop.is_set()
        assert [one.id for one in queue.jobs_of("s")] == ["a"]

    def test_a_stopped_job_that_is_put_back_stays_stopped(self) -> None:
        """The worker may die just after somebody pressed stop."""
        queue = JobQueue()
        queue.put(job("a"))
        taken = queue.take()
        assert taken is not None
        queue.cancel("a")

        queue.put_back(taken)

        assert queue.stop_event("a").is_set()

    def test_a_job_put_back_can_be_cancelled(self) -> None:
        """It waits like any other."""
        queue = JobQueue()
        queue.put(job("a"))
        taken = queue.take()
        assert taken is not None
        queue.put_back(taken)

        assert queue.cancel("a")
        assert queue.take() is None
        assert len(queue) == 0

    def test_an_unknown_job_has_no_stop_event(self) -> None:
        """Asking for it is a mistake of ours."""
        with pytest.raises(KeyError):
            JobQueue().stop_event("nobody's")


class TestWaitingForWork:
    """`get`, as a dispatcher uses it."""

    async def test_get_waits_for_a_job(self) -> None:
        """It returns once one is put."""
        queue = JobQueue()
        getter = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.put(job("a"))

        assert (await getter).id == "a"

    async def test_get_waits_for_a_story(self) -> None:
        """It returns the story's next job once the running one is done."""
        queue = JobQueue()
        queue.put(job("a", "aki", "s"))
        queue.put(job("b", "ben", "s"))
        await queue.get()
        getter = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        assert not getter.done()

        queue.done("a")

        assert (await getter).id == "b"

    async def test_many_getters_share_the_jobs(self) -> None:
        """Each job is taken once, each getter gets one."""
        queue = JobQueue()
        getters = [asyncio.create_task(queue.get()) for _ in range(4)]
        await asyncio.sleep(0)
        for name in ("a", "b", "c", "d"):
            queue.put(job(name))

        assert sorted(one.id for one in await asyncio.gather(*getters)) == ["a", "b", "c", "d"]

    @pytest.mark.parametrize("woken", [False, True])
    async def test_a_cancelled_getter_loses_nothing(self, woken: bool) -> None:
        """Even when it was cancelled in the moment in which a job came."""
        queue = JobQueue()
        first = asyncio.create_task(queue.get())
        second = asyncio.create_task(queue.get())
        await asyncio.sleep(0)

        if woken:
            queue.put(job("a"))
        first.cancel()
        await ended(first)
        queue.put(job("a"))

        assert (await second).id == "a"
        assert queue.take() is None
