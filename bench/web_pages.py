"""From a reply's last token to every open page of a web room: `python -m bench.web_pages --pages 30`.

Room, rules, store, queue, dispatcher and outbox are the bot's own, and NiceGUI's socket; only what is written
is known beforehand. Two rooms of one server take turns, with one page and with many, so that both figures are
of one run. The pages are sockets in another process: people's browsers do not run on the bot's machine.
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
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from adapters.web import WebAdapter
from adapters.web.translate import room_of
from bot.messages import Ask, Author, Message, Room
from config.phrases import Phrases
from tests.fakes.house import PAIRS, House, opened

MOST_ROUNDS = 50
PASSAGES = 60
"""How long the stories are: about as long as an evening's."""

PAUSE_S = 0.3
"""Before the last token, so that it waits for nothing that was shown before it."""

PATIENCE_S = 30.0
AT_MOST = 1.5
WRITER = Author("web", "writer", "澪")


@dataclass(frozen=True, slots=True)
class Look:
    """The room with one page, or with many, and how long its last page waited in each round (s)."""

    room: Room
    pages: int
    last_s: list[float]
    first_s: list[float]


def main() -> None:
    """Measure, and print the figures; exit 1 where many pages wait too long."""
    options = _options()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="tsuzuki-bench-") as folder:
        one, many = asyncio.run(_measured(Path(folder), options.pages, min(options.rounds, MOST_ROUNDS)))
    ratio = median(many.last_s) / median(one.last_s)
    print(f"from the last token to the page, median of {len(one.last_s)} rounds (range):")
    for name, times in (
        ("1 page", one.last_s),
        (f"first of {many.pages} pages", many.first_s),
        (f"last of {many.pages} pages", many.last_s),
    ):
        print(f"  {name}: {median(times) * 1e3:.1f} ms ({min(times) * 1e3:.1f} to {max(times) * 1e3:.1f})")
    print(f"ratio: {ratio:.2f} (at most {AT_MOST} {'✓' if ratio <= AT_MOST else '✗'})")
    print(f"load average: {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    raise SystemExit(ratio > AT_MOST)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.web_pages", description=__doc__)
    parser.add_argument("--pages", type=int, default=30, help="that look at the second room")
    parser.add_argument("--rounds", type=int, default=20, help="replies in each room")
    return parser.parse_args()


async def _measured(folder: Path, pages: int, rounds: int) -> tuple[Look, Look]:
    say = Phrases.load()
    web = WebAdapter(say, port=0)
    async with opened(folder, web, say) as house:
        web.attach(house.play)
        looks = Look(room_of("one"), 1, [], []), Look(room_of("many"), pages, [], [])
        serving = asyncio.create_task(web.run())
        await web.started()
        for look in looks:
            for number in range(PASSAGES):
                await house.play.hear(Message(str(uuid4()), look.room, WRITER, f"{number}夜の雨。"), None)
        async with _readers(web.url, looks) as said:
            for number in range(rounds):
                for place, look in enumerate(looks):
                    await _reply(house, look, (2 * number + place) % len(PAIRS), said)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        return looks


@asynccontextmanager
async def _readers(url: str, looks: tuple[Look, ...]) -> AsyncIterator[asyncio.StreamReader]:
    """The pages' process; what it says, once all of them are open."""
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


async def _reply(house: House, look: Look, number: int, said: asyncio.StreamReader) -> None:
    """One reply: all pages see its beginning; then its end is written, and the pages' times are kept."""
    beginning, end = PAIRS[number]
    house.engine.written = number
    house.engine.free.clear()
    await house.play.hear(Message(str(uuid4()), look.room, WRITER, ""), Ask())
    await _seen(look, beginning, said)
    await asyncio.sleep(PAUSE_S)
    written_s = time.monotonic()
    house.engine.free.set()
    waits = [stamp - written_s for stamp in await _seen(look, end, said, since_s=written_s)]
    look.first_s.append(min(waits))
    look.last_s.append(max(waits))
    await asyncio.sleep(PAUSE_S)


async def _seen(look: Look, words: str, said: asyncio.StreamReader, since_s: float = 0.0) -> list[float]:
    """When each of a room's pages first got these words."""
    stamps: dict[str, float] = {}
    async with asyncio.timeout(PATIENCE_S):
        while len(stamps) < look.pages:
            line = (await said.readline()).decode()
            if not line:
                raise RuntimeError("the pages' process ended")
            room, page, stamp, *found = line.split()
            if room == look.room.id and words in found and float(stamp) > since_s:
                stamps.setdefault(page, float(stamp))
    return list(stamps.values())


if __name__ == "__main__":
    main()
