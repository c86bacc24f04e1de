"""A file that is written whole, or stays as it was."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Write a text to a file. Where that fails (a full disk), what stood there stands there still.

    Raises:
        OSError: it cannot be written; `filename` says what.
    """
    path = path.expanduser()
    if path.exists() and not path.is_file():  # a device or a pipe has nothing to lose
        path.write_text(text, encoding="utf-8")
        return
    path = path.resolve()  # of a link the file that it leads to
    beside = _beside(path)
    try:
        beside.write_text(text, encoding="utf-8")
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def _beside(path: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    mask = os.umask(0)
    os.umask(mask)
    os.fchmod(handle, 0o666 & ~mask)  # as any new file, not as a temporary one
    os.close(handle)
    return Path(name)
