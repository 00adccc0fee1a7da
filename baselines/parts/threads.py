"""Threads for the classical methods: work on rows in blocks, with the same results for every number of threads.

The compiled kernels (numba, OpenCV, BLAS) release Python's lock, so plain threads keep the cores busy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from fldbench.params import count_threads

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

T = TypeVar("T")


def blocks(n: int, size: int) -> list[slice]:
    """Return slices of at most `size` rows that cover n rows in order.

    >>> blocks(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]


def each_block(work: Callable[[slice], T], n: int, size: int, threads: int | None) -> list[T]:
    """Return work(rows) for every block of rows, computed in threads, in the order of the blocks.

    Parameters
    ----------
    work : callable
        Is given the slice of one block.
    n, size : int
        Number of rows, and how many of them form a block.
    threads : int or None
        None is one thread for each core.
    """
    workers = min(count_threads(threads), max(1, -(-n // size)))
    if workers == 1:
        return [work(rows) for rows in blocks(n, size)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, blocks(n, size)))


@contextmanager
def limited_blas(threads: int | None) -> Iterator[None]:
    """Let matrix products use this many threads inside the block (threadpoolctl)."""
    with _blas(len(sys.modules)).limit(limits=count_threads(threads)):
        yield


@lru_cache(maxsize=1)
def _blas(modules: int) -> ThreadpoolController:
    """Return the libraries of matrix products in this process, which has imported so many modules.

    To look for them takes 2 ms, more than most methods need for a face, and they come with a module.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
