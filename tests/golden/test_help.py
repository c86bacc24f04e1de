"""`tsuzuki --help`, and that of every command."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from tests.golden.conftest import Golden
from tests.golden.doors import NAMED_COMMAND, ROOT, clean_environ

WIDTH = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}


def helped(*arguments: str) -> str:
    """What a command says of itself on a terminal of 100 columns."""
    result = subprocess.run(  # noqa: S603  our own command
        [*NAMED_COMMAND, *arguments, "--help"],
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=clean_environ(**WIDTH),
        timeout=60,
    )
    return f"$ tsuzuki {' '.join([*arguments, '--help'])}\n{result.stdout.decode()}"


def test_help_of_every_command(golden: Golden) -> None:
    """Names, options, defaults and sentences."""
    whole = helped()
    commands = re.findall(r"^  ([a-z]+) ", whole.partition("Commands:")[2], re.MULTILINE)
    with ThreadPoolExecutor(2) as threads:
        each = list(threads.map(helped, commands))
    golden(help="\n".join([whole, *each]))
