"""How much memory there is and is needed, so that too little is said before loading, not by the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bot.domain.errors import CheckpointError

_MIB = 2**20
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class _Cgroup:
    """Where a container's limit and use are advice.

    `reclaimable`: figures of `memory.stat` that count as used, and that the kernel takes back when it needs
    them, as it does with files that were read.
    """

    folder: str
    limit: str
    used: str
    reclaimable: tuple[str, ...]


_CGROUPS = (
    _Cgroup(
        "sys/fs/cgroup", "memory.max", "memory.current", ("inactive_file", "active_file", "slab_reclaimable")
    ),
    _Cgroup(
        "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
)
"""Versions 2 and 1."""

KV_VARIABLE = "TSUZUKI_ENGINE__KV_MEMORY_MIB"

PIECE_BYTES = 2_000
"""What a piece of the vocabulary takes in the tokenizer: 0.5 GiB for 256,000, measured."""

PROCESS_BYTES = 640 * 2**20
"""The worker without weights and tokenizer: Python, torch, transformers and OpenVINO, which has computed;
measured with the 564M shape."""

COMPILED_BYTES = 512 * 2**20
"""What OpenVINO is given to compile at once, in memory twice until then: so much of the layers, or the head
where that is more."""

GPU_WORK_BYTES = 512 * 2**20
"""What products and a step's intermediate results take on a GPU, beside weights, keys and values."""

FREE_SHARE = 4
"""Keys and values may take this part of what is free: a quarter."""

GPU_SHARE = 0.9
"""Keys and values may take this share of a GPU's memory that weights and a step's work leave."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """The figures of a model that its memory depends on.

    `outputs`: how many tokens may be drawn; None: the whole vocabulary.
    """

    vocabulary: int
    width: int
    inner: int
    layers: int
    context: int = 2_048
    outputs: int | None = None

    @classmethod
    def of(cls, config: Any, outputs: int | None = None) -> Self:
        """From a checkpoint's XGLMConfig."""
        return cls(
            config.vocab_size,
            config.d_model,
            config.ffn_dim,
            config.num_layers,
            config.max_position_embeddings,
            outputs,
        )

    @property
    def head(self) -> int:
        """Numbers of the head that is drawn by."""
        return (self.vocabulary if self.outputs is None else self.outputs) * self.width

    @property
    def table(self) -> int:
        """Numbers of the embedding, which is the head of the whole vocabulary as well."""
        return self.vocabulary * self.width

    @property
    def layer(self) -> int:
        """Numbers of a layer's products. Biases and norms are a thousandth of it."""
        return (4 * self.width + 2 * self.inner) * self.width

    @property
    def parameters(self) -> int:
        """All of them, nearly."""
        return self.table + self.layers * self.layer

    def context_bytes(self, itemsize: int) -> int:
        """What the keys and values of one whole context take, `itemsize` bytes a number."""
        return self.context * 2 * self.layers * self.width * itemsize


PUBLISHED = {
    "facebook/xglm-564M": ModelSize(256_008, 1_024, 4_096, 24),
    "facebook/xglm-1.7B": ModelSize(256_008, 2_048, 8_192, 24),
    "facebook/xglm-2.9B": ModelSize(256_008, 2_048, 8_192, 48),
    "facebook/xglm-4.5B": ModelSize(256_008, 2_048, 16_384, 48),
    "facebook/xglm-7.5B": ModelSize(256_008, 4_096, 16_384, 32),
}
"""For advice only, small ones first: a checkpoint's own figures come from its config.json."""


def int8_memory(size: ModelSize, kv_bytes: int) -> int:
    """Bytes that the worker takes at most while it loads a converted model for OpenVINO, and afterwards.

    The input embedding is not counted: it is mapped, and only the rows of tokens that occur are read. What is
    there for a moment while it loads does for the whole head, if a text is scored later.
    """
    layers = size.layers * size.layer
    weights = layers + size.head + max(min(COMPILED_BYTES, layers), size.table)
    return PROCESS_BYTES + size.vocabulary * PIECE_BYTES + weights + kv_bytes


def in_memory_int8_memory(size: ModelSize, kv_bytes: int, table_bytes: int) -> int:
    """The same where nothing is mapped: the table and what OpenVINO packs its copies of stay in memory."""
    return int8_memory(size, kv_bytes) + size.parameters + table_bytes


def quantization_memory(size: ModelSize, whole_files: int) -> int:
    """Bytes that converting into a folder takes: one layer in float32, and files that are read at once."""
    return PROCESS_BYTES + size.vocabulary * PIECE_BYTES + 4 * size.layer + whole_files


def reading_memory(size: ModelSize, whole_file: int = 0) -> int:
    """Bytes that reading for torch takes beside what is kept: the largest tensor and the tokenizer.

    `whole_file`: bytes of a file that can only be read at once.
    """
    largest = max(size.table, size.width * size.inner) * 4
    return largest + size.vocabulary * PIECE_BYTES + whole_file


def torch_memory(size: ModelSize, itemsize: int, kv_bytes: int, whole_file: int = 0) -> int:
    """Bytes of one whole copy of the weights, of keys and values, and of what reading takes."""
    return size.parameters * itemsize + kv_bytes + reading_memory(size, whole_file)


def gpu_memory(size: ModelSize, itemsize: int, kv_bytes: int) -> int:
    """Bytes on a GPU: numbers are converted before they come there, so what reading takes is not there."""
    drawn = 0 if size.outputs is None else size.head
    return (size.parameters + drawn) * itemsize + kv_bytes + GPU_WORK_BYTES


def kv_needed(one_context: int, memory_mib: int | None) -> int:
    """Bytes that keys and values must have: those of one context, or more where `memory_mib` says so."""
    return max(one_context, (memory_mib or 0) * _MIB)


def gpu_work_memory(
    size: ModelSize, itemsize: int, *, rows: int, tokens: int, logits: int, graphs: bool
) -> int:
    """Bytes that a step takes at most on a GPU, beside weights, keys and values.

    The logits of `logits` tokens, twice; the widest intermediate result of `tokens` tokens, twice; with
    `graphs` the keys and values of one layer for the whole context of `rows` rows, before and after masking.
    """
    scores = logits * size.vocabulary * 4
    inner = tokens * size.inner * 4
    filled = rows * size.context * 2 * size.width * itemsize if graphs else 0
    return GPU_WORK_BYTES + 2 * (scores + inner + filled)


def cpu_kv_bytes(free: int | None) -> int | None:
    """Bytes that keys and values may take of a machine's `free` memory: a quarter. Others need the rest."""
    return None if free is None else free // FREE_SHARE


def gpu_kv_bytes(free: int | None, work: int) -> int | None:
    """Bytes that they may take on a GPU, which is the worker's alone: nearly all that a step leaves."""
    return None if free is None else max(0, int(GPU_SHARE * (free - work)))


def kv_blocks(
    *, context: int, block: int, bytes_per_token: int, slots: int, memory_mib: int | None, most: int | None
) -> int:
    """How many blocks of keys and values there are to be, of `block` tokens each.

    As many as `memory_mib` holds; where it is None, enough for every slot's whole context, but no more than
    `most` bytes hold. One whole context always fits, and a block for its copy on write.
    """
    whole = -(-context // block)
    if memory_mib is not None:
        wanted = memory_mib * _MIB // (block * bytes_per_token)
    else:
        wanted = whole * slots
        if most is not None:
            wanted = min(wanted, most // (block * bytes_per_token))
    return max(wanted, whole + 1)


@dataclass(frozen=True, slots=True)
class LoadingPlan:
    """A way to load a model: `takes` so many bytes, and `others` tells how many with a model of another size.

    `note` follows the name where a sentence says that this way takes too much.
    """

    name: str
    bytes_needed: int
    bytes_for: Callable[[ModelSize], int]
    note: str = ""


def int8_plan(size: ModelSize, kv_bytes: int) -> LoadingPlan:
    """Converted, for OpenVINO."""
    return LoadingPlan(
        "int8", int8_memory(size, kv_bytes), lambda other: int8_memory(other, other.context_bytes(1))
    )


def torch_plan(name: str, itemsize: int, size: ModelSize, kv_bytes: int, whole_file: int = 0) -> LoadingPlan:
    """For torch on a processor."""
    return LoadingPlan(
        name,
        torch_memory(size, itemsize, kv_bytes, whole_file),
        lambda other: torch_memory(other, itemsize, other.context_bytes(itemsize)),
    )


def gpu_plan(name: str, itemsize: int, size: ModelSize, kv_bytes: int) -> LoadingPlan:
    """For torch on a GPU, in the GPU's memory."""
    return LoadingPlan(
        name,
        gpu_memory(size, itemsize, kv_bytes),
        lambda other: gpu_memory(other, itemsize, other.context_bytes(itemsize)),
    )


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """The memory there is to load a model in: `free` bytes, None where nothing tells; `place` names it.

    `kv_mib`: MiB that somebody wants to have for keys and values.
    """

    free: int | None = None
    kv_mib: int | None = None
    place: str = "memory"

    def kv_bytes(self, one_context: int) -> int:
        """Bytes that keys and values are to have at least."""
        return kv_needed(one_context, self.kv_mib)

    def check(
        self, plan: LoadingPlan, size: ModelSize, plans: Callable[[], Sequence[LoadingPlan]] = tuple
    ) -> None:
        """Raise CheckpointError where a model of `size` does not fit.

        `plans`: other ways to load it that are possible here, the most frugal last; asked for only then.
        """
        if self.free is not None and self.free < plan.bytes_needed:
            raise CheckpointError(shortage(plan, self, self.free, size, plans()))


UNLIMITED = MemoryBudget()
"""Where nobody looks how much there is."""


def shortage(
    plan: LoadingPlan, budget: MemoryBudget, free: int, size: ModelSize, plans: Sequence[LoadingPlan] = ()
) -> str:
    """The sentence for memory that does not do, with what would.

    Args:
        plan: how the model was to be loaded.
        budget: where, and what was asked for there.
        free: the bytes there are.
        size: the model that was asked for; only smaller ones are named.
        plans: other ways to load the same, the most frugal last.
    """
    advice = [
        f"{other.name} takes about {gib(other.bytes_needed)}"
        + (" and would fit" if other.bytes_needed <= free else "")
        for other in plans
    ]
    frugal = plans[-1] if plans else plan
    smaller = [(name, other) for name, other in PUBLISHED.items() if other.parameters < 0.9 * size.parameters]
    fitting = [name for name, other in smaller if frugal.bytes_for(other) <= free]
    if fitting:
        advice.append(f"{fitting[-1]} in {frugal.name} would fit")
    if budget.kv_mib:
        advice.insert(0, f"{KV_VARIABLE} asks for {gib(budget.kv_mib * _MIB)} of it")
    rest = f"; {', '.join(advice)}" if advice else ""
    return (
        f"loading as {plan.name}{plan.note} takes about {gib(plan.bytes_needed)} of {budget.place} "
        f"and {gib(free)} is free{rest}. Free some, or choose a smaller checkpoint"
    )


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can be had without swapping, a container's limit respected; None where nothing tells."""
    found = [_meminfo(root / "proc/meminfo"), *(_left(root, cgroup) for cgroup in _CGROUPS)]
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


def _left(root: Path, cgroup: _Cgroup) -> int | None:
    folder = root / cgroup.folder
    limit, used = (_read(folder / name).strip() for name in (cgroup.limit, cgroup.used))
    if not (limit.isdigit() and used.isdigit()):
        return None
    figures = dict(
        line.split(maxsplit=1) for line in _read(folder / "memory.stat").splitlines() if " " in line
    )
    held = int(used) - sum(int(figures.get(name, 0)) for name in cgroup.reclaimable)
    return max(0, int(limit) - max(0, held))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
