"""Several cells at the same time, each in a process of its own: one that dies takes no other cell with it."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from fldbench.records.store import Store
from fldbench.run.cell import Cell, record_failure
from fldbench.run.data import SuiteData
from fldbench.run.descendants import KNOWN
from fldbench.run.isolate import Running, Server, changed
from fldbench.run.limits import Limits

LOOK_EVERY = 0.2  # seconds, at the keyboard


def in_processes(
    cells: Sequence[Cell],
    store: Store,
    jobs: int,
    limits: Limits,
    data: SuiteData | None = None,
    on_news: Callable[[str, int, int], None] | None = None,
    on_note: Callable[[str], None] = lambda line: None,
    alone: bool = True,
) -> Iterator[str]:
    """Run cells, `jobs` at the same time, and yield what `run_cell` returns, in the order in which they end.

    A cell that crashes, hangs or takes too much becomes a failed record with its reason, and the others go on. What a
    cell prints is kept beside its records. `on_news` is told what a single cell reports from inside its training,
    `data` are the faces, if this process has them, and `alone` says whether no other process of the run is on this
    machine. While a cell measures its latency, the others stand still, where the system tells which processes they are.

    After one interruption (Ctrl-C) no cell is begun, and those that run are finished; after a second one they are
    ended. Then KeyboardInterrupt is raised.
    """
    waiting, running = deque(cells), list[Running]()
    others = jobs > 1 and KNOWN
    alone = alone and (jobs == 1 or KNOWN)
    with Server(cells, data) as server, interruptions() as interrupted:
        try:
            told, measuring = 0, None
            while running or (waiting and not interrupted):
                while waiting and len(running) < jobs and not interrupted and measuring is None:
                    running.append(server.start(waiting.popleft(), store, limits, others, alone))
                for one in changed(running, LOOK_EVERY):
                    if one.hear(on_news if jobs == 1 else None):
                        running.remove(one)
                        measuring = _next_quiet(measuring, running)
                        yield _ended(one, store, data)
                measuring = _next_quiet(measuring, running)
                if len(interrupted) > 1:
                    break
                if len(interrupted) > told:
                    told = len(interrupted)
                    on_note(f"interrupted: {len(running)} at work are finished first; once more, and they are ended")
        finally:
            for one in running:
                one.cancel()
            for one in running:
                while not one.hear():
                    changed([one], LOOK_EVERY)
                one.close()
    if interrupted:
        raise KeyboardInterrupt


def _next_quiet(measuring: Running | None, running: Sequence[Running]) -> Running | None:
    """Return the cell that measures its latency from now on, if any, while the others stand still."""
    if measuring is not None:
        if measuring in running and measuring.wishes_quiet:
            return measuring
        for one in running:
            if one is not measuring:
                one.go_on()
        if measuring in running:
            measuring.grant(False)
    if not all(one.begun for one in running):  # a process that is not there yet cannot be stopped
        return None
    wish = next((one for one in running if one.wishes_quiet), None)
    if wish is not None:
        for one in running:
            if one is not wish:
                one.stand_still()
        wish.grant(True)
    return wish


def _ended(one: Running, store: Store, data: SuiteData | None) -> str:
    """Write down how a cell ended, and return it in one line."""
    why, printed = one.close()
    line = record_failure(one.cell, store, why, data) if why else one.done or one.cell.label
    if one.left:
        left = f"it left {one.left} process{'es' * (one.left > 1)} behind, ended now"
        line, printed = f"{line}; {left}", f"{printed}\n{left}\n"
    if printed.strip():
        store.keep_output([run.key for run in one.cell.runs], printed)
    return line


@contextmanager
def interruptions() -> Iterator[list[int]]:
    """Collect interruptions in a list, in place of an exception at any moment; in the main thread alone."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def note(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)
