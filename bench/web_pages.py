"""From a reply's last token to every open page of a web room: `python -m bench.web_pages --pages 30`.

Room, rules, store, queue, dispatcher and outbox are the bot's own, and NiceGUI's socket; only the writer is
not. Two rooms of one server take turns, with one page and with many, so that both figures are of one run. The
pages are sockets in another process: people's browsers do not run on the bot's machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from uuid import uuid4

from adapters.web import WebAdapter
from adapters.web.payloads import room_of
from bench.web_readers import END, numeral
from bot.core.dispatcher import Dispatcher
from bot.core.outbox import Outbox
from bot.core.queue import JobQueue
from bot.core.services import Services, build_services
from bot.domain.chat import Author, Message, Room
from bot.domain.inference import ContextWindow, Delta, EngineStatus, GenerationRequest, Health, TokenCount
from bot.domain.jobs import GenerationOptions
from bot.store import open_store
from config.i18n import Translations
from tests.integration.discord.crowd import DOES, WHO

MOST_ROUNDS = 100
PASSAGES = 60
"""How long the stories are: about as long as an evening's."""

TOKENS, TOKEN_S = 20, 0.04
"""Of a reply, and between two of them: as fast as the embedded model writes on two cores."""

PAUSE_S = 0.3
"""Between two replies."""

PATIENCE_S = 30.0
AT_MOST = 1.5
WRITER = Author("web", "writer", "澪")


@dataclass(slots=True)
class Writing:
    """`bot.domain.ports.Engine`: writes a token at a time; `ended_s` is when it wrote the last one.

    `pause_s`: a rest before that one, so that it waits for nothing that was shown before it.
    """

    number: int = 0
    pause_s: float = 0.0
    ended_s: float = 0.0

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:  # noqa: ARG002
        """The reply of this number."""
        for place in range(TOKENS):
            yield Delta(0, f"{WHO[(self.number + place) % 12]}が{numeral(self.number)}度{DOES[place % 11]}。")
            await asyncio.sleep(TOKEN_S)
        await asyncio.sleep(self.pause_s)
        self.ended_s = time.monotonic()
        yield Delta(0, f"{numeral(self.number)}{END}", "stop")

    async def health(self) -> Health:
        """Ready."""
        return Health(EngineStatus.READY, 1.0)

    async def count_tokens(self, text: str) -> TokenCount:
        """A token a character."""
        return TokenCount(len(text))

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """Nothing of it is looked at here."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Look:
    """A room and its open pages; how long its first and its last page waited in each round (s)."""

    room: Room
    pages: int
    first_s: list[float] = field(default_factory=list)
    last_s: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, and print the figures; exit 1 where many pages wait too long."""
    options = _options()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="tsuzuki-bench-") as folder:
        one, many = asyncio.run(_measured(Path(folder), options))
    ratio = median(many.last_s) / median(one.last_s)
    print(f"from the last token to the page, median of {len(one.last_s)} rounds (range):")
    for name, times in (
        ("1 page", one.last_s),
        (f"first of {many.pages} pages", many.first_s),
        (f"last of {many.pages} pages", many.last_s),
    ):
        print(f"  {name}: {median(times) * 1e3:.1f} ms ({min(times) * 1e3:.1f} to {max(times) * 1e3:.1f})")
    met = "" if options.pause else f" (at most {AT_MOST} {'✓' if ratio <= AT_MOST else '✗'})"
    print(f"ratio: {ratio:.2f}{met}")
    print(f"load average: {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    raise SystemExit(int(ratio > AT_MOST and not options.pause))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.web_pages", description=__doc__)
    add = parser.add_argument
    add("--pages", type=int, default=30, help="that look at the second room")
    add("--rounds", type=int, default=20, help="replies in each room")
    add(
        "--pause", type=float, default=0.0, help="seconds before the last token, which then waits for no pace"
    )
    return parser.parse_args()


async def _measured(folder: Path, options: argparse.Namespace) -> tuple[Look, Look]:
    looks = Look(room_of("one"), 1), Look(room_of("many"), options.pages)
    writing = Writing(pause_s=options.pause)
    async with (
        _at_work(folder, writing) as (services, url),
        _readers(url, services, looks) as said,
    ):
        for _ in range(min(options.rounds, MOST_ROUNDS)):
            for look in looks:
                await _reply(services, writing, look, said)
    return looks


@asynccontextmanager
async def _at_work(folder: Path, writing: Writing) -> AsyncIterator[tuple[Services, str]]:
    """The bot with a web room and nothing else, as `bot.app.bootstrap` puts it together."""
    say = Translations.load()
    store, web, queue = (
        await open_store(f"sqlite:///{folder}/tsuzuki.db"),
        WebAdapter(say, port=0),
        JobQueue(),
    )
    outbox = Outbox(store, {web.name: web})
    dispatcher = Dispatcher(store, queue, writing, outbox, say, slots=2)
    services = build_services(store, queue, writing, outbox, dispatcher, say)
    web.attach(services)
    running = [asyncio.create_task(part.run()) for part in (outbox, dispatcher, web)]
    try:
        yield services, await web.started()
    finally:
        for task in reversed(running):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await outbox.close(5)
        await store.close()


@asynccontextmanager
async def _readers(
    url: str, services: Services, looks: tuple[Look, ...]
) -> AsyncIterator[asyncio.StreamReader]:
    """The pages' process, on stories that are there already; what it says, once all pages are open."""
    for look in looks:
        for number in range(PASSAGES):
            await services.generation.receive_message(
                Message(str(uuid4()), look.room, WRITER, f"{numeral(number)}番の雨。"), None
            )
    rooms = [f"{look.room.id}={look.pages}" for look in looks]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.web_readers", url, *rooms, stdout=asyncio.subprocess.PIPE
    )
    if process.stdout is None:
        raise RuntimeError("the pages' process has no output")
    try:
        if await process.stdout.readline() != b"open\n":
            raise RuntimeError("the pages could not be opened")
        yield process.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _reply(services: Services, writing: Writing, look: Look, said: asyncio.StreamReader) -> None:
    """One reply, until each page has the last of it."""
    writing.number += 1
    await services.generation.receive_message(
        Message(str(uuid4()), look.room, WRITER, ""), GenerationOptions()
    )
    stamps: dict[str, float] = {}
    async with asyncio.timeout(PATIENCE_S):
        while len(stamps) < look.pages:
            line = (await said.readline()).decode()
            if not line:
                raise RuntimeError("the pages' process ended")
            room, page, stamp, *found = line.split()
            if room == look.room.id and numeral(writing.number) in found:
                stamps.setdefault(page, float(stamp))
    look.first_s.append(min(stamps.values()) - writing.ended_s)
    look.last_s.append(max(stamps.values()) - writing.ended_s)
    await asyncio.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
