"""Keeps which tokens may be written, by tokenizer and languages: to choose them takes a second or two."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import structlog
from tokenizers import Tokenizer

from bot.worker.checkpoints.output_vocabulary import OutputVocabulary, choose_output
from bot.worker.checkpoints.tokenizer_loader import SENTENCEPIECE_FILE, TOKENIZER_FILE
from bot.worker.text.languages import Languages

VERSION = "outputs-v1"
"""To be counted on when other tokens are chosen for the same languages."""

SMALL_VOCABULARY = 32_768
"""Up to this size it is chosen at every start: in less time than looking for it takes."""


def output_vocabulary(
    folder: Path, tokenizer: Tokenizer, size: int, languages: Languages, cache: Path | None
) -> OutputVocabulary:
    """The tokens that the checkpoint of `folder` may write: from the cache, or chosen and kept there now.

    Args:
        folder: the checkpoint's.
        tokenizer: its tokenizer, plain.
        size: rows of its head.
        languages: what it is to write.
        cache: the folder that holds converted checkpoints; None, or one that cannot be written, is no harm.
    """
    kept = None
    if cache is not None and size > SMALL_VOCABULARY and not languages.everything:
        kept = cache / f"{_digest(folder, size, languages)}-{VERSION}.json"
    chosen = None if kept is None else _read(kept, size)
    if chosen is None:
        chosen = choose_output(tokenizer, size, languages)
        if kept is not None:
            _write(kept, chosen)
    structlog.get_logger().info(
        "tokens that may be written",
        rows=chosen.rows,
        of=chosen.size,
        languages=",".join(chosen.languages),
        **chosen.kinds,
    )
    return chosen


def _digest(folder: Path, size: int, languages: Languages) -> str:
    """Of what the choice depends on."""
    digest = hashlib.sha256(f"{size} {languages.names} {_version('wordfreq')} {_version('regex')}".encode())
    for name in (TOKENIZER_FILE, SENTENCEPIECE_FILE):
        with suppress(FileNotFoundError):
            digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:24]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _read(file: Path, size: int) -> OutputVocabulary | None:
    """What was kept; None where there is nothing of use."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        ids = None if found["ids"] is None else tuple(map(int, found["ids"]))
        kinds = {str(name): int(count) for name, count in found["kinds"].items()}
        chosen = OutputVocabulary(int(found["size"]), ids, tuple(found["languages"]), kinds)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return chosen if chosen.size == size and _is_sound(chosen) else None


def _is_sound(chosen: OutputVocabulary) -> bool:
    ids = chosen.ids
    return ids is None or (
        len(ids) > 0 and list(ids) == sorted(set(ids)) and ids[0] >= 0 and ids[-1] < chosen.size
    )


def _write(file: Path, chosen: OutputVocabulary) -> None:
    # It only saves time.
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f"{file.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(asdict(chosen)), encoding="utf-8")
        unfinished.replace(file)
