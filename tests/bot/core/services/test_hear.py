"""What becomes of what people write and ask for."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.domain.chat import Author, Room
from bot.domain.errors import (
    EmptyPrompt,
    EngineLoading,
    EngineUnavailable,
    FileTooLong,
    QueueFull,
    TextTooLong,
    TooManyWaiting,
    UnknownPreset,
    UnreadableText,
)
from bot.domain.jobs import GenerationOptions, JobReceipt, JobState, Length
from bot.domain.replies import Reply, ReplyState
from tests.bot.core.services.stage import AKI, BEN, ROOM, Stage, says


async def test_a_message_without_an_ask_is_kept(stage: Stage) -> None:
    """It becomes part of the story, and nothing is queued or shown."""
    assert await stage.services.generation.receive_message(says("  雨。\n"), None) is None

    assert await stage.texts() == ["  雨。\n"]
    assert len(stage.queue) == 0
    assert stage.shown == []
    assert stage.engine.read == []


async def test_an_ask_is_queued_and_shown(stage: Stage) -> None:
    """The ticket, the store, the queue and what people see tell of the same job."""
    ticket = await stage.services.generation.receive_message(says("雨。"), GenerationOptions(Length.SHORT))

    assert ticket is not None
    job = await stage.store.jobs.get(ticket.job_id)
    assert job is not None
    assert ticket == JobReceipt(job.id, job.story_id, 0)
    assert (job.author, job.room, job.options.length) == (AKI, ROOM, Length.SHORT)
    assert stage.queue.waiting() == [job]
    assert stage.shown == [(job.id, Reply(ReplyState.WAITING, note="ja play.starting"))]


async def test_waiting_people_are_told_their_place(stage: Stage) -> None:
    """In their language."""
    await stage.services.generation.receive_message(says("雨。"), GenerationOptions())
    ticket = await stage.services.generation.receive_message(says("風。", "e2", BEN), GenerationOptions())

    assert ticket is not None
    assert ticket.place == 1
    assert stage.shown[-1] == (ticket.job_id, Reply(ReplyState.WAITING, note="en play.place place=1"))


async def test_an_ask_without_text_goes_on(stage: Stage) -> None:
    """A story that has text needs no more; the model is not asked to read nothing."""
    await stage.services.generation.receive_message(says("雨。"), None)

    ticket = await stage.services.generation.receive_message(says(" ", "e2"), GenerationOptions())

    assert ticket is not None
    assert await stage.texts() == ["雨。"]
    assert stage.engine.read == []


async def test_nothing_cannot_be_continued(stage: Stage) -> None:
    """Neither in a new room nor in one where only the asking happened."""
    for event in ("e1", "e2"):
        with pytest.raises(EmptyPrompt):
            await stage.services.generation.receive_message(says("　\n", event), GenerationOptions())

    assert await stage.store.stories.open_in(ROOM) is None


async def test_blank_messages_are_not_kept(stage: Stage) -> None:
    """They would be empty passages."""
    assert await stage.services.generation.receive_message(says(" \u200b"), None) is None

    assert await stage.store.stories.open_in(ROOM) is None


@pytest.mark.parametrize("ask", [None, GenerationOptions()])
async def test_a_text_over_the_limit_is_refused(stage: Stage, ask: GenerationOptions | None) -> None:
    """One at the limit is not."""
    with pytest.raises(TextTooLong) as caught:
        await stage.services.generation.receive_message(says("あ" * 21), ask)

    assert caught.value.values == {"limit": 20, "length": 21}
    assert await stage.texts() == []
    await stage.services.generation.receive_message(says("あ" * 20), ask)
    assert await stage.texts() == ["あ" * 20]


async def test_text_that_cannot_be_kept_is_marked_before_it_is_read(stage: Stage) -> None:
    """Half a surrogate pair would break the request to the engine."""
    await stage.services.generation.receive_message(says("あ\ud800"), GenerationOptions())

    assert stage.engine.read == ["あ\ufffd"]
    assert await stage.texts() == ["あ\ufffd"]


async def test_only_what_the_model_is_sent_is_read(stage: Stage) -> None:
    """Characters of an aside or of ruby are no holes in the story; the text is kept as it was written."""
    await stage.services.generation.receive_message(says("蒸《む》し暑い。\n// 晩に"), GenerationOptions())

    assert stage.engine.read == ["蒸し暑い。"]
    assert await stage.texts() == ["蒸《む》し暑い。\n// 晩に"]


class TestAsks:
    """What can be asked for."""

    @pytest.mark.parametrize(
        ("typed", "preset"),
        [
            ("堅実", "steady"),
            ("標準", "standard"),
            ("冒険", "bold"),
            ("Bold ", "bold"),
            ("ｓｔｅａｄｙ", "steady"),
            ("quickstart", "quickstart"),
        ],
    )
    async def test_presets_have_names_in_both_languages(self, stage: Stage, typed: str, preset: str) -> None:
        """However they are typed."""
        ticket = await stage.services.generation.receive_message(
            says("雨。"), GenerationOptions(preset=typed)
        )

        assert ticket is not None
        job = await stage.store.jobs.get(ticket.job_id)
        assert job is not None
        assert job.options.preset == preset

    @pytest.mark.parametrize(
        ("author", "known"),
        [(AKI, "堅実、標準、冒険"), (BEN, "steady, standard, bold, quickstart")],
    )
    async def test_an_unknown_preset_is_refused(self, stage: Stage, author: Author, known: str) -> None:
        """The error names those that there are, in the person's language, and nothing is kept."""
        with pytest.raises(UnknownPreset) as caught:
            await stage.services.generation.receive_message(
                says("雨。", author=author), GenerationOptions(preset="激辛")
            )

        assert caught.value.values == {"name": "激辛", "known": known}
        assert await stage.texts() == []

    @pytest.mark.parametrize(("asked", "given"), [(-1, 1), (0, 1), (1, 1), (5, 5), (6, 5)])
    async def test_candidates_are_one_to_five(self, stage: Stage, asked: int, given: int) -> None:
        """More or fewer are brought into the range."""
        ticket = await stage.services.generation.receive_message(
            says("雨。"), GenerationOptions(candidates=asked)
        )

        assert ticket is not None
        job = await stage.store.jobs.get(ticket.job_id)
        assert job is not None
        assert job.options.candidates == given

    @pytest.mark.parametrize(
        ("chosen", "kept"), [(None, 42), (0, 0), (7, 7), (-1, 2**63 - 1), (2**80 + 5, 5)]
    )
    async def test_a_seed_is_drawn_or_kept(self, stage: Stage, chosen: int | None, kept: int) -> None:
        """Whatever number somebody typed fits."""
        ticket = await stage.services.generation.receive_message(says("雨。"), GenerationOptions(seed=chosen))

        assert ticket is not None
        job = await stage.store.jobs.get(ticket.job_id)
        assert job is not None
        assert job.seed == kept


class TestReading:
    """What the model sees of a text."""

    async def test_the_ticket_tells_what_the_model_cannot_see(self, stage: Stage) -> None:
        """The text itself stays as written."""
        stage.engine.unseen = ("晩", "惚")

        ticket = await stage.services.generation.receive_message(says("蒸し暑い晩。"), GenerationOptions())

        assert ticket is not None
        assert ticket.unknown == ("晩",)
        assert await stage.texts() == ["蒸し暑い晩。"]

    async def test_the_ticket_tells_what_the_model_may_not_write(self, stage: Stage) -> None:
        """Each character once to each writer, with the language that it belongs to."""
        stage.engine.unwritable = ("한", "é")

        first = await stage.services.generation.receive_message(says("한국。", "e1"), GenerationOptions())
        second = await stage.services.generation.count_tokens(says("한", "e2"))
        third = await stage.services.generation.count_tokens(says("한é", "e3"))

        assert first is not None
        assert (first.unwritable, first.languages_needed, first.needs_warning) == (("한",), ("ko",), True)
        assert (second.unwritable, second.languages_needed, second.needs_warning) == ((), (), False)
        assert third.unwritable == ("é",)

    async def test_a_text_is_kept_before_the_model_is_asked_about_it(self, stage: Stage) -> None:
        """A process that ends meanwhile loses nothing; what the model cannot see is told all the same."""
        stage.engine.unseen = ("晩",)
        hearing = asyncio.create_task(
            stage.services.generation.receive_message(says("蒸し暑い晩。"), GenerationOptions())
        )
        while not stage.engine.read:
            await asyncio.sleep(0)
        assert len(stage.queue) == 1
        ticket = await hearing
        assert ticket is not None
        assert ticket.unknown == ("晩",)

    async def test_what_is_only_written_can_be_read_before(self, stage: Stage) -> None:
        """Nothing is refused for it; what its writer used before is not named again, asides never are."""
        stage.engine.unseen = ("晩", "惚")
        first, second = says("晩、惚れた。\n（（鱻））", "e1"), says("晩に惚れた。", "e2")

        assert (await stage.services.generation.count_tokens(first)).unknown == ("晩", "惚")
        await stage.services.generation.receive_message(first, None)
        assert (await stage.services.generation.count_tokens(second)).unknown == ()
        assert (await stage.services.generation.count_tokens(replace(second, author=BEN))).unknown == (
            "晩",
            "惚",
        )
        assert (await stage.services.generation.count_tokens(says("晩", "e3", BEN))).unknown == ("晩",)
        assert (await stage.services.generation.count_tokens(says("((晩))", "e4", BEN))).unknown == ()

    async def test_a_text_that_the_model_cannot_see_at_all_is_refused(self, stage: Stage) -> None:
        """Spaces between its characters do not save it; nothing is kept or queued."""
        stage.engine.unseen = ("𓀀", "𓁀")

        with pytest.raises(UnreadableText) as caught:
            await stage.services.generation.receive_message(says("𓀀 𓁀\n𓀀"), GenerationOptions())

        assert caught.value.values == {"characters": "𓀀𓁀"}
        assert await stage.texts() == []
        assert len(stage.queue) == 0

    @pytest.mark.parametrize("error", [EngineLoading(percent=40), EngineUnavailable()])
    async def test_an_engine_in_trouble_stops_nobody(
        self, stage: Stage, error: EngineLoading | EngineUnavailable
    ) -> None:
        """The job is queued without the hint."""
        stage.engine.error = error

        ticket = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())

        assert ticket is not None
        assert ticket.unknown == ()

    async def test_what_could_not_be_read_in_time_is_told_later(self, stage: Stage) -> None:
        """Once the model is there, with whatever its writer asks for next; once."""
        stage.engine.unseen, stage.engine.error = ("晩", "惚"), EngineLoading(percent=40)
        asks = (says("蒸し暑い晩。"), says("", "e2", BEN), says("", "e3"), says("晩。", "e4"))
        told = []
        for message in asks:
            ticket = await stage.services.generation.receive_message(message, GenerationOptions())
            assert ticket is not None
            told.append(ticket.unknown)
            stage.engine.error = None
            stage.queue.cancel(ticket.job_id)

        assert told == [(), (), ("晩",), ()]

    async def test_a_slow_engine_stops_nobody(self, stage: Stage) -> None:
        """It is given a moment only."""
        stage.engine.hangs = True

        assert await stage.services.generation.receive_message(says("雨。"), GenerationOptions()) is not None


class TestBounds:
    """A queue without room."""

    async def test_a_full_queue_refuses_before_anything_is_kept(self, stage: Stage) -> None:
        """So that sending it again does not double the text."""
        for i in range(4):
            await stage.services.generation.receive_message(
                says("雨。", f"e{i}", Author("web", f"{i}", "")), GenerationOptions()
            )

        with pytest.raises(QueueFull):
            await stage.services.generation.receive_message(says("風。", "late"), GenerationOptions())

        assert "風。" not in await stage.texts()
        await stage.services.generation.receive_message(says("風。", "later"), None)
        assert "風。" in await stage.texts()

    async def test_one_person_cannot_fill_the_queue(self, stage: Stage) -> None:
        """Others still get in."""
        for i in range(3):
            await stage.services.generation.receive_message(says("雨。", f"e{i}"), GenerationOptions())

        with pytest.raises(TooManyWaiting):
            await stage.services.generation.receive_message(says("風。", "e3"), GenerationOptions())
        assert (
            await stage.services.generation.receive_message(says("海。", "e4", BEN), GenerationOptions())
            is not None
        )

    async def test_the_last_place_is_given_once(self, stage: Stage) -> None:
        """Of ten people at once four are accepted, and only their texts are kept."""
        outcomes = await asyncio.gather(
            *(
                stage.services.generation.receive_message(
                    says(f"{i}", f"e{i}", Author("web", f"{i}", "")), GenerationOptions()
                )
                for i in range(10)
            ),
            return_exceptions=True,
        )

        accepted = [str(i) for i, outcome in enumerate(outcomes) if isinstance(outcome, JobReceipt)]
        assert len(accepted) == 4
        assert sorted(await stage.texts()) == accepted
        assert [type(o) for o in outcomes if not isinstance(o, JobReceipt)] == [QueueFull] * 6

    async def test_a_failing_store_gives_the_place_back(self, stage: Stage) -> None:
        """The person would else have too many waiting after three failures."""
        await stage.store.close()
        for i in range(5):
            with pytest.raises(Exception, match="closed"):
                await stage.services.generation.receive_message(says("雨。", f"e{i}"), GenerationOptions())

        assert len(stage.queue) == 0


class TestRepeats:
    """Platforms send events again when in doubt."""

    async def test_a_repeated_event_is_queued_once(self, stage: Stage) -> None:
        """The second ticket is the first's, marked."""
        first = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())
        second = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())

        assert first is not None
        assert second == JobReceipt(first.job_id, first.story_id, 0, repeated=True)
        assert len(stage.queue) == 1
        assert len(stage.shown) == 1
        assert await stage.texts() == ["雨。"]

    async def test_a_repeated_event_is_no_new_request(self, stage: Stage) -> None:
        """A queue that is full by now does not refuse what it has accepted."""
        tickets = [
            await stage.services.generation.receive_message(says("雨。", f"e{i}"), GenerationOptions())
            for i in range(3)
        ]

        again = await stage.services.generation.receive_message(says("雨。", "e0"), GenerationOptions())

        assert again is not None
        assert again.repeated
        assert tickets[0] is not None
        assert again.job_id == tickets[0].job_id

    async def test_a_finished_job_is_not_queued_again(self, stage: Stage) -> None:
        """A very late redelivery finds it done."""
        ticket = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())
        assert ticket is not None
        stage.queue.take()
        await stage.store.jobs.complete(ticket.job_id, ["風。"])
        stage.queue.done(ticket.job_id)

        again = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())

        assert again is not None
        assert again.repeated
        assert len(stage.queue) == 0

    async def test_an_event_that_asked_for_nothing_stays_so(self, stage: Stage) -> None:
        """What was heard once is not heard differently later."""
        await stage.services.generation.receive_message(says("雨。"), None)

        ticket = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())

        assert ticket is not None
        assert (ticket.repeated, ticket.job_id) == (True, "")
        assert len(stage.queue) == 0

    async def test_a_caller_who_goes_away_leaves_a_queued_job(self, stage: Stage) -> None:
        """What is kept is in the queue, whoever waits for the answer."""
        caller = asyncio.create_task(
            stage.services.generation.receive_message(says("雨。"), GenerationOptions())
        )
        queued = asyncio.Event()
        stage.queue.on_change(queued.set)
        while not stage.engine.read:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait({caller})
        assert caller.cancelled()

        await queued.wait()

        (job,) = await stage.store.jobs.unfinished()
        assert stage.queue.waiting() == [job]
        assert [job_id for job_id, _ in stage.shown] == [job.id]


class TestReadingStories:
    """What rooms and platforms hold."""

    async def test_a_rooms_story_is_read(self, stage: Stage) -> None:
        """None where nobody wrote."""
        assert await stage.services.stories.open_in(ROOM) is None
        await stage.services.generation.receive_message(says("雨。"), None)

        story = await stage.services.stories.open_in(ROOM)
        assert story is not None
        assert [passage.text for passage in story.passages] == ["雨。"]

    async def test_a_platforms_stories_are_listed(self, stage: Stage) -> None:
        """Only its own."""
        await stage.services.generation.receive_message(says("雨。"), None)
        await stage.services.generation.receive_message(says("風。", "e2", room=Room("slack", "T/C/1")), None)

        assert [story.room for story in await stage.services.stories.find("web")] == [ROOM]


class TestCancelling:
    """Stopping what was asked for."""

    async def test_waiting_jobs_wait_no_more(self, stage: Stage) -> None:
        """Their end is left to the writer, who knows what people saw of them."""
        first = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())
        second = await stage.services.generation.receive_message(says("風。", "e2", BEN), GenerationOptions())
        assert first is not None
        assert second is not None

        assert await stage.services.generation.cancel(ROOM, AKI)

        assert len(stage.queue) == 0
        assert stage.writer.ended == [first.job_id, second.job_id]

    async def test_a_running_job_is_told_to_stop(self, stage: Stage) -> None:
        """Its end is left to whoever runs it."""
        ticket = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())
        assert ticket is not None
        stage.queue.take()
        await stage.store.jobs.claim(ticket.job_id)
        stage.shown.clear()

        assert await stage.services.generation.cancel(ROOM, AKI)

        assert stage.queue.stop_event(ticket.job_id).is_set()
        job = await stage.store.jobs.get(ticket.job_id)
        assert job is not None
        assert job.state is JobState.RUNNING
        assert stage.shown == []
        assert stage.writer.ended == []

    async def test_other_rooms_go_on(self, stage: Stage) -> None:
        """Only the room's own jobs are stopped."""
        await stage.services.generation.receive_message(says("雨。"), GenerationOptions())
        await stage.services.generation.receive_message(
            says("風。", "e2", room=Room("web", "sea")), GenerationOptions()
        )

        await stage.services.generation.cancel(ROOM, AKI)

        assert [job.room.id for job in stage.queue.waiting()] == ["sea"]

    async def test_there_may_be_nothing_to_stop(self, stage: Stage) -> None:
        """In a room without a story as in one where nothing was asked for."""
        assert not await stage.services.generation.cancel(ROOM, AKI)
        await stage.services.generation.receive_message(says("雨。"), None)
        assert not await stage.services.generation.cancel(ROOM, AKI)


async def test_what_files_say_stands_behind_what_was_typed(stage: Stage) -> None:
    """One passage; a file alone is a passage, too."""
    await stage.services.generation.receive_message(replace(says("雨。"), attached="風。\n雪。"), None)
    await stage.services.generation.receive_message(
        replace(says("", "e2"), attached="霧。"), GenerationOptions()
    )

    assert await stage.texts() == ["雨。\n風。\n雪。", "霧。"]


async def test_a_file_has_a_limit_of_its_own(stage: Stage) -> None:
    """It may be longer than what is typed, and what is typed may not."""
    long = "雨" * 21
    await stage.services.generation.receive_message(replace(says("雨。"), attached=long), None)
    with pytest.raises(TextTooLong):
        await stage.services.generation.receive_message(replace(says(long, "e2"), attached="風。"), None)
    with pytest.raises(FileTooLong) as raised:
        await stage.services.generation.validate(replace(says("雨。", "e3"), attached="雨" * 40_001))

    assert raised.value.values == {"limit": 40_000, "length": 40_001}
    assert await stage.texts() == [f"雨。\n{long}"]
