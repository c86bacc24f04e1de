"""How much memory there is, so that too little is said before loading and not by the kernel's killer."""

from __future__ import annotations

from pathlib import Path

_GIB = 2**30
_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""A container's limit and use, cgroup versions 2 and 1."""


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can be had without swapping, a container's limit respected; None where nothing tells."""
    found = [_meminfo(root / "proc/meminfo"), *(_left(root, limit, used) for limit, used in _LIMITS)]
    known = [free for free in found if free is not None]
    return min(known) if known else None


def gib(size: int) -> str:
    """`size` bytes in GiB, for people."""
    return f"{size / _GIB:.1f} GiB"


def _meminfo(file: Path) -> int | None:
    for line in _read(file).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _left(root: Path, limit: str, used: str) -> int | None:
    ceiling, use = _read(root / limit[1:]).strip(), _read(root / used[1:]).strip()
    return max(0, int(ceiling) - int(use)) if ceiling.isdigit() and use.isdigit() else None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
