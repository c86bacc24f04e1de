"""`tsuzuki run` as a process, with everything it says kept and waited for."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bot.app.conftest import COMMAND, clean_environ

PATIENCE_S = 30.0
SCRIPT = Path(sys.executable).with_name("tsuzuki")
PROGRAM = (str(SCRIPT),) if SCRIPT.exists() else COMMAND
"""The console script, as people start it; the module where the package is not installed."""


@dataclass(slots=True)
class BotProcess:
    """A running bot. `said` is what it wrote to both of its outputs."""

    process: asyncio.subprocess.Process
    said: str = ""
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, stream: asyncio.StreamReader | None) -> None:
        """Keep what comes from one output until it is closed."""
        while stream is not None and (line := await stream.readline()):
            self.said += line.decode()
            self._more.set()

    async def until_said(self, words: str) -> None:
        """Wait until the bot has said these words."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in self.said:
                self._more.clear()
                await self._more.wait()

    async def ended(self) -> int:
        """Wait for the end; returns the exit code."""
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)

    async def stop(self) -> int:
        """Ask it to end; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def bot_process(folder: Path, **variables: str) -> AsyncIterator[BotProcess]:
    """`tsuzuki run` with settings from the environment only; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "run",
        cwd=folder,
        env=clean_environ(
            **{
                "TSUZUKI_WEB__PORT": "0",
                "TSUZUKI_STORE__URL": f"sqlite:///{folder / 'stories.db'}",
                "TSUZUKI_GRACE_S": "5",
                **variables,
            }
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    bot = BotProcess(process)
    reading = [asyncio.create_task(bot.read(stream)) for stream in (process.stdout, process.stderr)]
    try:
        yield bot
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await asyncio.gather(*reading)
