"""Writes a safetensors file piece by piece, so that no tensor has to be in memory as a whole.

The format: https://huggingface.co/docs/safetensors#format
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

_NAMES = {
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint8: "U8",
}
_ALIGNMENT = 64
"""Where the first tensor begins: at a whole cache line, as tensors in memory do."""


class TensorFile:
    """A file of tensors whose types and shapes are known, to be filled in any order."""

    def __init__(self, path: Path, tensors: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]) -> None:
        """Write the header. Tensors of wide numbers must come first, or later ones are not aligned.

        Raises:
            OSError
        """
        self._begins: dict[str, int] = {}
        described: dict[str, object] = {}
        end = 0
        for name, (dtype, shape) in tensors.items():
            begin, end = end, end + math.prod(shape) * dtype.itemsize
            self._begins[name] = begin
            described[name] = {"dtype": _NAMES[dtype], "shape": shape, "data_offsets": [begin, end]}
        header = json.dumps(described, separators=(",", ":")).encode()
        header += b" " * (-(len(header) + 8) % _ALIGNMENT)
        self._data = 8 + len(header)
        self._file = path.open("wb")
        self._file.write(struct.pack("<Q", len(header)) + header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close. What is there lies on the disk then, whatever becomes of the machine."""
        with self._file:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())

    def write(self, name: str, piece: Tensor, first: int = 0) -> None:
        """Put `piece` where row `first` of tensor `name` begins.

        Raises:
            OSError
        """
        row = math.prod(piece.shape[1:]) * piece.element_size()
        self._file.seek(self._data + self._begins[name] + first * row)
        self._file.write(piece.contiguous().view(torch.uint8).numpy().data)
