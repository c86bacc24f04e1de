"""Where converted checkpoints are kept: made once, found again by the content they were made of."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import structlog
from tqdm import tqdm
from transformers import XGLMConfig

from bot.errors import CheckpointError
from bot.worker.converted import (
    CONFIG,
    ConvertedModel,
    Quantizer,
    UnkeptModel,
    converted_size,
    is_whole,
    write,
)
from bot.worker.int8 import Int8Model
from bot.worker.memory import gib
from bot.worker.weights import WeightFiles

Progress = Callable[[float], None]

VERSION = "int8-v1"
"""To be counted on when what is written, or how weights are rounded, changes."""

SMALL_BYTES = 64 * 2**20
"""Checkpoints up to this size are converted at every start: in less time than looking for them takes."""

KNOWN = "known.json"
"""In the cache: what the files that were read once hashed to, so that gigabytes are not hashed again."""

PARTIAL = ".partial"

_HASHED_AT_ONCE = 8 * 2**20
_HASHING = 0.2
"""The part of the progress that hashing takes; the rest is converting."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def default_cache(environ: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME/tsuzuki`, or `~/.cache/tsuzuki`."""
    return Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tsuzuki"


def int8_model(
    folder: Path,
    config: XGLMConfig,
    weights: WeightFiles,
    *,
    cache: Path,
    progress: Progress = lambda _: None,
    small_bytes: int = SMALL_BYTES,
) -> Int8Model:
    """The checkpoint of `folder` in eight bits: from the cache, or converted into it now.

    Where the cache cannot be written, the model is made in memory and a warning is logged. Two processes may
    ask for the same at once: one converts, the other waits and finds it.

    Raises:
        CheckpointError: the checkpoint cannot be read, or there is no room for what is made of it.
    """
    if weights.size <= small_bytes:
        return _unkept(config, weights, progress)
    try:
        return _kept(folder, config, weights, cache, progress)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise CheckpointError(_no_room(cache, converted_size(config, weights))) from error
        structlog.get_logger().warning(
            "the cache folder cannot be used: the model is converted in memory, at every start anew",
            cache=str(cache),
            reason=str(error),
        )
        return _unkept(config, weights, progress)


def _unkept(config: XGLMConfig, weights: WeightFiles, progress: Progress) -> UnkeptModel:
    model = UnkeptModel(Quantizer(config, weights))
    progress(1.0)
    return model


def _kept(
    folder: Path, config: XGLMConfig, weights: WeightFiles, cache: Path, progress: Progress
) -> ConvertedModel:
    cache.mkdir(parents=True, exist_ok=True)
    described = (folder / CONFIG).read_bytes()
    digest = _digest(weights.files, cache, lambda part: progress(_HASHING * part))
    key = hashlib.sha256(digest + described).hexdigest()[:24]
    kept = cache / f"{key}-{VERSION}"
    if not is_whole(kept):
        with _alone(cache):
            # Another process may have made it while this one waited.
            if not is_whole(kept):
                quantizer = Quantizer(config, weights)
                size = converted_size(config, weights)
                _make(
                    quantizer, described, kept, size, lambda part: progress(_HASHING + (1 - _HASHING) * part)
                )
    progress(1.0)
    return ConvertedModel(config, kept)


def _make(quantizer: Quantizer, config: bytes, kept: Path, size: int, progress: Progress) -> None:
    """Convert into a sibling and rename it when it is whole."""
    # Nobody else converts: what is not whole was left behind by a process that died.
    for left in [*kept.parent.glob(f"*{PARTIAL}"), kept]:
        shutil.rmtree(left, ignore_errors=True)
    if shutil.disk_usage(kept.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    unfinished = kept.with_name(kept.name + PARTIAL)
    unfinished.mkdir()
    try:
        with _bar(progress) as told:
            write(quantizer, config, unfinished, told)
        unfinished.rename(kept)
        structlog.get_logger().info("converted to int8, once", folder=str(kept))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Let one process at a time convert. The lock goes with the process, however it ends."""
    folder = os.open(cache, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            structlog.get_logger().info("waiting for another process that converts", cache=str(cache))
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextmanager
def _bar(progress: Progress) -> Iterator[Progress]:
    """`progress`, with a bar for whoever sits at the terminal."""
    with tqdm(
        total=100,
        desc="converting to int8 (once)",
        unit="%",
        file=sys.stderr,
        disable=None,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}",
    ) as bar:

        def tell(part: float) -> None:
            bar.update(100 * part - bar.n)
            progress(part)

        yield tell


def _digest(files: Sequence[Path], cache: Path, progress: Progress) -> bytes:
    """What all files hash to; read only where their path, size or time is new."""
    known = _known(cache / KNOWN)
    digests: dict[str, list[object]] = {}
    total = sum(file.stat().st_size for file in files) or 1
    done = 0
    for file in files:
        path, found = file.resolve(), file.stat()
        mark = [found.st_size, found.st_mtime_ns]
        entry = known.get(str(path))
        if not isinstance(entry, list) or entry[:2] != mark:
            entry = [*mark, _hash(path, partial(_tell, progress, done, total))]
        digests[str(path)] = entry
        done += found.st_size
    if any(known.get(path) != entry for path, entry in digests.items()):
        _remember(cache / KNOWN, known | digests)
    return "".join(str(entry[2]) for entry in digests.values()).encode()


def _tell(progress: Progress, before: int, total: int, read: int) -> None:
    progress((before + read) / total)


def _hash(file: Path, progress: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as opened:
        while block := opened.read(_HASHED_AT_ONCE):
            digest.update(block)
            progress(opened.tell())
    return digest.hexdigest()


def _known(file: Path) -> dict[str, object]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(file: Path, known: Mapping[str, object]) -> None:
    # It only saves time: a cache that cannot be written, or another process's line that is lost, is no harm.
    with suppress(OSError):
        unfinished = file.with_name(f"{file.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(known, indent=1), encoding="utf-8")
        unfinished.replace(file)


def _no_room(cache: Path, size: int) -> str:
    return (
        f"there is no room in {cache} for the converted model, which takes about {gib(size)}; "
        "free some, or name a folder on another disk with TSUZUKI_ENGINE__CACHE"
    )
