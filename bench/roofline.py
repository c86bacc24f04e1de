"""How fast memory can be read: the limit of decoding for one writer.

A token of one writer reads every weight once, so no more tokens a second are possible than bytes a second,
divided by the bytes of all weights, the head among them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from bench.children import answer

ARRAY_BYTES = 512 * 2**20
"""Far more than any cache holds."""


def measure(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes read a second while a float32 array is summed with all `threads`, once for each of `rounds`."""
    import torch

    torch.set_num_threads(spec["threads"])
    array = torch.ones(ARRAY_BYTES // 4)
    array.sum()
    return {"bytes_per_s": [ARRAY_BYTES / _seconds(array.sum) for _ in range(spec["rounds"])]}


def _seconds(work: Any) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


if __name__ == "__main__":
    answer(measure)
