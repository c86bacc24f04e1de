"""Environments of their own for peers, whose packages contradict ours or each other's."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

READY = ".ready"


def environment(folder: Path, requirements: Sequence[str], without: Sequence[str] = ()) -> Path:
    """The Python of an environment with these packages; made at the first call, in some minutes.

    Args:
        folder: where it is, or is to be.
        requirements: as pip takes them.
        without: packages that came with others and that do not fit this machine's torch.

    Raises:
        subprocess.CalledProcessError: pip could not install them.
    """
    python = folder / "bin" / "python"
    stamp = folder / READY
    wanted = "\n".join([*requirements, *(f"-{name}" for name in without)])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {', '.join(requirements)} …", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    _pip(python, "install", *requirements)
    if without:
        _pip(python, "uninstall", "--yes", *without)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - our own environment
