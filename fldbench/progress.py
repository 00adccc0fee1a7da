"""Long work reports its progress here, without knowing who listens: a terminal, a log, or nobody."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from fldbench.escape import plain

Listener = Callable[[str, int, int], None]  # what is being done; steps done, steps in all
FEW = 50  # steps that each get a line of a log
LOG_EVERY = 10.0  # seconds
QUICK = 1.0  # seconds; a step of the same work that ends sooner gets no line of its own

_listener: ContextVar[Listener | None] = ContextVar("fldbench_progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Inside the block, `say_progress` calls `listener`; afterwards it calls whoever listened before."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def say_progress(what: str, done: int, total: int) -> None:
    """Tell the listener, if there is one; cheap enough for every step of a training.

    Parameters
    ----------
    what : str
        What is being done.
    done, total : int
        Steps done, and steps in all.

    >>> with listening(lambda *news: print(*news)):
    ...     say_progress("stages", 1, 5)
    stages 1 5
    """
    listener = _listener.get()
    if listener is not None:
        listener(what, done, total)


@contextmanager
def printed() -> Iterator[Listener]:
    """Print the progress of long work as lines on stderr: yields show(what was done, steps done, steps in all).

    A few steps get a line each, unless they are quick; many get one every ten seconds. What a method reports from
    inside its training is printed too.
    """
    with listening(Inside(_log_lines)):
        yield _log_lines()


class Inside:
    """A listener for the steps within a training: every new kind of work gets a new display.

    The text in brackets, such as the current loss, may change from step to step.
    """

    def __init__(self, display: Callable[[], Listener]):
        self._display = display
        self._what: str | None = None
        self._show: Listener = lambda *_: None  # until the first step

    def __call__(self, what: str, done: int, total: int) -> None:
        name = what.partition(" (")[0]
        if name != self._what:
            self._what, self._show = name, self._display()
        self._show(what, done, total)
        if done == total:
            self._what = None


def _log_lines() -> Listener:
    last = start = time.monotonic()
    said = ""
    first: tuple[float, int] | None = None

    def show(what: str, done: int, total: int) -> None:
        nonlocal last, said, first
        now = time.monotonic()
        # Steps before the first that is heard of may be an earlier run's: they took no time of this one.
        first = first or (now, done)
        pause = LOG_EVERY if total > FEW else QUICK if what == said else 0.0
        if done < total and now - last < pause:
            return
        last, said = now, what
        left = ""
        if first[1] < done < total:
            left = f", about {(now - first[0]) / (done - first[1]) * (total - done):.0f} s left"
        if what:
            print(f"{done} of {total} done after {now - start:.0f} s{left}: {plain(what)}", file=sys.stderr, flush=True)

    return show
