"""Many people at once, each in a room of their own: what the bot asks of Discord, and what they see."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import event

from adapters.discord.render.replies import MARKS
from bot.aio.clock import Clock
from bot.core.queue import JobQueue
from bot.domain.inference import (
    ContextPiece,
    ContextSpan,
    ContextWindow,
    Delta,
    EngineStatus,
    GenerationRequest,
    Health,
    TokenCount,
)
from bot.domain.replies import ReplyState
from bot.store import Store
from tests.fakes.clock import LoopClock
from tests.fakes.leaping import LeapingLoop
from tests.integration.discord.whole import house_of
from tests.servers.discord import Channel, LoopbackDiscord, Message
from tests.servers.discord_state import SentRequest
from tests.servers.discord_world import User

ARRIVE_WITHIN_S = 12.0
"""So long it takes until all have begun: more first signs than Discord takes at once are another matter."""
THINK_S = (1.0, 4.0)
"""How long they read before they write on."""
SENTENCES = (20, 30)
SENTENCE_S = 0.5
SEEN = {200, 201, 204}
LATE_S, ENOUGH = 2.0, 2
LAST_WORDS_S = 120.0
"""Until then everything must have been shown."""
KANJI = "〇一二三四五六七八九"
WHO = ("雨", "風", "月", "鳥", "犬", "猫", "船", "霧", "鐘", "花", "雪", "星")
DOES = (
    "来た",
    "去った",
    "見えた",
    "消えた",
    "鳴った",
    "動いた",
    "戻った",
    "光った",
    "止んだ",
    "揺れた",
    "待った",
)
ASKED = re.compile(f"([{KANJI}]+)人目の([{KANJI}]+)行")
WRITING_MARK = MARKS[ReplyState.WRITING]

Turn = tuple[int, int]
"""Who writes, and how often they wrote before."""


def numeral(number: int) -> str:
    """A number that no rule of house style changes."""
    return "".join(KANJI[int(digit)] for digit in str(number))


def number_of(text: str) -> int:
    """The number that a numeral says."""
    return int("".join(str(KANJI.index(digit)) for digit in text))


class TimedEngine:
    """An `Engine`: two sentences a second for everybody; `ended` says when each text was whole."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311  # chance, no secret
        self._over: dict[Turn, asyncio.Event] = {}
        self.ended: dict[Turn, float] = {}
        self.texts: dict[Turn, str] = {}

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Go on from the last line of who asked."""
        who, which = ASKED.findall(request.prompt)[-1]
        turn = number_of(who), number_of(which)
        lines = [f"{which}番目の返事を{who}人目に。", *self._lines(self._random.randint(*SENTENCES))]
        for line in lines[:-1]:
            await self._clock.sleep(SENTENCE_S)
            yield Delta(0, line)
        await self._clock.sleep(SENTENCE_S)
        self.texts[turn] = "".join(lines)
        self.ended[turn] = self._clock.now()
        self._event(turn).set()
        yield Delta(0, lines[-1], "stop")

    async def until_over(self, turn: Turn) -> None:
        """Wait until the text for this line is whole."""
        await self._event(turn).wait()

    def _lines(self, count: int) -> list[str]:
        return [f"{who}が{does}。" for who, does in self._random.sample(_PAIRS, count)]

    def _event(self, turn: Turn) -> asyncio.Event:
        return self._over.setdefault(turn, asyncio.Event())

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """All of the prompt."""
        return ContextWindow((ContextSpan(ContextPiece("story", request.prompt), 1),), 1, 2048, 256)

    async def health(self) -> Health:
        """Always ready."""
        return Health(EngineStatus.READY, 1.0, model="timed")

    async def count_tokens(self, text: str) -> TokenCount:
        """One token a character."""
        return TokenCount(len(text))


_PAIRS = [(who, does) for who in WHO for does in DOES]


@dataclass(frozen=True, slots=True)
class Shown:
    """What people saw of one reply: how often it was longer than before, and when it was whole."""

    growths: int
    end_delay_s: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a crowd. A request that lies outside the bot's limit is not counted.

    `rates`: requests in each second in which texts were written; `growths`: for each reply, how often people
    saw it grow; `end_delays_s`: from a reply's last word to the message that shows it; `signs_s`: from a
    first line to the first sign of the bot.
    """

    asked: int
    rates: tuple[int, ...]
    refused: int
    growths: tuple[int, ...]
    end_delays_s: tuple[float, ...]
    signs_s: tuple[float, ...]
    unfinished: int
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def refused_share(self) -> float:
        """Of all requests."""
        return self.refused / self.asked

    @property
    def unseen(self) -> int:
        """Replies that were seen to grow less than twice."""
        return sum(times < ENOUGH for times in self.growths)

    @property
    def late(self) -> int:
        """Replies that were whole more than two seconds after their text, or never."""
        return sum(delay > LATE_S for delay in self.end_delays_s) + self.unfinished

    def __str__(self) -> str:
        """On a few lines."""
        rates, growths, delays, signs = self.rates, self.growths, self.end_delays_s, self.signs_s
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.kinds.items()))
        return (
            f"requests: {self.asked} ({kinds}); {median(rates):.0f} a second at the median, {max(rates)} in "
            f"the busiest; refused: {self.refused} ({self.refused_share:.2%})\n"
            f"replies: {len(growths)}; seen to grow {median(growths):.0f} times at the median, "
            f"{min(growths)} at least; {self.unseen} fewer than twice\n"
            f"end after its text: {median(delays):.2f} s at the median, {max(delays):.2f} s at most; "
            f"{self.late} over {LATE_S:.0f} s\n"
            f"first sign: {median(signs):.2f} s at the median, {max(signs):.2f} s at most"
        )


@dataclass(slots=True)
class Crowd:
    """So many people, who write for so long; `slots` texts are written at once."""

    people: int
    seconds: float
    slots: int
    seed: int = 1
    clock: Clock = field(default_factory=LoopClock)
    asked: dict[Turn, Message] = field(default_factory=dict)

    async def gather(self) -> Figures:
        """Let them write, wait until all is shown, and count."""
        discord, engine = LoopbackDiscord(), TimedEngine(self.clock, self.seed)
        rooms = [self._settle(discord, number) for number in range(self.people)]
        queue = JobQueue(limit=2 * self.people)
        async with house_of(discord, engine, queue, slots=self.slots, clock=self.clock) as (store, _):
            _leave_time_to(store)
            before = len(discord.requests)
            until = self.clock.now() + self.seconds
            with suppress(TimeoutError):
                async with asyncio.timeout(self.seconds + LAST_WORDS_S):
                    await asyncio.gather(
                        *(self._write(discord, engine, n, *room, until) for n, room in enumerate(rooms))
                    )
                    while not all(_whole(discord, engine, turn, self.asked[turn]) for turn in self.asked):
                        await self.clock.sleep(1.0)
        return self._figures(discord, engine, discord.requests[before:])

    def _settle(self, discord: LoopbackDiscord, number: int) -> tuple[Channel, User]:
        user = discord.world.add_user(f"person{number}", display_name=f"{numeral(number)}人目")
        discord.guild.members.append(user)
        return discord.world.add_channel(f"部屋{number}", discord.guild), user

    async def _write(
        self,
        discord: LoopbackDiscord,
        engine: TimedEngine,
        number: int,
        room: Channel,
        user: User,
        until: float,
    ) -> None:
        chance = random.Random(f"{self.seed} {number}")  # noqa: S311  # chance, no secret
        which = 0
        await self.clock.sleep(chance.uniform(0, ARRIVE_WITHIN_S))
        where = room
        while self.clock.now() < until:
            line = f"{numeral(number)}人目の{numeral(which)}行が始まる。"
            message = await discord.say_in(where, user, line, mentions_bot=where is room)
            self.asked[number, which] = message
            await engine.until_over((number, which))
            await self.clock.sleep(chance.uniform(*THINK_S))
            where, which = discord.world.channels.get(self.asked[number, 0].id, room), which + 1

    def _figures(self, discord: LoopbackDiscord, engine: TimedEngine, requests: list[SentRequest]) -> Figures:
        counted = [one for one in requests if not one.path.startswith(("/webhooks/", "/interactions/"))]
        first_s = counted[0].at_s
        seconds = Counter(int(one.at_s - first_s) for one in counted)
        busy_s = int(max(engine.ended.values()) - first_s)
        shown = [_shown(discord, engine, turn, message) for turn, message in self.asked.items()]
        ends = [one.end_delay_s for one in shown if one.end_delay_s is not None]
        return Figures(
            asked=len(counted),
            rates=tuple(seconds[second] for second in range(busy_s)),
            refused=sum(one.status == 429 for one in counted),
            growths=tuple(one.growths for one in shown),
            end_delays_s=tuple(ends),
            signs_s=tuple(_sign_s(counted, message) for turn, message in self.asked.items() if turn[1] == 0),
            unfinished=len(shown) - len(ends),
            kinds=dict(Counter(_kind(one) for one in counted)),
        )


def _leave_time_to(store: Store) -> None:
    """On a loop that leaps: no time passes while the database works."""
    loop = asyncio.get_running_loop()
    out: set[object] = set()
    if isinstance(loop, LeapingLoop):
        event.listen(store.engine.pool, "checkout", lambda _, record, __: out.add(record))
        event.listen(store.engine.pool, "checkin", lambda _, record: out.discard(record))
        loop.wait_for(lambda: bool(out))


def _reply(discord: LoopbackDiscord, turn: Turn, message: Message) -> Message | None:
    """The message that answers a line: it begins with a number that no other has."""
    beginning = f"{numeral(turn[1])}番目の返事を{numeral(turn[0])}人目に。"
    places = {message.channel.id, message.id}
    for other in discord.world.messages.values():
        if other.author is discord.bot and other.channel.id in places and beginning in other.content:
            return other
    return None


def _whole(discord: LoopbackDiscord, engine: TimedEngine, turn: Turn, message: Message) -> bool:
    return _shown(discord, engine, turn, message).end_delay_s is not None


def _shown(discord: LoopbackDiscord, engine: TimedEngine, turn: Turn, message: Message) -> Shown:
    reply = _reply(discord, turn, message)
    if reply is None:
        return Shown(0, None)
    growing = {version.content for version in reply.versions if version.content.endswith(WRITING_MARK)}
    last_line = engine.texts.get(turn, "").split("。")[-2:-1]
    ends = [
        version.at_s - engine.ended[turn]
        for version in reply.versions
        if last_line and last_line[0] in version.content and WRITING_MARK not in version.content
    ]
    return Shown(len(growing), ends[0] if ends else None)


def _sign_s(requests: list[SentRequest], message: Message) -> float:
    at_s = message.versions[0].at_s
    ids = (f"/channels/{message.channel.id}/", f"/channels/{message.id}/")
    signs = [
        one.at_s - at_s
        for one in requests
        if (one.path.startswith(ids) and one.status == 200) or _typed(one, ids)
    ]
    return min((sign for sign in signs if sign >= 0), default=LAST_WORDS_S)


def _typed(request: SentRequest, ids: tuple[str, ...]) -> bool:
    return request.path.startswith(ids) and request.path.endswith("/typing") and request.status == 204


def _kind(request: SentRequest) -> str:
    *_, name = (part for part in request.path.split("/") if not part.isdecimal())
    return f"{request.method} {name}"
