"""Lets go of memory that is mapped from a file and was read for the last time."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterable

from torch import Tensor

_PAGE_OUT = 21
"""MADV_PAGEOUT, Linux 5.4: give the pages back; whoever reads them again gets the same bytes."""


def let_go(tensors: Iterable[Tensor]) -> None:
    """Give the memory of these tensors back to the system where it can be read again from its file.

    They stay valid. Where the system knows no such call, nothing happens.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    for tensor in tensors:
        start = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        length = tensor.data_ptr() + tensor.nbytes - start
        if length > 0:
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _PAGE_OUT)
