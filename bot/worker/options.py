"""What a worker can be told about its model. Knows no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The settings of `[engine]` in config/default.toml, where they are explained.

    `model`: None is the embedded one. `threads`: None is as many as there are cores. `kv_memory_mib`: None is
    what suits the machine. `cache`: None is the user's cache folder. `languages`: codes, or `all`.
    """

    model: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    backend: str = "auto"
    quantization: str = "auto"
    slots: int = 16
    threads: int | None = None
    kv_memory_mib: int | None = None
    kv_precision: str = "auto"
    cuda_graphs: str = "off"
    cache: Path | None = None
    languages: tuple[str, ...] = ("ja", "en")
