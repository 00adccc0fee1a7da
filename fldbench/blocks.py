"""Columns of very many faces, worked through in parts: what is computed meanwhile fits the caches, not the memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

FACES = 4096  # in a part, at most
_MAPPED_AT_ONCE = 1 << 16  # bytes that Linux maps around a page that is read


def blocks(n: int) -> Iterator[slice]:
    """Yield parts of n rows, in order and of nearly the same length.

    So no part has a single row if n has more: numpy may add up the numbers of one row in another order.

    >>> list(blocks(5))
    [slice(0, 5, None)]
    >>> list(blocks(4097)) == [slice(0, 2048), slice(2048, 4097)]
    True
    """
    count = -(-n // FACES) or 1
    ends = [n * i // count for i in range(count + 1)]
    yield from map(slice, ends[:-1], ends[1:] if n else ())


def let_go(*columns: np.ndarray) -> None:
    """Hand back what was read of columns that are views of read-only mapped files; nothing happens to other columns.

    The pages stay in the system's cache, but no longer count as this process's memory.
    """
    for column in columns:
        base: Any = column
        while isinstance(base, np.ndarray):
            base = base.base
        mapped = base.obj if isinstance(base, memoryview) else base
        if isinstance(mapped, mmap.mmap) and column.size and memoryview(mapped).readonly:
            first = np.frombuffer(mapped, np.uint8).ctypes.data
            low, high = np.lib.array_utils.byte_bounds(column)
            hand_back(mapped, low - first, high - first)


def hand_back(mapped: mmap.mmap, start: int, end: int) -> None:
    """Let go of these bytes of a file that is mapped to be read, and of the pages around them."""
    if hasattr(mmap, "MADV_DONTNEED") and end > start:
        first = start - start % _MAPPED_AT_ONCE
        mapped.madvise(mmap.MADV_DONTNEED, first, -(-end // _MAPPED_AT_ONCE) * _MAPPED_AT_ONCE - first)
