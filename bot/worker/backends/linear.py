"""Matrix products that give a row the same bits whatever other rows are beside it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

Linear = Callable[[torch.Tensor], torch.Tensor]

PACKING_ROWS = 8
"""How many rows the packed layout is made for: one a slot."""


def make_linear(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    """`x -> x @ weight.T + bias` for x of shape (rows, inputs).

    In float32 on a CPU the weight is repacked by oneDNN: the plain product takes another kernel below four
    rows, which rounds differently (a writer's story would change with the company it keeps), and is half as
    fast at eight. The caller drops its own reference to `weight`: then there is one copy.
    """
    if weight.device.type == "cpu" and weight.dtype == torch.float32 and _packs():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), PACKING_ROWS)  # noqa: SLF001
        product = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001
        return lambda x: product(x, packed, bias, "none", [], "")
    return lambda x: functional.linear(x, weight, bias)


def _packs() -> bool:
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def compact(table: torch.Tensor) -> torch.Tensor:
    """The table in two bytes a number where that loses nothing (published checkpoints); else itself."""
    if table.dtype != torch.float32:
        return table
    for dtype in (torch.bfloat16, torch.float16):
        if all(torch.equal(part.to(dtype).float(), part) for part in torch.split(table, 4096)):
            return table.to(dtype)
    return table
