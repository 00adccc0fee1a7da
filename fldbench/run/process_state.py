"""What belongs to the whole process: a method that changes it must not change what later methods do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def kept_as_it_was() -> Iterator[None]:
    """Put back, when the block ends, the working directory and what torch has as its defaults."""
    place = ""
    with suppress(OSError):  # it may have been removed
        place = os.getcwd()
    torch = sys.modules.get("torch")
    before = None
    if torch is not None:
        before = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_device()
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(place)
        if torch is not None and before is not None:
            dtype, grad, threads, device = before
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(grad)
            torch.set_num_threads(threads)
            if torch.get_default_device() != device:
                torch.set_default_device(device)
