"""What holds in a room, and who may use the bot there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.permissions import permits
from bot.core.queue import JobQueue
from bot.core.services import build_services
from bot.core.settings_resolver import PresetChanged, merge_settings
from bot.core.settings_values import check_changes
from bot.domain.chat import Author, Message, Room
from bot.domain.errors import (
    BadRule,
    EmptyPrompt,
    FilteredText,
    NotPermitted,
    QuotaReached,
    UnknownPreset,
    UnknownRule,
)
from bot.domain.inference import TokenCount
from bot.domain.jobs import GenerationOptions, JobReceipt, Length
from bot.domain.room_settings import Filter, RoomSettings, preset_of, sampling_of
from bot.domain.sampling import Sampling
from bot.domain.story import Lore, Notes
from bot.store import Store
from bot.text.continuation import max_tokens
from tests.bot.core.services.stage import AKI, BEN, ROOM, Idle, ReadingEngine, Shown, Stage, Today, say, says

GUILD, CHANNEL = "guild/1", "channel/2"
INNER = Room("web", "thread", parent_scopes=(GUILD, CHANNEL))
NEXT_DOOR = Room("web", "next", parent_scopes=(GUILD, "channel/3"))
ABROAD = Room("web", "abroad", parent_scopes=("guild/9",))

_TEXT = st.text("a1/ 雨標準０\x00")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.sampled_from(["9" * 5000, "120"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
"""What a row may hold that another version, or a hand, wrote."""


class TestScopes:
    """What is set further in counts more."""

    async def test_the_innermost_wins(self, stage: Stage) -> None:
        """Rule by rule: what a scope leaves out is as further out."""
        await stage.services.settings.change(
            INNER, GUILD, {"preset": "bold", "candidates": 2, "listens": False}
        )
        await stage.services.settings.change(INNER, CHANNEL, {"candidates": 4})
        await stage.services.settings.change(INNER, "", {"listens": True})

        assert await stage.services.settings.resolve(INNER) == RoomSettings(
            preset="bold", candidates=4, listens=True
        )
        assert await stage.services.settings.resolve(NEXT_DOOR) == RoomSettings(
            preset="bold", candidates=2, listens=False
        )
        assert await stage.services.settings.resolve(ABROAD) == RoomSettings()

    async def test_none_takes_a_rule_back(self, stage: Stage) -> None:
        """What holds further out holds again; the scope's other rules stay."""
        await stage.services.settings.change(INNER, GUILD, {"preset": "bold"})
        await stage.services.settings.change(INNER, "", {"preset": "steady", "candidates": 5})

        assert await stage.services.settings.change(INNER, "", {"preset": None}) == RoomSettings(
            preset="bold", candidates=5
        )

    async def test_two_who_set_at_once(self, stage: Stage) -> None:
        """Neither undoes what the other set."""
        await asyncio.gather(
            *(
                stage.services.settings.change(INNER, GUILD, {rule: value})
                for rule, value in {"candidates": 5, "listens": False, "preset": "bold"}.items()
            )
        )
        assert await stage.services.settings.resolve(INNER) == RoomSettings(
            candidates=5, listens=False, preset="bold"
        )

    async def test_what_another_version_kept_stops_nobody(self, stage: Stage) -> None:
        """Unknown rules and values that are out of bounds by now are left out, the others hold."""
        strange: dict[str, object] = {"length": 99_999, "candidates": 17, "colour": "red", "listens": False}
        await stage.store.settings.save("web", "room/moon", strange)

        assert await stage.services.settings.resolve(ROOM) == RoomSettings(listens=False)
        assert await stage.services.generation.receive_message(says("雨。"), GenerationOptions()) is not None

    @example({"length": "9" * 5000})
    @given(st.dictionaries(st.sampled_from([field.name for field in fields(RoomSettings)]), _JSON))
    def test_nothing_that_is_kept_stops_a_room(self, layer: dict[str, object]) -> None:
        """Whatever stands there, there are rules, and a preset and a length that can be written with."""
        rules = merge_settings([layer])
        assert sampling_of(preset_of(rules), rules)
        assert max_tokens(rules.length) > 0


class TestSetting:
    """Values are checked before they are kept."""

    @pytest.mark.parametrize(
        ("rule", "given", "held"),
        [
            ("preset", "冒険", "bold"),
            ("length", "長め", Length.LONG),
            ("length", "120", 120),
            ("length", "ふつう", Length.MEDIUM),
            ("length", "普通", Length.MEDIUM),
            ("length", 20, 20),
            ("candidates", "4", 4),
            ("filter", "off", Filter.OFF),
            ("filter_people", True, True),
            ("words", ["雷"], ("雷",)),
            ("banned", ["と言った"], ("と言った",)),
            ("listens", "false", False),
            ("daily_per_person", 0, 0),
            ("daily_in_all", 500, 500),
            ("allowed", ["user/1", "role/5"], ("user/1", "role/5")),
            ("denied", ["channel/2"], ("channel/2",)),
        ],
    )
    async def test_every_rule_can_be_set(self, stage: Stage, rule: str, given: object, held: object) -> None:
        """And holds from the next look on."""
        assert getattr(await stage.services.settings.change(ROOM, "", {rule: given}), rule) == held
        assert getattr(await stage.services.settings.resolve(ROOM), rule) == held

    @pytest.mark.parametrize(
        ("rule", "given", "known"),
        [
            ("preset", "激辛", "steady, standard, bold, quickstart"),
            ("length", "very long", "short, medium, long, 20–1000"),
            ("length", 19, "short, medium, long, 20–1000"),
            ("candidates", 1, "2–5"),
            ("candidates", 6, "2–5"),
            ("filter", "maybe", "auto, on, off"),
            ("listens", "たぶん", "はい / いいえ, yes / no"),
            ("words", "雷", "≤ 500 × ≤ 50"),
            ("daily_per_person", -1, "0–100000"),
        ],
    )
    async def test_what_cannot_be_is_refused(
        self, stage: Stage, rule: str, given: object, known: str
    ) -> None:
        """The error says in signs what could be; nothing of the call is kept."""
        with pytest.raises(BadRule) as caught:
            await stage.services.settings.change(ROOM, "", {"listens": False, rule: given})
        assert caught.value.values == {"name": rule, "value": given, "known": known}
        assert await stage.services.settings.resolve(ROOM) == RoomSettings()

    @pytest.mark.parametrize(
        ("rule", "given", "value", "known"),
        [
            ("words", ["雷", ""], "", "≤ 500 × ≤ 50"),
            ("words", ["雷", ["雨"]], "…", "≤ 500 × ≤ 50"),
            ("allowed", ["user/1", "太郎"], "太郎", "user/1, role/5, channel/2"),
            ("presets", {"弱火": {"temperature": 3}}, 3, "弱火.temperature: ≤ 2"),
            ("presets", {"弱火": {"top_p": 0}}, 0, "弱火.top_p: > 0"),
        ],
    )
    async def test_what_is_wrong_of_several_is_named(
        self, stage: Stage, rule: str, given: object, value: object, known: str
    ) -> None:
        """And not all that was sent."""
        with pytest.raises(BadRule) as caught:
            await stage.services.settings.change(ROOM, "", {rule: given})
        assert caught.value.values == {"name": rule, "value": value, "known": known}

    async def test_an_unknown_rule_is_refused(self, stage: Stage) -> None:
        """The error names those that there are."""
        with pytest.raises(UnknownRule) as caught:
            await stage.services.settings.change(ROOM, "", {"colour": "red"})
        assert "daily_per_person" in str(caught.value.values["known"])

    async def test_an_unknown_setting_of_a_preset_is_refused(self, stage: Stage) -> None:
        """A typo must not make a preset that does nothing."""
        with pytest.raises(BadRule):
            await stage.services.settings.change(ROOM, "", {"presets": {"弱火": {"temprature": 0.3}}})

    @given(st.floats(0, 2), st.floats(0.01, 1), st.integers(0, 1000))
    def test_a_preset_comes_back_as_it_was_set(self, temperature: float, top_p: float, top_k: int) -> None:
        """Through JSON, with 標準's values for what it leaves out."""
        wanted = {"temperature": temperature, "top_p": top_p, "top_k": top_k}
        kept = json.loads(json.dumps(check_changes({"presets": {"弱火": wanted}}, RoomSettings())))
        assert sampling_of("弱火", merge_settings([kept])) == Sampling(
            temperature=temperature, top_p=top_p, top_k=top_k
        )


class TestOwnPresets:
    """Presets that a room made."""

    async def test_they_are_asked_for_by_name(self, stage: Stage) -> None:
        """However it is typed; also as the room's default, set in the same breath."""
        rules = {"presets": {"Yowabi": {"temperature": 0.3}}, "preset": "yowabi"}
        await stage.services.settings.change(ROOM, "", rules)

        for event, ask in (("e1", GenerationOptions(preset="ＹＯＷＡＢＩ")), ("e2", GenerationOptions())):
            ticket = await stage.services.generation.receive_message(says("雨。", event), ask)
            assert ticket is not None
            job = await stage.store.jobs.get(ticket.job_id)
            assert job is not None
            assert job.options.preset == "Yowabi"

    async def test_those_of_the_place_around_are_there_too(self, stage: Stage) -> None:
        """One of the same name further in counts."""
        await stage.services.settings.change(
            INNER, GUILD, {"presets": {"弱火": {"top_k": 1}, "強火": {"top_k": 2}}}
        )
        await stage.services.settings.change(
            INNER, "", {"presets": {"弱火": {"top_k": 3}, "種火": {"top_k": 4}}}
        )

        rules = await stage.services.settings.resolve(INNER)

        assert {name: own.top_k for name, own in rules.presets} == {"弱火": 3, "強火": 2, "種火": 4}

    async def test_a_default_that_was_taken_away_stops_nobody(self, stage: Stage) -> None:
        """標準 takes its place; who asks for the lost one by name is told what there is."""
        await stage.services.settings.change(ROOM, "", {"presets": {"弱火": {}}, "preset": "弱火"})
        await stage.services.settings.change(ROOM, "", {"presets": None})

        ticket = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())
        assert ticket is not None
        job = await stage.store.jobs.get(ticket.job_id)
        assert job is not None
        assert job.options.preset == "standard"
        with pytest.raises(UnknownPreset):
            await stage.services.generation.receive_message(
                says("風。", "e2"), GenerationOptions(preset="弱火")
            )


class TestPresetsOfSeveral:
    """Two people change a room's presets at once."""

    HEATED: ClassVar = {"top_k": 5}

    async def test_each_keeps_their_own(self, stage: Stage) -> None:
        """What the other added or took away meanwhile stays so."""
        settings = stage.services.settings
        await settings.change(ROOM, "", {"presets": {"弱火": {}, "強火": {}}})
        await settings.change(ROOM, "", {"presets": {"弱火": {}, "種火": {}}}, {"弱火": {}, "強火": {}})
        rules = await settings.change(
            ROOM, "", {"presets": {"弱火": self.HEATED, "強火": {}}}, {"弱火": {}, "強火": {}}
        )
        assert {name: own.top_k for name, own in rules.presets} == {"弱火": 5, "種火": 0}

    @pytest.mark.parametrize(
        ("theirs", "told"), [({"弱火": {"top_k": 7}}, "top_k = 7"), ({}, "–")], ids=["changed", "taken away"]
    )
    async def test_one_of_the_same_name(self, stage: Stage, theirs: dict[str, object], told: str) -> None:
        """The later one is told what the other made of it; nothing of theirs is kept."""
        settings = stage.services.settings
        await settings.change(ROOM, "", {"presets": {"弱火": {}}})
        held = await settings.change(ROOM, "", {"presets": theirs}, {"弱火": {}})
        with pytest.raises(PresetChanged) as caught:
            await settings.change(ROOM, "", {"presets": {"弱火": self.HEATED}}, {"弱火": {}})
        assert caught.value.values == {"name": "弱火", "theirs": told}
        assert await settings.resolve(ROOM) == held

    async def test_both_want_the_same(self, stage: Stage) -> None:
        """Then there is nothing to tell."""
        settings = stage.services.settings
        for _ in range(2):
            rules = await settings.change(ROOM, "", {"presets": {"弱火": self.HEATED}}, {})
        assert [own.top_k for _, own in rules.presets] == [5]


class TestAsks:
    """What an ask leaves open."""

    async def test_the_rules_fill_it(self, stage: Stage) -> None:
        """Nothing stays open; the number of candidates is one unless more are asked for."""
        await stage.services.settings.change(ROOM, "", {"length": 120, "preset": "bold", "candidates": 4})

        ticket = await stage.services.generation.receive_message(says("雨。"), GenerationOptions())

        assert ticket is not None
        job = await stage.store.jobs.get(ticket.job_id)
        assert job is not None
        assert (job.options.length, job.options.preset, job.options.candidates) == (120, "bold", 1)

    async def test_an_ask_beats_the_rules(self, stage: Stage) -> None:
        """In this room as in any."""
        await stage.services.settings.change(ROOM, "", {"length": 120, "preset": "bold"})
        ticket = await stage.services.generation.receive_message(
            says("雨。"), GenerationOptions(Length.SHORT, "堅実", 2)
        )
        assert ticket is not None
        job = await stage.store.jobs.get(ticket.job_id)
        assert job is not None
        assert (job.options.length, job.options.preset, job.options.candidates) == (Length.SHORT, "steady", 2)

    async def test_an_aside_asks_without_text(self, stage: Stage) -> None:
        """It is kept; alone it is nothing to go on from, and the model is not asked to read it."""
        with pytest.raises(EmptyPrompt):
            await stage.services.generation.receive_message(says("（（どうする？））"), GenerationOptions())
        await stage.services.generation.receive_message(says("雨。", "e2"), None)

        assert (
            await stage.services.generation.receive_message(says("// 続けて", "e3"), GenerationOptions())
            is not None
        )

        assert await stage.texts() == ["雨。", "// 続けて"]
        assert stage.engine.read == []


class TestParentheses:
    """A whole line in single parentheses."""

    THOUGHT = "（まさか、あれは……）"

    async def test_it_is_a_thought_in_the_story(self, stage: Stage) -> None:
        """The model reads it, and goes on from it."""
        assert (
            await stage.services.generation.receive_message(says(self.THOUGHT), GenerationOptions())
            is not None
        )
        assert not await stage.services.generation.is_out_of_character(says(self.THOUGHT))
        assert stage.engine.read == [self.THOUGHT]

    async def test_a_room_may_take_it_as_an_aside(self, stage: Stage) -> None:
        """Then there is nothing to go on from in it, and nothing that the model would be asked to read."""
        await stage.services.settings.change(ROOM, "", {"parentheses_aside": True})

        with pytest.raises(EmptyPrompt):
            await stage.services.generation.receive_message(says(self.THOUGHT), GenerationOptions())
        assert await stage.services.generation.is_out_of_character(says(self.THOUGHT))
        assert await stage.services.generation.count_tokens(says(self.THOUGHT)) == TokenCount(0)
        assert stage.engine.read == []

    async def test_a_story_keeps_the_rule_that_it_began_with(self, stage: Stage) -> None:
        """However it began: with a passage, an ask, a note or a command; the next one has the new rule."""
        begun = {
            "passage": stage.services.generation.receive_message(
                says("雨。", "e1", room=Room("web", "passage")), None
            ),
            "ask": stage.services.generation.receive_message(
                says("雨。", "e2", room=Room("web", "ask")), GenerationOptions()
            ),
            "note": stage.services.editing.save_notes(Room("web", "note"), AKI, Notes("海"), Notes()),
            "command": stage.services.editing.begin(Room("web", "command"), AKI),
        }
        for name, beginning in begun.items():
            room = Room("web", name)
            await stage.services.settings.change(room, "", {"parentheses_aside": True})
            await beginning
            await stage.services.settings.change(room, "", {"parentheses_aside": None})
            assert await stage.services.generation.is_out_of_character(says(self.THOUGHT, room=room))

        room = Room("web", "command")
        await stage.services.editing.begin(room, AKI)
        assert not await stage.services.generation.is_out_of_character(says(self.THOUGHT, room=room))


class TestFilter:
    """Words that a room does not want of people."""

    async def test_only_where_the_room_wants_it(self, stage: Stage) -> None:
        """The words are named, nothing is kept; edits are held to it too."""
        await stage.services.settings.change(ROOM, "", {"words": ["雷神"]})
        await stage.services.generation.receive_message(says("雷神。"), None)
        await stage.services.settings.change(ROOM, "", {"filter_people": True})

        with pytest.raises(FilteredText) as caught:
            await stage.services.generation.receive_message(says("雷神が来た。", "e2"), GenerationOptions())
        assert caught.value.values == {"words": "雷神"}
        await stage.services.generation.receive_message(says("雨。", "e3"), None)
        story = await stage.services.stories.open_in(ROOM)
        assert story is not None
        with pytest.raises(FilteredText):
            await stage.services.editing.edit(ROOM, AKI, story.passages[-1].id, "雷神。")
        assert await stage.texts() == ["雷神。", "雨。"]

    async def test_titles_and_notes_too(self, stage: Stage) -> None:
        """Everybody in the room reads them."""
        await stage.services.settings.change(ROOM, "", {"words": ["雷神"], "filter_people": True})
        await stage.services.generation.receive_message(says("雨。"), None)
        for act in (
            stage.services.editing.begin(ROOM, AKI, "雷神の話"),
            stage.services.editing.rename(ROOM, AKI, "雷神の話"),
            stage.services.editing.save_notes(ROOM, AKI, Notes(lore=(Lore(("雷神",), "神。"),)), Notes()),
            stage.services.generation.receive_message(replace(says("雪。", "e2"), title="雷神の話"), None),
        ):
            with pytest.raises(FilteredText):
                await act

    async def test_not_where_the_filter_is_off(self, stage: Stage) -> None:
        """Set so, or because the platform marks the room as age-restricted."""
        await stage.services.settings.change(
            ROOM, "", {"words": ["雷神"], "filter_people": True, "filter": "off"}
        )
        await stage.services.generation.receive_message(says("雷神。"), None)
        await stage.services.settings.change(ROOM, "", {"filter": None})
        await stage.services.generation.receive_message(
            says("雷神！", "e2", room=replace(ROOM, adult=True)), None
        )

        assert await stage.texts() == ["雷神。", "雷神！"]


class TestAccess:
    """Who may use the bot, and where."""

    @pytest.mark.parametrize(
        ("allowed", "denied", "may"),
        [
            ((), (), True),
            (("user/aki",), (), True),
            (("user/ben",), (), False),
            (("role/5",), (), True),
            (("role/6",), (), False),
            (("user/ben", "role/5"), (), True),
            (("role/6", "user/aki"), (), True),
            (("channel/2",), (), True),
            (("channel/3",), (), False),
            (("channel/3", "room/thread"), (), True),
            (("user/aki", "channel/3"), (), False),
            (("user/ben", "channel/2"), (), False),
            (("user/aki", "channel/2"), (), True),
            ((), ("user/aki",), False),
            ((), ("role/5",), False),
            ((), ("guild/1",), False),
            ((), ("user/ben", "channel/3"), True),
            (("user/aki",), ("role/5",), False),
        ],
    )
    def test_allowed_and_denied(self, allowed: tuple[str, ...], denied: tuple[str, ...], may: bool) -> None:
        """Of people one is enough, of places one is enough, and what is denied is denied."""
        author = Author("web", "aki", "秋", roles=("role/5",))
        assert permits(RoomSettings(allowed=allowed, denied=denied), INNER, author) is may

    async def test_who_may_not_does_nothing(self, stage: Stage) -> None:
        """But read; and others go on."""
        await stage.services.generation.receive_message(says("雨。"), None)
        story = await stage.services.stories.open_in(ROOM)
        assert story is not None
        passage = story.passages[0].id
        await stage.services.settings.change(ROOM, "", {"denied": ["user/ben"]})
        services = stage.services
        acts = [
            services.generation.receive_message(says("風。", "e2", BEN), None),
            services.generation.receive_message(says("風。", "e3", BEN), GenerationOptions()),
            services.generation.retry(Message("e4", ROOM, BEN, ""), GenerationOptions()),
            services.editing.undo(ROOM, BEN),
            services.editing.redo(ROOM, BEN),
            services.editing.choose(ROOM, BEN, passage),
            services.editing.branch(ROOM, BEN, passage),
            services.editing.edit(ROOM, BEN, passage, "風。"),
            services.editing.delete(ROOM, BEN, passage),
            services.editing.begin(ROOM, BEN),
            services.editing.close(ROOM, BEN),
            services.editing.reopen(ROOM, BEN, story.id),
            services.editing.rename(ROOM, BEN, "風"),
            services.editing.save_notes(ROOM, BEN, Notes(), Notes()),
            services.generation.cancel(ROOM, BEN),
        ]
        for act in acts:
            with pytest.raises(NotPermitted):
                await act
        assert await services.stories.open_in(ROOM) == story
        with pytest.raises(NotPermitted):  # out of the room in which they may do nothing
            await services.editing.reopen(ABROAD, BEN, story.id)
        ticket = await services.generation.receive_message(says("風。", "e5"), GenerationOptions())
        assert ticket is not None
        with pytest.raises(NotPermitted):
            await services.generation.stop(ticket.job_id, BEN)
        assert await services.generation.stop(ticket.job_id, AKI)


class TestQuotas:
    """So many asks in 24 hours."""

    async def test_one_person(self, stage: Stage) -> None:
        """Others are not held to it, writing without asking is free, and a day later it begins anew."""
        await stage.services.settings.change(ROOM, "", {"daily_per_person": 2})
        for event in ("e1", "e2"):
            await self._asks(stage, event)

        with pytest.raises(QuotaReached) as caught:
            await self._asks(stage, "e3")
        assert caught.value.values == {"limit": 2, "who": "person"}
        assert await stage.texts() == ["雨。", "雨。"]
        await stage.services.generation.receive_message(says("風。", "e4"), None)
        await self._asks(stage, "e5", BEN)

        stage.today.now += timedelta(hours=24, seconds=1)
        await self._asks(stage, "e6")

    async def test_a_whole_server(self, stage: Stage) -> None:
        """In all of its channels together, whoever asks; other servers are not held to it."""
        for room in (INNER, ABROAD):
            await stage.services.settings.change(room, room.parent_scopes[0], {"daily_in_all": 2})
        await self._asks(stage, "e1", room=INNER)
        await self._asks(stage, "e2", BEN, room=NEXT_DOOR)

        with pytest.raises(QuotaReached) as caught:
            await self._asks(stage, "e3", room=NEXT_DOOR)
        assert caught.value.values == {"limit": 2, "who": "place"}
        await self._asks(stage, "e4", room=ABROAD)

    async def test_it_counts_where_it_was_set(self, stage: Stage) -> None:
        """What a person asks for elsewhere does not use up what one server, or one room, allows them."""
        await stage.services.settings.change(INNER, INNER.parent_scopes[0], {"daily_per_person": 2})
        await stage.services.settings.change(NEXT_DOOR, "", {"daily_per_person": 1})
        for event, room in (("e1", ABROAD), ("e2", INNER), ("e3", NEXT_DOOR)):
            stage.queue.cancel((await self._asks(stage, event, room=room)).job_id)

        for event, room, limit in (("e4", INNER, 2), ("e5", NEXT_DOOR, 1)):
            with pytest.raises(QuotaReached) as caught:
                await self._asks(stage, event, room=room)
            assert caught.value.values == {"limit": limit, "who": "person"}
        await self._asks(stage, "e6", room=ABROAD)

    async def test_of_whoever_runs_it(self, stage: Stage, store: Store, today: Today) -> None:
        """A limit out of the settings holds for all of a platform together."""
        defaults = RoomSettings(daily_in_all=2)
        services = build_services(
            store, JobQueue(), ReadingEngine(), Shown(), Idle(), say, defaults=defaults, clock=today
        )
        for event, room in (("e1", INNER), ("e2", ABROAD)):
            await services.generation.receive_message(says("雨。", event, AKI, room), GenerationOptions())
        with pytest.raises(QuotaReached):
            await services.generation.receive_message(says("雨。", "e3", BEN, NEXT_DOOR), GenerationOptions())

    async def test_two_requests_at_once(self, stage: Stage) -> None:
        """The second counts the first."""
        await stage.services.settings.change(ROOM, "", {"daily_per_person": 1})
        outcomes = await asyncio.gather(
            *(self._asks(stage, f"e{number}") for number in range(3)), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "JobReceipt",
            "QuotaReached",
            "QuotaReached",
        ]

    async def test_what_was_accepted_is_not_refused(self, stage: Stage) -> None:
        """An event that is sent again, or a button that two pressed, at the limit."""
        await stage.services.settings.change(ROOM, "", {"daily_in_all": 1})
        first = await self._asks(stage, "e1")
        again = await self._asks(stage, "e1")
        story = await stage.services.stories.open_in(ROOM)
        assert story is not None
        pressed = await stage.services.generation.receive_message(
            Message("e2", ROOM, BEN, "", after=story.head), GenerationOptions()
        )

        assert pressed is not None
        assert [again.job_id, pressed.job_id] == [first.job_id] * 2
        assert [first.repeated, again.repeated, pressed.repeated] == [False, True, True]

    @staticmethod
    async def _asks(stage: Stage, event: str, author: Author = AKI, room: Room = ROOM) -> JobReceipt:
        ticket = await stage.services.generation.receive_message(
            says("雨。", event, author, room), GenerationOptions()
        )
        assert ticket is not None
        return ticket
