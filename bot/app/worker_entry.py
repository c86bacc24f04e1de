"""The bot's own worker: its command, and the process that it starts.

`python -m bot.app.worker_entry DOCUMENT`; the document is JSON and holds all that the worker is told. For
people there is `tsuzuki worker`, with an option for each setting.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from bot.worker.options import EngineOptions
from config.logging import configure_logging
from config.settings import EngineSettings


@dataclass(frozen=True, slots=True)
class WorkerDocument:
    """What a child is told."""

    socket: Path
    log_level: str
    engine: EngineOptions


DOCUMENT = TypeAdapter(WorkerDocument)


def engine_options(settings: EngineSettings, **given: object) -> EngineOptions:
    """The settings of `[engine]` as the worker takes them; what is `given` and not None counts instead."""
    said = {name: value for name, value in given.items() if value is not None}
    return EngineOptions(**{**settings.model_dump(exclude={"url", "cors_origins"}), **said})


def worker_command(settings: EngineSettings, log_level: str, socket: Path) -> list[str]:
    """How the worker is started as a child of this process."""
    document = WorkerDocument(socket, log_level, engine_options(settings))
    return [sys.executable, "-m", "bot.app.worker_entry", DOCUMENT.dump_json(document).decode()]


def main(document: str) -> None:
    """Be the child: its log goes to the bot, in the form that the bot reads."""
    from bot.worker.main import run_worker  # the bot, which imports this for the command, is no server

    told = DOCUMENT.validate_json(document)
    configure_logging(told.log_level, "json")
    run_worker(told.engine, "", 0, told.socket)


if __name__ == "__main__":
    main(sys.argv[1])
