"""The house around a platform, as in the running product, but for a storyteller that tests can foretell."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.core.dispatcher import Dispatcher
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.services import Services, build_services
from bot.domain.inference import (
    ContextPiece,
    ContextSpan,
    ContextWindow,
    Delta,
    EngineStatus,
    GenerationRequest,
    Health,
    Score,
    TokenCount,
)
from bot.domain.ports import Platform, Translate
from bot.store import Store, open_store

PAIRS = (
    ("雨が窓を叩いた。", "誰も口を利かない。"),
    ("月が雲に隠れた。", "遠くで犬が吠える。"),
    ("風が戸を鳴らした。", "蝋燭の火が揺れる。"),
    ("雪が屋根を白くした。", "足あとは一つもない。"),
    ("霧が川を覆った。", "船の灯が滲んでいる。"),
    ("花が庭に散った。", "猫がそれを追いかける。"),
    ("鳥が梢を離れた。", "羽根だけが残される。"),
    ("星が海へ落ちた。", "波の音がふいに止む。"),
    ("鐘が町に響いた。", "子供たちは家へ帰る。"),
    ("汽車が駅を出た。", "煙が長く尾を引く。"),
    ("手紙が床に落ちた。", "封は切られていない。"),
    ("時計が三時を打った。", "男は帽子を手に取る。"),
)
"""What the storyteller writes, each candidate the next pair: one sentence, and another one later."""

CONTEXT = 2048
RESERVED = 160
UNREADABLE = "晩"


def beginning(number: int) -> str:
    """The first sentence of a candidate, counted over all that the storyteller writes."""
    return PAIRS[number][0]


def sentence(number: int) -> str:
    """All that the storyteller writes as a candidate, counted over all of them."""
    return "".join(PAIRS[number])


@dataclass
class Storyteller:
    """`bot.domain.ports.Engine`: writes `sentence(0)`, `sentence(1)` ..., a number for each candidate.

    Unless it is `free` it stops in the middle of them. It reads a token for each character, but for
    `UNREADABLE`.
    """

    requests: list[GenerationRequest] = field(default_factory=list)
    written: int = 0
    free: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.free.set()

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Write every candidate, one sentence of each first."""
        self.requests.append(request)
        first = self.written
        self.written += request.n
        texts = [sentence(first + index) for index in range(request.n)]
        for index in range(request.n):
            yield Delta(index, beginning(first + index), scores=_scores(request, beginning(first + index)))
        await self.free.wait()
        for index, text in enumerate(texts):
            yield Delta(index, text.removeprefix(beginning(first + index)), "stop")

    async def health(self) -> Health:
        """Ready."""
        return Health(EngineStatus.READY, 1.0)

    async def count_tokens(self, text: str) -> TokenCount:
        """A token a character."""
        if UNREADABLE not in text:
            return TokenCount(len(text))
        return TokenCount(len(text), (UNREADABLE,), text.replace(UNREADABLE, "〓"))

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """The pieces as they were asked for."""
        pieces = (*request.prefix, ContextPiece("story", request.prompt), *request.depth_inserted)
        seen = tuple(ContextSpan(piece, len(piece.text)) for piece in pieces)
        unknown = (UNREADABLE,) if any(UNREADABLE in piece.text for piece in pieces) else ()
        return ContextWindow(seen, sum(each.tokens for each in seen), CONTEXT, RESERVED, unknown=unknown)


def _scores(request: GenerationRequest, text: str) -> tuple[Score, ...]:
    """Two tokens for the first sentence, each with one that might have come instead."""
    if request.logprobs is None:
        return ()
    one, two = text[:3], text[3:]
    return (
        Score(one, -0.1, ((one, -0.1), ("空", -2.5)), 0),
        Score(two, -1.6, (("海", -0.3), (two, -1.6)), len(one)),
    )


@dataclass(frozen=True)
class House:
    """What a test may look at behind the platform."""

    store: Store
    engine: Storyteller
    services: Services

    async def texts(self, platform: str = "web") -> list[str]:
        """The passages of a platform's latest story, from first to last."""
        latest = (await self.store.stories.find(platform))[0]
        return [passage.text for passage in (await self.store.stories.get(latest.id)).passages]


@asynccontextmanager
async def opened(folder: Path, platform: Platform, say: Translate) -> AsyncIterator[House]:
    """A house at work around a platform, with a store in `folder`."""
    store, engine = await open_store(f"sqlite:///{folder}/tsuzuki.db"), Storyteller()
    queue, outbox = JobQueue(), Outbox(store, {platform.name: platform})
    dispatcher = Dispatcher(store, queue, engine, outbox, say, slots=2)
    running = [asyncio.create_task(part.run()) for part in (outbox, dispatcher)]
    try:
        yield House(store, engine, build_services(store, queue, engine, outbox, dispatcher, say))
    finally:
        for task in reversed(running):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await outbox.close(5)
        await store.close()
