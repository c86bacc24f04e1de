"""How good what people get is: continuations of held-out stories by preset, with and without our steps."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figure, figure
from bench.judges import FAULTS, distinct_2
from bench.streams import Worker, connected
from bot.domain.jobs import Length
from bot.domain.sampling import PRESETS
from bot.text.continuation import Continuation, max_tokens, min_tokens
from bot.text.word_filter import WordFilter
from bot.train.corpus import read_works

LENGTH = Length.MEDIUM
PROMPT_CHARACTERS = 400
NEXT_CHARACTERS = 240
AT_ONCE = 8
RAW = "quickstart, as it came"
REAL = "the real next passage"

WANTED: Mapping[str, float] = {
    "unknown": 0,
    "unbalanced": 0,
    "unfinished": 0,
    "debris": 0,
    "repeated": 1,
    "script": 0.5,
}
"""Percent of the continuations at most, of the preset that is the default."""

_PLACE = re.compile(r"。(?=[^」』）\n])|[。」](?=\n)")


@dataclass(frozen=True, slots=True)
class Given:
    """A prompt, and what really came after it."""

    prompt: str
    after: str


def held_out_prompts(file: Path, count: int) -> list[Given]:
    """Places in works that were not trained on, the same in every run; a `.txt` file is held out as a whole.

    Each ends at a sentence's end outside quotations. The works take turns, so that a long one is not all.

    Raises:
        ValueError: there are fewer such places.
    """
    works = [work.text for work in read_works(file) if work.held_out or ".txt" in file.suffixes]
    shuffled = [_places(re.sub("\n+", "\n", text), number) for number, text in enumerate(works)]
    found = list(_in_turn(shuffled, count))
    if len(found) < count:
        raise ValueError(f"{file} has {len(found)} places to go on from, and {count} are wanted")
    return found


async def written(url: str, given: Sequence[Given]) -> dict[str, list[str]]:
    """By preset: a continuation of each prompt as people get it; the last preset's also as it came."""
    texts: dict[str, list[str]] = {}
    prompts = [one.prompt for one in given]
    for preset in PRESETS:
        raw = await continued(url, prompts, {"preset": preset})
        texts[preset] = kept(prompts, raw)
        if preset == "quickstart":
            texts[RAW] = [text for text, _ in raw]
    return texts


async def continued(
    url: str, prompts: Sequence[str], settings: Mapping[str, Any], first_seed: int = 0
) -> list[tuple[str, str]]:
    """A continuation of each prompt as it comes from the worker, and why it ends; seeds ascend."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(worker: Worker, number: int, prompt: str) -> tuple[str, str]:
        body = {
            "prompt": prompt,
            "max_tokens": max_tokens(LENGTH),
            "min_tokens": min_tokens(LENGTH),
            "seed": first_seed + number,
            "user": f"writer {number}",
            **settings,
        }
        async with slots:
            return await worker.write(body)

    # A connection each time: while texts are judged the worker would close one that waits.
    async with connected(url) as worker, asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(worker, number, prompt)) for number, prompt in enumerate(prompts)]
    return [task.result() for task in tasks]


def kept(prompts: Sequence[str], raw: Sequence[tuple[str, str]]) -> list[str]:
    """What people get of continuations."""
    words = WordFilter.of()
    pairs = zip(prompts, raw, strict=True)
    return [_kept(prompt, text, reason, words) for prompt, (text, reason) in pairs]


def figures(
    given: Sequence[Given], texts: Mapping[str, Sequence[str]], surprisal: Mapping[str, float]
) -> list[Figure]:
    """The table: of each kind of text the share with each fault, its variety and its surprisal."""
    return [one for name in texts for one in _row(name, given, texts[name], surprisal[name])]


def _row(name: str, given: Sequence[Given], texts: Sequence[str], nats: float) -> Iterator[Figure]:
    for fault, has in FAULTS.items():
        share = 100 * sum(has(text, one.prompt) for one, text in zip(given, texts, strict=True)) / len(given)
        limit = WANTED.get(fault) if name == "standard" else None
        yield figure(f"craft.{name}.{fault}", f"{name}, {fault}", "%", [share], at_most=limit)
    length = sum(map(len, texts)) / len(texts)
    yield figure(f"craft.{name}.length", f"{name}, characters", "characters", [length])
    yield figure(f"craft.{name}.distinct_2", f"{name}, distinct-2", "", [distinct_2(texts)])
    yield figure(f"craft.{name}.nats", f"{name}, surprisal", "nats/character", [nats])


def _kept(prompt: str, text: str, reason: str, words: WordFilter) -> str:
    growing = Continuation(LENGTH, prompt, words)
    for character in text:
        growing.push(character)
    return growing.finish(reason)


def _places(text: str, number: int) -> list[Given]:
    ends = [match.end() for match in _PLACE.finditer(text)]
    inside = [end for end in ends if PROMPT_CHARACTERS <= end <= len(text) - 2 * NEXT_CHARACTERS]
    random.Random(number).shuffle(inside)  # noqa: S311 - the same every time
    given = (_given(text, end) for end in inside)
    return [one for one in given if not _quotes_open(one.prompt) and one.after.strip()]


def _given(text: str, end: int) -> Given:
    later = re.compile("[。」](?=[^」』）]|$)").search(text, end + NEXT_CHARACTERS - 40)
    return Given(text[end - PROMPT_CHARACTERS : end], text[end : later.end() if later else len(text)])


def _quotes_open(prompt: str) -> bool:
    paragraph = prompt.rpartition("\n")[2]
    return any(
        paragraph.count(opener) != paragraph.count(closer) for opener, closer in ("「」", "『』", "（）")
    )


def _in_turn(groups: Iterable[list[Given]], count: int) -> Iterator[Given]:
    left = [group for group in groups if group]
    told = 0
    while left and told < count:
        for group in left:
            if told < count:
                yield group.pop()
                told += 1
        left = [group for group in left if group]
