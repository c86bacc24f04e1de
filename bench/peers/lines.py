"""A process that is asked by lines of JSON and answers by lines."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

STOP_TIMEOUT_S = 15
LAST_LINES = 8


class PeerFailed(Exception):
    """A peer ended or said nothing; the message has its last words."""


class LineProcess:
    """Asks a process line by line."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """One question, one answer. Raises PeerFailed."""
        if self._process.stdin is None:
            raise PeerFailed("it takes no questions")
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise PeerFailed(self._last()) from error
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line. Raises PeerFailed."""
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise PeerFailed(self._last())
        found: dict[str, Any] = json.loads(line)
        return found

    def _last(self) -> str:
        said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return "it ended:\n" + "\n".join(said)


@contextmanager
def line_process(
    python: Path, script: Path, settings: Mapping[str, Any], folder: Path
) -> Iterator[LineProcess]:
    """Start `script` with its settings as argument, wait for its first line, and end it afterwards.

    Raises:
        PeerFailed: it ended before.
    """
    log = folder / f"{script.stem}.log"
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own scripts
            [str(python), str(script), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        )
    try:
        found = LineProcess(process, log)
        found.answer()
        yield found
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
