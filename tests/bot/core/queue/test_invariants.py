"""What holds of the queue whatever people and the dispatcher do."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from bot.core.queue import JobQueue
from bot.domain.errors import QueueFull, TooManyWaiting
from bot.domain.jobs import Job
from tests.bot.core.queue.jobs import job

LIMIT = 6
PER_AUTHOR = 3

people = st.sampled_from(["aki", "ben", "chie"])
story_names = st.sampled_from(["s", "t", "u", "v"])


class QueueMachine(RuleBasedStateMachine):
    """Puts, takes, puts back, finishes and cancels in any order, beside a plain account of where jobs are."""

    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.queue = JobQueue(LIMIT, PER_AUTHOR)
        self.made = 0
        self.waits: dict[str, Job] = {}
        self.runs: dict[str, Job] = {}
        self.returned: set[str] = set()
        # For each waiting job that was never returned: starts of others' jobs since its person's last start.
        self.passed: dict[str, Counter[str]] = {}

    @rule(person=people, story=story_names)
    def put(self, person: str, story: str) -> None:
        """A job is accepted exactly while there is room."""
        new = job(f"j{self.made}", person, story)
        self.made += 1
        own = sum(waiting.author.id == person for waiting in self.waits.values())
        try:
            place = self.queue.put(new)
        except TooManyWaiting:
            assert own >= PER_AUTHOR
        except QueueFull:
            assert len(self.waits) >= LIMIT
        else:
            assert own < PER_AUTHOR
            assert len(self.waits) < LIMIT
            assert place == self.queue.place(new.id)
            self.waits[new.id] = new
            if not own:
                self.passed[person] = Counter()

    @rule(target=running)
    def take(self) -> object:
        """The next job is one that waits in a free story; none is returned only where there is none."""
        busy = {one.story_id for one in self.runs.values()}
        free = [one for one in self.waits.values() if one.story_id not in busy]
        expected_first = next((one for one in self.queue.waiting() if one.story_id not in busy), None)
        taken = self.queue.take()
        if taken is None:
            assert free == []
            return multiple()
        assert taken in free
        if all(one.story_id not in busy for one in self.waits.values()):
            assert taken == expected_first
        self.runs[taken.id] = self.waits.pop(taken.id)
        self._count_turn(taken)
        return taken.id

    def _count_turn(self, taken: Job) -> None:
        """While a person could have been served, nobody else is served twice."""
        person = taken.author.id
        if taken.id in self.returned:
            self.returned.discard(taken.id)
            return
        busy = {one.story_id for one in self.runs.values() if one.id != taken.id}
        for other, counter in self.passed.items():
            if other == person:
                continue
            could = any(
                one.author.id == other and one.story_id not in busy and one.id not in self.returned
                for one in self.waits.values()
            )
            if could:
                counter[person] += 1
                assert counter[person] <= 1
            else:
                counter.clear()
        self.passed[person] = Counter()

    @rule(job_id=consumes(running))
    def finish(self, job_id: str) -> None:
        """A job that is done is gone and its story free."""
        self.queue.done(job_id)
        self.runs.pop(job_id, None)

    @rule(job_id=consumes(running))
    def put_back(self, job_id: str) -> None:
        """A job that is put back waits again."""
        self.queue.put_back(self.runs[job_id])
        self.waits[job_id] = self.runs.pop(job_id)
        self.returned.add(job_id)
        self._forget_turns()

    @rule(data=st.data())
    def cancel_waiting(self, data: st.DataObject) -> None:
        """A waiting job that is cancelled is gone."""
        if not self.waits:
            return
        job_id = data.draw(st.sampled_from(sorted(self.waits)))
        assert self.queue.cancel(job_id)
        del self.waits[job_id]
        self.returned.discard(job_id)
        self._forget_turns()

    @rule(job_id=running)
    def cancel_running(self, job_id: str) -> None:
        """A running job that is cancelled runs on with its event set."""
        if job_id in self.runs:
            assert self.queue.cancel(job_id)
            assert self.queue.stop_event(job_id).is_set()

    def _forget_turns(self) -> None:
        for counter in self.passed.values():
            counter.clear()

    @invariant()
    def no_job_is_lost_or_made_up(self) -> None:
        """The queue holds exactly the jobs that wait and run."""
        assert {one.id for one in self.queue.waiting()} == set(self.waits)
        assert len(self.queue) == len(self.waits)
        listed = [one.id for story in ("s", "t", "u", "v") for one in self.queue.jobs_of(story)]
        assert sorted(listed) == sorted([*self.waits, *self.runs])

    @invariant()
    def a_story_is_written_by_one_job(self) -> None:
        """No two running jobs share a story."""
        stories = Counter(one.story_id for one in self.runs.values())
        assert not stories or max(stories.values()) == 1

    @invariant()
    def places_are_consecutive(self) -> None:
        """Each waiting job's place is its index, one more where its story is busy."""
        busy = {one.story_id for one in self.runs.values()}
        for index, one in enumerate(self.queue.waiting()):
            assert self.queue.place(one.id) == index + (one.story_id in busy)


QueueMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueue = QueueMachine.TestCase
