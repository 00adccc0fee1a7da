"""Where long work says how far it is, without knowing who listens: a terminal, a log, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, int, int], None]  # what is being done; steps done, steps in all

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
