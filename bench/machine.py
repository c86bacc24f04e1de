"""What the figures were measured on."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.memory import parse
from bench.shapes import GIB

UNITS = ("avx2", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm")
"""Instructions that speed depends on."""

PACKAGES = ("torch", "transformers", "openvino")
BUSY = 0.5
"""Processes that wanted to run at the beginning, from which on figures mean little."""


def describe(proc: Path = Path("/proc")) -> dict[str, str]:
    """Processor, memory, versions, date and how busy it was before."""
    cpu = _read(proc / "cpuinfo")
    model, flags = _field(cpu, "model name"), _field(cpu, "flags").split()
    units = " ".join(unit for unit in UNITS if unit in flags)
    total = parse(_read(proc / "meminfo")).get("MemTotal", 0)
    return {
        "processor": f"{model or 'unknown'}, {cores()} cores" + (f" ({units})" if units else ""),
        "memory": f"{total / GIB:.0f} GiB",
        "versions": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "date": datetime.now(UTC).date().isoformat(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy(machine: dict[str, str]) -> bool:
    """Whether something else was running."""
    return float(machine["load before"]) > BUSY


def _field(text: str, name: str) -> str:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
