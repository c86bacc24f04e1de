"""Finds and reads a checkpoint at once, as most tests want it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.worker.checkpoints.loader import Checkpoint, find_checkpoint, read_checkpoint


def load_checkpoint(name_or_folder: str | Path, **options: Any) -> Checkpoint:
    """A checkpoint for torch; `options` are those of `read_checkpoint`."""
    return read_checkpoint(find_checkpoint(name_or_folder), **options)
