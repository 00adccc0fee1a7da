"""How the compiled loops are compiled, and the one function that makes an index of a number."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

from fldbench.files import sha256_of

HERE = sha256_of(__file__)


class _Cache(FunctionCache):
    """numba's cache on disk, without which a kernel is compiled again: its troubles are no reason to fail."""

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        # numba asks only whether the kernel's own file has changed, but `within` is part of its machine code.
        return (*super()._index_key(sig, codegen), HERE)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with suppress(Exception):  # a damaged file raises anything
            return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(Exception):  # a full disk, a folder that was removed
            super().save_overload(sig, data)


def compiled(function: Callable[..., Any] | None = None, fastmath: Collection[str] = ()) -> Any:
    """Return the function compiled at its first call, releasing Python's lock; a decorator, with options or without.

    `fastmath` names what LLVM may do with sums and products, such as "reassoc": to add in another order.

    The machine code is kept beside the source, in NUMBA_CACHE_DIR, or in the user's cache. Where none of these can be
    written, each process compiles for itself, which takes seconds.
    """
    if function is None:
        return partial(compiled, fastmath=fastmath)
    kernel = njit(nogil=True, fastmath=set(fastmath))(function)
    with suppress(RuntimeError):  # no place that can be written
        kernel._cache = _Cache(function)
    return kernel


@compiled
def within(value, high):
    """Return a number moved into [0, high], and 0 for NaN: what an `int` turns into an index must be in bounds.

    Nothing defines what the `int` of NaN and of numbers beyond 2^63 is; `images[int(x)]` then reads anywhere.
    """
    above = value if value > 0.0 else 0.0
    return above if above < high else high
