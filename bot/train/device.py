"""Where a run computes, and in what."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass

import torch

from bot.domain.errors import ConfigurationError

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Compute:
    """A device; whether torch.compile is used; whether products are computed in bfloat16.

    Weights, sums and held-out loss are float32 either way.
    """

    device: torch.device
    compiled: bool
    bfloat16: bool

    @classmethod
    def choose(
        cls, device: str = "auto", *, compiled: bool | None = None, bfloat16: bool | None = None
    ) -> Compute:
        """What is fastest here, where nothing else is asked for.

        Args:
            device: `auto` takes CUDA where there is one; else a name as torch has it.
            compiled: None: where there is what torch.compile needs.
            bfloat16: None: where the device multiplies it faster than float32.

        Raises:
            ConfigurationError: there is no such device.
        """
        found = _device(device)
        return cls(
            found,
            can_compile(found) if compiled is None else compiled,
            has_bfloat16(found) if bfloat16 is None else bfloat16,
        )


def can_compile(device: torch.device = CPU) -> bool:
    """Whether there is a C++ compiler, on CUDA also Triton: torch.compile makes a step a quarter shorter."""
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        return False
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++", "c++"))


def has_bfloat16(device: torch.device = CPU) -> bool:
    """Whether bfloat16 is multiplied faster than float32: it makes a step a third to a half shorter."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigurationError(f"there is no device {name}: auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and not _has_cuda(device.index or 0)):
        raise ConfigurationError(f"there is no device {name} here: auto takes what there is")
    return device


def _has_cuda(index: int) -> bool:
    return torch.cuda.is_available() and index < torch.cuda.device_count()
