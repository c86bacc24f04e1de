"""How much memory there is and is needed, so that too little is said before loading, not by the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_MIB = 2**20
_GIB = 2**30
_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""A container's limit and use, cgroup versions 2 and 1."""

PIECE_BYTES = 2_000
"""What a piece of the vocabulary takes in the tokenizer: 0.5 GiB for 256,000, measured."""

PROCESS_BYTES = 640 * 2**20
"""The worker without weights and tokenizer: Python, torch, transformers and OpenVINO, which has computed;
measured with the 564M shape."""

COMPILED_BYTES = 512 * 2**20
"""What OpenVINO is given to compile at once, in memory twice until then: so much of the layers, or the head
where that is more."""

FREE_SHARE = 4
"""Keys and values may take this part of what is free: a quarter."""


@dataclass(frozen=True, slots=True)
class Size:
    """The figures of a model that its memory depends on."""

    vocabulary: int
    width: int
    inner: int
    layers: int

    @classmethod
    def of(cls, config: Any) -> Self:
        """From a checkpoint's XGLMConfig."""
        return cls(config.vocab_size, config.d_model, config.ffn_dim, config.num_layers)

    @property
    def table(self) -> int:
        """Numbers of the embedding, which is the head as well."""
        return self.vocabulary * self.width

    @property
    def layer(self) -> int:
        """Numbers of a layer's products. Biases and norms are a thousandth of it."""
        return (4 * self.width + 2 * self.inner) * self.width

    @property
    def parameters(self) -> int:
        """All of them, nearly."""
        return self.table + self.layers * self.layer


PUBLISHED = {
    "facebook/xglm-564M": Size(256_008, 1_024, 4_096, 24),
    "facebook/xglm-1.7B": Size(256_008, 2_048, 8_192, 24),
    "facebook/xglm-2.9B": Size(256_008, 2_048, 8_192, 48),
    "facebook/xglm-4.5B": Size(256_008, 2_048, 16_384, 48),
    "facebook/xglm-7.5B": Size(256_008, 4_096, 16_384, 32),
}
"""For advice only, small ones first: a checkpoint's own figures come from its config.json."""


def int8_memory(size: Size, kv_bytes: int) -> int:
    """Bytes that the worker takes at most while it loads a model for OpenVINO, and afterwards.

    The input embedding is not counted: it is mapped, and only the rows of tokens that occur are read.
    """
    weights = size.parameters + max(min(COMPILED_BYTES, size.layers * size.layer), size.table)
    return PROCESS_BYTES + size.vocabulary * PIECE_BYTES + weights + kv_bytes


def torch_memory(size: Size, itemsize: int, whole_file: int = 0) -> int:
    """Bytes of one whole copy of the weights, and of the largest tensor once more as it is read.

    `whole_file`: bytes of a file that can only be read at once.
    """
    largest = max(size.table, size.width * size.inner) * 4
    return size.parameters * itemsize + largest + size.vocabulary * PIECE_BYTES + whole_file


def kv_blocks(
    *, context: int, block: int, bytes_per_token: int, slots: int, memory_mib: int | None, free: int | None
) -> int:
    """How many blocks of keys and values there are to be, of `block` tokens each.

    As many as `memory_mib` holds; where it is None, enough for every slot's whole context, but no more than a
    quarter of the `free` bytes hold. One whole context always fits, and a block for its copy on write.
    """
    whole = -(-context // block)
    if memory_mib is not None:
        wanted = memory_mib * _MIB // (block * bytes_per_token)
    else:
        wanted = whole * slots
        if free is not None:
            wanted = min(wanted, free // FREE_SHARE // (block * bytes_per_token))
    return max(wanted, whole + 1)


def too_little(what: str, needed: int, free: int, others: dict[str, int], largest: Size) -> str:
    """The sentence for memory that does not do, with what would.

    Args:
        what: how it was to be loaded, for example `float32`.
        needed: the bytes that takes.
        free: the bytes there are.
        others: other ways to load the same, and the bytes they take.
        largest: the model that was asked for; only smaller ones are named.
    """
    ways = [
        f"{name} takes about {gib(size)}" + (" and would fit" if size <= free else "")
        for name, size in others.items()
    ]
    smaller = [(name, size) for name, size in PUBLISHED.items() if size.parameters < 0.9 * largest.parameters]
    fitting = [name for name, size in smaller if int8_memory(size, _one_context(size)) <= free]
    if fitting:
        ways.append(f"{fitting[-1]} in int8 would fit")
    told = f"; {', '.join(ways)}" if ways else ""
    return (
        f"loading as {what} takes about {gib(needed)} of memory and {gib(free)} is free{told}. "
        "Free some, or choose a smaller checkpoint"
    )


def _one_context(size: Size) -> int:
    # Keys and values of 2,048 positions in eight bits.
    return 2_048 * 2 * size.layers * size.width


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
