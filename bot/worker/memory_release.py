"""Gives memory back to the system that loading needed and serving does not."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterable

from torch import Tensor

_PAGE_OUT = 21
"""MADV_PAGEOUT, Linux 5.4: give the pages back; whoever reads them again gets the same bytes."""


def release_pages(tensors: Iterable[Tensor]) -> None:
    """Give the memory of these tensors back to the system where it can be read again from its file.

    They stay valid. Where the system knows no such call, nothing happens.
    """
    libc = _libc()
    if libc is None:
        return
    for tensor in tensors:
        start = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        length = tensor.data_ptr() + tensor.nbytes - start
        if length > 0:
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _PAGE_OUT)


def trim_heap() -> None:
    """Give back what was freed, where the allocator would keep it."""
    libc = _libc()
    if libc is not None and hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
