"""Quiet moments: the latency of a model is measured while the other cells of its run stand still.

The runner stops their processes and lets them go on (SIGSTOP, SIGCONT). How long a cell stood still is told to it in a
file that both have open, so that neither its times nor its limit of time count that.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple

LOOK_EVERY = 0.002  # seconds, whether it is quiet

_STATE = struct.Struct("ddd")


class State(NamedTuple):
    """What the file says: seconds stood still so far, since when it does (`time.monotonic`, 0 if not), may it measure.

    `time.monotonic` is the same in all processes of a machine.
    """

    stood: float = 0.0
    since: float = 0.0
    granted: float = 0.0

    def stood_still(self) -> float:
        """Return for how many seconds the cell has stood still until now."""
        return self.stood + (time.monotonic() - self.since if self.since else 0.0)


def read_state(file: int) -> State:
    """Return what is in the file; nothing yet means the beginning."""
    content = os.pread(file, _STATE.size, 0)
    return State(*_STATE.unpack(content)) if len(content) == _STATE.size else State()


def write_state(file: IO[bytes], state: State) -> None:
    """Write all of it at once, so that no reader sees a half."""
    os.pwrite(file.fileno(), _STATE.pack(*state), 0)


class Place(NamedTuple):
    """Where this process stands: its file, how to ask for a quiet moment, and whether it works alone without asking."""

    file: int | None = None
    ask: Callable[[bool], None] | None = None
    alone: bool = True


_place = Place()


def join(place: Place) -> None:
    """Let this process know its place; by default it is the only one of a run."""
    global _place
    _place = place


def stood_still() -> float:
    """Return for how many seconds this process has stood still for others until now.

    >>> stood_still()
    0.0
    """
    return 0.0 if _place.file is None else read_state(_place.file).stood_still()


@contextmanager
def quiet() -> Iterator[bool]:
    """Yield when no other cell of this run works, and until the block ends none does; yield whether that is certain.

    It is not on a cluster, whose workers may share a machine.
    """
    if _place.ask is None or _place.file is None:
        yield _place.alone
        return
    _place.ask(True)
    while not read_state(_place.file).granted:
        time.sleep(LOOK_EVERY)
    try:
        yield True
    finally:
        _place.ask(False)
        while read_state(_place.file).granted:
            time.sleep(LOOK_EVERY)
