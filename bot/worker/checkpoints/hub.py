"""Fetches a published checkpoint from the Hugging Face hub: what is needed, once, then from its cache."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from httpx2 import HTTPError  # what huggingface_hub speaks HTTP with, and lets through
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from tqdm.std import tqdm

from bot.domain.errors import CheckpointError

DESCRIPTION = ("config.json", "tokenizer.json", "sentencepiece.bpe.model")
SAFETENSORS = ("model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*-of-*.bin")

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def is_hub_name(name: str) -> bool:
    """Whether `name` is written like a repository on the hub: `owner/model`."""
    return _NAME.fullmatch(name) is not None


def fetch(
    name: str,
    progress: Callable[[float], None] = lambda _: None,
    *,
    endpoint: str | None = None,
    cache: Path | None = None,
) -> Path:
    """The folder that holds the checkpoint, fetched if the cache has it not.

    Safetensors are taken where the repository has them, pickles else, never both. Without a connection the
    cache is used as it is.

    Args:
        name: `owner/model`.
        progress: called with figures from 0 to 1, from the fetching threads.
        endpoint: another hub than `HF_ENDPOINT` names.
        cache: another cache than `HF_HOME` names.

    Raises:
        CheckpointError: it is not on the hub, or it cannot be reached and the cache has it not.
    """
    where: dict[str, Any] = {"endpoint": endpoint, "cache_dir": cache}
    try:
        # `model_info` fails at once without a connection; listing files is tried again for half a minute.
        siblings = HfApi(endpoint=endpoint).model_info(name).siblings or []
        return _download(name, _wanted([file.rfilename for file in siblings]), where, progress)
    except (RepositoryNotFoundError, GatedRepoError) as error:
        raise CheckpointError(
            f"the hub has no {name} that is open to you; check the name, or sign in with `hf auth login`"
        ) from error
    except HFValidationError as error:
        raise CheckpointError(f"{name} is no name of a model on the hub: {error}") from error
    except (HTTPError, OSError, OfflineModeIsEnabled) as error:
        return _from_cache(name, where, error)


def _wanted(names: Sequence[str]) -> tuple[str, ...]:
    safe = any(name in SAFETENSORS for name in names)
    return DESCRIPTION + (SAFETENSORS if safe else PICKLES)


def _download(
    name: str, patterns: Sequence[str], where: dict[str, Any], progress: Callable[[float], None]
) -> Path:
    missing = snapshot_download(name, allow_patterns=list(patterns), dry_run=True, **where)
    size = sum(file.file_size for file in missing if file.will_download)
    bars = _bars(size, progress)
    return Path(snapshot_download(name, allow_patterns=list(patterns), tqdm_class=bars, **where))


def _from_cache(name: str, where: dict[str, Any], cause: Exception) -> Path:
    for weights in (SAFETENSORS, PICKLES):
        try:
            found = snapshot_download(
                name, allow_patterns=[*DESCRIPTION, *weights], local_files_only=True, **where
            )
        except LocalEntryNotFoundError:
            continue
        if any((Path(found) / file).is_file() for file in weights):
            return Path(found)
    raise CheckpointError(
        f"{name} is not in the cache and the hub cannot be reached ({cause}); "
        "connect once, or give a folder that holds the checkpoint"
    ) from cause


def _bars(size: int, progress: Callable[[float], None]) -> type[tqdm[Any]]:
    """A progress bar class that shows nothing and tells `progress` the part of `size` bytes that came."""

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._counts_bytes = kwargs.get("unit") == "B"
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self._counts_bytes and size:
                progress(min(1.0, self.n / size))

    return Bar
