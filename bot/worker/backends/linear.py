"""Matrix products that give a row the same bits whatever other rows are beside it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

Linear = Callable[[torch.Tensor], torch.Tensor]

PACKING_ROWS = 8
"""How many rows the packed layout is made for: a few writers at once."""

FEWEST = 2
"""Rows a product is given on a CPU: one row alone takes another kernel, which rounds differently from 2,048
inputs on."""

FEWEST_TALL = 4
"""The same for a product with very many outputs, the head: two rows take it longer than four."""


def make_head(weight: torch.Tensor) -> Linear:
    """`x -> x @ weight.T` in float32, for very many outputs.

    On CUDA a half type's product is not rounded to that type: of the 256 likeliest tokens' logits 56 were
    distinct in bfloat16.
    """
    if weight.device.type != "cuda" or weight.dtype == torch.float32:
        product = make_linear(weight, None, fewest=FEWEST_TALL)
        return lambda x: product(x).float()
    turned = weight.t()
    return lambda x: torch.mm(x, turned, out_dtype=torch.float32)


def make_linear(weight: torch.Tensor, bias: torch.Tensor | None, *, fewest: int = FEWEST) -> Linear:
    """`x -> x @ weight.T + bias` for x of shape (rows, inputs).

    On a CPU the weight is repacked by oneDNN where it can be. The plain product takes other kernels for few
    rows, which round differently: a writer's story would change with the company it keeps. In float32 it is
    half as fast at eight rows as the packed one, in bfloat16 at any number. Fewer rows than `fewest` are
    filled up. The caller drops its own reference to `weight`: then there is one copy.

    On CUDA it is the plain product, whose rounding may depend on the number of rows.
    """
    if weight.device.type != "cpu":
        return lambda x: functional.linear(x, weight, bias)
    if not _packs(weight.dtype):
        return _filled_up(lambda x: functional.linear(x, weight, bias), fewest)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), PACKING_ROWS)  # noqa: SLF001
    product = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001
    return _filled_up(lambda x: product(x, packed, bias, "none", [], ""), fewest)


def _filled_up(product: Linear, fewest: int) -> Linear:
    def linear(x: torch.Tensor) -> torch.Tensor:
        rows = len(x)
        if 0 < rows < fewest:
            return product(functional.pad(x, (0, 0, 0, fewest - rows)))[:rows]
        return product(x)

    return linear


def _packs(dtype: torch.dtype) -> bool:
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if dtype == torch.float32:
        return True
    supported = {
        torch.bfloat16: torch.ops.mkldnn._is_mkldnn_bf16_supported,  # noqa: SLF001
        torch.float16: torch.ops.mkldnn._is_mkldnn_fp16_supported,  # noqa: SLF001
    }
    return dtype in supported and bool(supported[dtype]())


def compact(table: torch.Tensor) -> torch.Tensor:
    """The table in two bytes a number where that loses nothing (published checkpoints); else itself.

    On a GPU always itself: there the head is the same tensor, not a repacked copy.
    """
    if table.dtype != torch.float32 or table.device.type != "cpu":
        return table
    for dtype in (torch.bfloat16, torch.float16):
        if all(torch.equal(part.to(dtype).float(), part) for part in torch.split(table, 4096)):
            return table.to(dtype)
    return table
