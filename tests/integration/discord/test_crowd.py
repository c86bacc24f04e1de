"""Many stories at once: nobody waits for a first sign or an end, and no rate limit is met."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.fakes.leaping import leaping
from tests.integration.discord.crowd import Crowd, Figures
from tests.integration.discord.stage import BEGINNING
from tests.integration.discord.whole import whole_house
from tests.servers.discord import LoopbackDiscord, Message

pytestmark = pytest.mark.timeout(600)
"""A crowd is much to compute where others compute, too."""
STORIES = 6
TEXTS = tuple(
    tuple(f"{town}の町で{number}番目の鐘が鳴った。" for number in "一二三四五") for town in "東西南北山海"
)
FIRST_SIGN_S = 1.0


def first_sign_s(discord: LoopbackDiscord, asked: Message) -> float:
    """Seconds from the moment a person's message was there until Discord heard of the bot."""
    return (
        min(
            request.at_s
            for request in discord.requests
            if request.at_s >= asked.versions[0].at_s
            and request.path in {f"/channels/{asked.channel.id}/typing", f"/channels/{asked.id}/messages"}
        )
        - asked.versions[0].at_s
    )


async def test_six_stories_stream_at_once_in_one_channel(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Six threads and talk beside them: no 429, an edit a second a message, a sign within a second."""
    async with whole_house(LoopbackDiscord(), *TEXTS, slots=STORIES) as house:
        discord = house.discord
        asked = [
            await discord.say_in(discord.channel, discord.hanako, f"{number}：{BEGINNING}")
            for number in range(STORIES)
        ]
        await discord.until(lambda: len(discord.threads()) == STORIES)
        helps = [await discord.slash(discord.channel, discord.taro, "help") for _ in range(3)]
        await asyncio.gather(*(discord.say_in(discord.channel, discord.taro, "") for _ in range(2)))
        await discord.until(lambda: all(house.idle(thread) for thread in discord.threads()))
        replies = [discord.by_bot(thread)[0] for thread in discord.threads()]
    edits = [r for r in discord.requests if r.method == "PATCH" and "/messages/" in r.path]
    took_s = edits[-1].at_s - edits[0].at_s
    signs = [first_sign_s(discord, message) for message in asked]
    busiest = max(sum(0 <= other.at_s - edit.at_s < 1.0 for other in edits) for edit in edits)
    gaps = [gap for reply in replies for gap in reply.gaps_s]
    rates = f"{len(edits) / took_s:.1f} edits/s, {busiest} in the busiest second"
    with capsys.disabled():
        sys.stdout.write(f" [{rates}, first sign {max(signs):.3f} s] ")
    assert {"".join(text) for text in TEXTS} == {reply.content for reply in replies}
    assert discord.refused_by_limits == 0
    assert max(signs) < FIRST_SIGN_S
    assert min(gaps) >= 1.0
    assert all(help_.took_s < FIRST_SIGN_S for help_ in helps)
    assert len(edits) / took_s > STORIES / 4


def expect_all_is_well(figures: Figures) -> None:
    """Nothing refused to speak of, every text seen to grow, every end soon after its text."""
    assert figures.refused_share < 0.002
    assert max(figures.rates) <= 50
    assert figures.unseen == 0
    assert figures.late == 0


def test_forty_people_in_rooms_of_their_own_share_the_bots_limit() -> None:
    """Each text grows about once a second, as many at once as there are people."""
    expect_all_is_well(leaping(Crowd(people=40, seconds=12, slots=40).gather()))


def test_forty_people_who_wait_in_the_queue_take_nothing_from_those_who_are_written_for() -> None:
    """Each start and each end changes everybody's place."""
    expect_all_is_well(leaping(Crowd(people=40, seconds=8, slots=12).gather()))


@pytest.mark.slow
def test_a_hundred_and_fifty_people_share_the_bots_limit() -> None:
    """Three times as many as Discord takes requests a second: texts grow more slowly, and end in time."""
    expect_all_is_well(leaping(Crowd(people=150, seconds=10, slots=150).gather()))
