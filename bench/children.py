"""Measurements in processes of their own, so that their memory and threads are gone afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 1800
LAST_LINES = 8


class ChildFailed(Exception):
    """A measuring process failed; the message has its last words."""


def ask(module: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Run `python -m module` with `spec` on its standard input; what it answered.

    Raises:
        ChildFailed: it failed, or took too long and was ended.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", module],
            cwd=ROOT,
            input=json.dumps(spec),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildFailed(f"{module} took more than {TIMEOUT_S} s") from error
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-LAST_LINES:])
        raise ChildFailed(f"{module} ended with status {done.returncode}:\n{last}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def answer(measure: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """The other side of `ask`: read the spec, measure, answer in one line."""
    print(json.dumps(measure(json.load(sys.stdin))))
