"""A PostgreSQL server of the test run's own, on a Unix socket in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_DEBIAN = Path("/usr/lib/postgresql")
_START_S = 60
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
"""Where a server that is thrown away writes fastest."""
_ROOM_BYTES = 2**30
"""Containers often have 64 MB there, which a fresh server nearly fills."""


class NoServer(Exception):
    """No server can be started here; says why."""


@dataclass(frozen=True)
class Server:
    """A running server whose databases are reached through `socket`."""

    socket: Path
    user: str

    def url(self, database: str) -> str:
        """The URL of one of its databases, as a person would write it."""
        return f"postgresql://{self.user}@/{database}?host={quote(str(self.socket))}"


@contextmanager
def server() -> Iterator[Server]:
    """Run a server until the block ends.

    Raises:
        NoServer
    """
    programs, user = _programs(), _user()
    folder = Path(tempfile.mkdtemp(prefix="pg", dir=_parent()))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        trust = ["-A", "trust", "-U", "writer", "-E", "UTF8", "--locale=C", "--no-sync"]
        _run([programs / "initdb", "-D", data, *trust], user)
        # Nothing listens on the network; fsync off: the data lives as long as the tests.
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        control = [programs / "pg_ctl", "-D", data, "-w", "-t", str(_START_S)]
        _run([*control, "-l", folder / "log", "-o", options, "start"], user)
        try:
            yield Server(folder, "writer")
        finally:
            _run([*control, "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parent() -> Path | None:
    """Memory where there is enough of it, else the usual temporary folder."""
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
        return _MEMORY
    return None


def _programs() -> Path:
    folders = [path.parent for path in sorted(_DEBIAN.glob("*/bin/initdb"))]
    if not folders:
        raise NoServer(f"no PostgreSQL server under {_DEBIAN} (apt-get install postgresql)")
    return folders[-1]


def _user() -> str | None:
    """Whom the server runs as: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise NoServer("PostgreSQL does not run as root, and there is no user postgres") from None


def _run(command: Sequence[object], user: str | None) -> None:
    done = subprocess.run(  # noqa: S603 - our own commands
        [str(part) for part in command],
        user=user,
        cwd="/",
        stdin=subprocess.DEVNULL,
        # A file, not a pipe: the server would inherit the pipe and keep it open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise NoServer(f"{Path(str(command[0])).name} ended with {done.returncode}")
