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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog
from tqdm import tqdm
from transformers import XGLMConfig

from bot.domain.errors import CheckpointError
from bot.worker.checkpoints.int8 import Int8Model
from bot.worker.checkpoints.progress import Progress
from bot.worker.checkpoints.quantized_model import (
    CachedInt8Model,
    InMemoryInt8Model,
    Quantizer,
    cached_size,
    is_whole,
    write,
)
from bot.worker.checkpoints.weights import WeightFiles, reading
from bot.worker.memory import (
    UNLIMITED,
    LoadingPlan,
    MemoryBudget,
    ModelSize,
    gib,
    in_memory_int8_memory,
    int8_plan,
    quantization_memory,
)

CACHE_VARIABLE = "TSUZUKI_ENGINE__CACHE"

VERSION = "int8-v1"
"""To be counted on when what is written, or how weights are rounded, changes."""

SMALL_BYTES = 64 * 2**20
"""Checkpoints up to this size are converted at every start: in less time than looking for them takes."""

DIGESTS_FILE = "known.json"
"""In the cache: what the files that were read once hashed to, so that gigabytes are not hashed again."""

PARTIAL = ".partial"

_HASHED_AT_ONCE = 8 * 2**20
_HASHING = 0.2
"""The part of the progress that hashing takes; the rest is converting."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def cache_folder(named: Path | None, environ: Mapping[str, str]) -> Path | None:
    """`named`, or `$XDG_CACHE_HOME/tsuzuki`, or `~/.cache/tsuzuki`.

    None where that is in the home of somebody who has none, as users of containers often do.
    """
    try:
        return (named or Path(environ.get("XDG_CACHE_HOME") or "~/.cache", "tsuzuki")).expanduser()
    except RuntimeError:
        return None


@dataclass(frozen=True, slots=True)
class _Int8Request:
    """A checkpoint that is to be had in eight bits, and the memory for that and for keys and values."""

    folder: Path
    config: XGLMConfig
    weights: WeightFiles
    progress: Progress
    budget: MemoryBudget
    kv_bytes: int
    outputs: int | None

    @property
    def size(self) -> ModelSize:
        return ModelSize.of(self.config, self.outputs)

    def check(self, plan: LoadingPlan) -> None:
        """Raise CheckpointError where it does not fit when it is made that way."""
        self.budget.check(plan, self.size)


def int8_model(
    folder: Path,
    config: XGLMConfig,
    weights: WeightFiles,
    *,
    cache: Path | None,
    progress: Progress = lambda _: None,
    small_bytes: int = SMALL_BYTES,
    budget: MemoryBudget = UNLIMITED,
    kv_bytes: int = 0,
    outputs: int | None = None,
) -> Int8Model:
    """The checkpoint of `folder` in eight bits: from the cache, or converted into it now.

    Where the cache cannot be written or is None, the model is made in memory and a warning is logged. Two
    processes may ask for the same at once: one converts, the other waits and finds it.

    Args:
        folder: the checkpoint's.
        config: its configuration.
        weights: its weight files.
        cache: the folder that holds converted checkpoints.
        progress: called with growing figures from 0 to 1.
        small_bytes: checkpoints up to this size are converted in memory.
        budget: the memory there is, checked where converting takes more of it than what was converted.
        kv_bytes: how much of it keys and values are to have.
        outputs: how many tokens may be drawn; None: all. The conversion is the same: the whole head is kept,
            for other languages and for scoring.

    Raises:
        CheckpointError: the checkpoint cannot be read, or there is no room for what is made of it.
    """
    wanted = _Int8Request(folder, config, weights, progress, budget, kv_bytes, outputs)
    if weights.size <= small_bytes:
        return _in_memory(wanted, Quantizer(config, weights))
    reason = f"nobody knows this user's home; name a folder with {CACHE_VARIABLE}"
    if cache is not None:
        try:
            return _cached(wanted, cache)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise CheckpointError(_no_room(cache, cached_size(config, weights))) from error
            reason = str(error)
    structlog.get_logger().warning(
        "the cache folder cannot be used: the model is converted in memory, at every start anew",
        cache=str(cache or ""),
        reason=reason,
    )
    return _in_memory_large(wanted)


def _in_memory_large(wanted: _Int8Request) -> InMemoryInt8Model:
    """Made in memory, where it fits."""
    wanted.check(_in_memory_plan(wanted, 0))
    quantizer = Quantizer(wanted.config, wanted.weights)
    wanted.check(_in_memory_plan(wanted, quantizer.table_bytes))
    return _in_memory(wanted, quantizer)


def _in_memory_plan(wanted: _Int8Request, table_bytes: int) -> LoadingPlan:
    takes = in_memory_int8_memory(wanted.size, wanted.kv_bytes, table_bytes) + sum(wanted.weights.whole)
    return LoadingPlan(
        "int8",
        takes,
        lambda size: in_memory_int8_memory(size, size.context_bytes(1), 2 * size.table),
        note=f" without a cache folder ({CACHE_VARIABLE} names one)",
    )


def _in_memory(wanted: _Int8Request, quantizer: Quantizer) -> InMemoryInt8Model:
    model = InMemoryInt8Model(quantizer)
    wanted.progress(1.0)
    return model


def _cached(wanted: _Int8Request, cache: Path) -> CachedInt8Model:
    cache.mkdir(parents=True, exist_ok=True)
    described = wanted.folder / "config.json"
    with reading(described):
        config = described.read_bytes()
    digest = _digest(wanted.weights.files, cache, lambda part: wanted.progress(_HASHING * part))
    kept = cache / f"{hashlib.sha256(digest + config).hexdigest()[:24]}-{VERSION}"
    if not is_whole(kept):
        with _locked(cache):
            # Another process may have made it while this one waited.
            if not is_whole(kept):
                _make(wanted, kept)
    wanted.progress(1.0)
    return CachedInt8Model(wanted.config, kept)


def _make(wanted: _Int8Request, kept: Path) -> None:
    """Convert into a sibling and rename it when it is whole."""
    wanted.check(_quantization_plan(wanted))
    quantizer = Quantizer(wanted.config, wanted.weights)
    # Nobody else converts: what is not whole was left behind by a process that died.
    for left in [*kept.parent.glob(f"*{PARTIAL}"), kept]:
        shutil.rmtree(left, ignore_errors=True)
    unfinished = kept.with_name(kept.name + PARTIAL)
    # First: a folder that cannot be written often tells that there is no room in it, too.
    unfinished.mkdir()
    try:
        if shutil.disk_usage(unfinished).free < cached_size(wanted.config, wanted.weights):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with _bar(lambda part: wanted.progress(_HASHING + (1 - _HASHING) * part)) as advance:
            write(quantizer, unfinished, advance)
        unfinished.rename(kept)
        structlog.get_logger().info("converted to int8, once", folder=str(kept))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _quantization_plan(wanted: _Int8Request) -> LoadingPlan:
    """What converting takes, before keys and values are there, or the converted model, where that is more."""
    converting = quantization_memory(wanted.size, sum(wanted.weights.whole))
    plan = int8_plan(wanted.size, wanted.kv_bytes)
    if plan.bytes_needed >= converting:
        return plan
    return replace(plan, bytes_needed=converting, note=", once converted,")


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
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
    """What all files hash to; read only where one is new under its path, or was touched."""
    known = _known(cache / DIGESTS_FILE)
    digests: dict[str, list[object]] = {}
    total = WeightFiles(tuple(files)).size or 1
    done = 0
    for file in files:
        with reading(file):
            path, found = file.resolve(), file.stat()
            mark = _mark(found)
            entry = known.get(str(path))
            if not isinstance(entry, list) or entry[:-1] != mark:
                entry = [*mark, _hash(path, partial(_tell, progress, done, total))]
        digests[str(path)] = entry
        done += found.st_size
    if any(known.get(path) != entry for path, entry in digests.items()):
        _remember(cache / DIGESTS_FILE, known | digests)
    return "".join(str(entry[-1]) for entry in digests.values()).encode()


def _mark(found: os.stat_result) -> list[object]:
    """What is another one once a file was written or replaced, even with its old size and time."""
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


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
        f"free some, or name a folder on another disk with {CACHE_VARIABLE}"
    )
