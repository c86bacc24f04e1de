"""Rules at their scopes, and how much was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.domain.chat import Author, Room
from bot.domain.jobs import GenerationOptions
from bot.store import Store
from tests.bot.store.told import AKI, BEN, ELSEWHERE, ROOM, says

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


async def test_rules_come_back_by_scope(store: Store) -> None:
    """In the asked order, empty where nothing was set; JSON's values as they were."""
    values = {
        "preset": "bold",
        "candidates": 5,
        "words": ["雨"],
        "listens": False,
        "presets": {"夜": {"top_p": 0.5}},
    }
    await store.settings.save("discord", "guild/1", values)
    await store.settings.save("discord", "channel/2", {"preset": "steady"})

    rules = await store.settings.get("discord", ["guild/1", "channel/9", "channel/2"])

    assert rules == [values, {}, {"preset": "steady"}]
    assert await store.settings.get("discord", []) == []


async def test_rules_of_a_scope_are_replaced(store: Store) -> None:
    """What is no longer set is gone."""
    await store.settings.save("discord", "guild/1", {"preset": "bold", "candidates": 5})

    await store.settings.save("discord", "guild/1", {"candidates": 2})

    assert await store.settings.get("discord", ["guild/1"]) == [{"candidates": 2}]


async def test_rules_belong_to_a_platform(store: Store) -> None:
    """The same scope of another one is another scope."""
    await store.settings.save("discord", "guild/1", {"candidates": 2})

    assert await store.settings.get("slack", ["guild/1"]) == [{}]


async def asks(store: Store, name: str, room: Room, author: Author = AKI) -> None:
    """A job that somebody asked for."""
    await store.messages.receive(says("雨。", name, room, author), GenerationOptions(), name, 0)


async def test_jobs_of_a_person_are_counted(store: Store) -> None:
    """Wherever they asked, whatever became of it."""
    await asks(store, "j1", ROOM)
    await asks(store, "j2", ELSEWHERE)
    await asks(store, "j3", ROOM, BEN)
    await store.jobs.complete("j1", ["風。"])

    assert await store.jobs.count_since("web", BEGINNING, author=AKI) == 2
    assert await store.jobs.count_since("web", BEGINNING, author=BEN) == 1
    assert await store.jobs.count_since("web", BEGINNING) == 3
    assert await store.jobs.count_since("slack", BEGINNING) == 0


async def test_jobs_within_a_place_are_counted(store: Store) -> None:
    """Of the outermost place, an inner one or the room itself, also where one of a person is asked for."""
    here = ("guild/1", "channel/2")
    await asks(store, "j1", Room("discord", "a", here))
    await asks(store, "j2", Room("discord", "b", ("guild/1", "channel/3")), BEN)
    await asks(store, "j3", Room("discord", "c", ("guild/12",)))

    counts = [
        await store.jobs.count_since("discord", BEGINNING, scope=place)
        for place in ("guild/1", "channel/2", "guild/12", "guild/3", "room/b", "room/guild/1")
    ]

    assert counts == [2, 1, 1, 0, 1, 0]
    assert await store.jobs.count_since("discord", BEGINNING, scope="guild/1", author=BEN) == 1


async def test_earlier_jobs_are_not_counted(store: Store) -> None:
    """The moment itself counts, what was before it does not."""
    for number in range(4):
        await asks(store, f"j{number}", ROOM)

    # The store's clock went on by one second with each.
    assert await store.jobs.count_since("web", BEGINNING + timedelta(seconds=2)) == 2


async def test_messages_without_an_ask_are_not_counted(store: Store) -> None:
    """Only the model's work is limited."""
    await store.messages.receive(says("雨。", "e1"), None, "", 0)

    assert await store.jobs.count_since("web", BEGINNING) == 0
