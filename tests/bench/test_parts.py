"""What the worker is asked: prompts of a wanted length that nobody had before, and when."""

from __future__ import annotations

from pathlib import Path

from bench.parts import LONGEST, SHORTEST, Plan, schedule
from bench.process import Settings
from bench.prompts import PASSAGE, Prompts

TEXT = PASSAGE.read_text(encoding="utf-8")


async def letters(text: str) -> int:
    """A tokenizer with a token for each two characters."""
    return -(-len(text) // 2)


def test_eight_arrive_a_second_apart_and_want_100_to_200_tokens() -> None:
    """The same in every run, others in every round."""
    assert [at_s for at_s, _ in schedule(0)] == [0, 1, 2, 3, 4, 5, 6, 7]
    wanted = [tokens for number in range(20) for _, tokens in schedule(number)]
    assert min(wanted) >= SHORTEST
    assert max(wanted) <= LONGEST
    assert len(set(wanted)) > 50
    assert schedule(1) == schedule(1) != schedule(2)


async def test_prompts_have_the_length_that_is_asked_for() -> None:
    """To the token, where a character is no more than one."""
    prompts = Prompts(letters, TEXT)
    assert [await letters(await prompts.fresh(tokens)) for tokens in (39, 60, 1_000)] == [39, 60, 1_000]


async def test_no_two_prompts_begin_alike() -> None:
    """Nothing of one is in the cache for another."""
    prompts = Prompts(letters, TEXT)
    beginnings = {(await prompts.fresh(60))[:4] for _ in range(200)}
    assert len(beginnings) == 200


async def test_prompts_of_one_number_are_the_same() -> None:
    """Two runs ask the same."""
    assert await Prompts(letters, TEXT, 7).fresh(60) == await Prompts(letters, TEXT, 7).fresh(60)


def test_a_story_is_as_long_as_the_model_has_room() -> None:
    """With what is asked behind it."""
    lengths = [Plan(3, 64, context, TEXT).story for context in (2048, 1024)]
    assert lengths == [1_000, 1024 - 40 - 150]


def test_a_worker_is_told_only_what_was_asked_for() -> None:
    """All else is its default."""
    told = Settings(None, Path("/cache"), threads=2).environment
    assert told == {"TSUZUKI_ENGINE__CACHE": "/cache", "TSUZUKI_ENGINE__THREADS": "2"}
