"""The process of a cell, and the one that watches it: one that forks both waits for work.

    runner -- starts, once --> server -- forks, for each cell --> watcher -- forks --> cell

The server has imported what every cell needs and has loaded the faces, so that a cell begins in milliseconds; it runs
no method, so what a cell does to its process, no other cell meets. The watcher ends the cell and all that it started
when a limit is passed, when the runner is gone, and when the cell has ended and left something behind.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import importlib
import json
import os
import pickle
import select
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import cv2

from fldbench import registry
from fldbench.errors import FldbenchError, text_of
from fldbench.files import temporary_folder
from fldbench.model_file import header_model
from fldbench.progress import listening
from fldbench.protocols import Protocol
from fldbench.records.machine import machine_facts
from fldbench.records.store import Store
from fldbench.run.cell import Cell, run_cell
from fldbench.run.data import SuiteData, place_of
from fldbench.run.descendants import adopt_orphans, descendants, end_all, end_with, memory_of
from fldbench.run.limits import Limits
from fldbench.run.quiet import Place, join, read_state
from fldbench.run.specs import TrainSpec

REQUEST = struct.Struct("dd")  # the limits; with it come the files: see `serve`
FILES = 5
LOOK_EVERY = 0.5  # seconds, at memory
LONGEST_NEWS = 1000  # letters of a progress message, so that it is written as one
NEWS_EVERY = 0.1  # seconds
GRACE = 10  # seconds, to clean up when the work is done
OWN_DATASETS = "fldbench.datasets."
OWN_METHODS = ("fldbench.baselines.", "fldbench.cnn.")
# Of the measurement of latency, and of the files of models.
SLOW_IMPORTS = ("scipy.stats", "threadpoolctl", "safetensors.numpy", "encodings.ascii", "encodings.utf_8_sig")
ENDED, TOO_LONG, TOO_LARGE, NOT_WANTED = "ended", "too long", "too large", "not wanted"


def serve(descriptor: int, faces: bytes) -> None:
    """Load the faces, then fork a watcher and a cell for each request until the other side of the socket is closed.

    With a request come five files: the pickled work, where messages go (JSON, one a line), where the output of the cell
    goes, one that ends when the runner is gone or does not want the cell any more, and one that says how long the cell
    has stood still (see `fldbench.run.quiet`).

    Parameters
    ----------
    descriptor : int
        Of the socket.
    faces : bytes
        What `faces_of` returns.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # watchers that have ended are forgotten
    data = loaded(faces)
    gc.freeze()  # a collection in a cell would write to, and so copy, every page that is shared with this process
    with socket.socket(fileno=descriptor) as runner:
        while True:
            request, files, _, _ = socket.recv_fds(runner, REQUEST.size, FILES)
            if not request:
                return
            if _fork() == 0:
                runner.close()
                try:
                    _watcher(data, *files, limits=Limits(*REQUEST.unpack(request)))
                finally:
                    os._exit(1)
            for file in files:
                os.close(file)


def _watcher(
    data: SuiteData, work: int, messages: int, output: int, wanted: int, still: int, *, limits: Limits
) -> None:
    """Start the cell, wait until it ends or must end, and say how that was. Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    adopt_orphans()
    with temporary_folder() as folder:
        watcher, cell = os.getpid(), _fork()
        if cell == 0:
            try:
                os.close(wanted)
                end_with(watcher)
                _cell(data, work, messages, output, still, folder)
            finally:
                os._exit(1)
        _send(messages, {"watcher": os.getpid()})  # now, as its processes can be found and stopped
        how, status = _watched(cell, wanted, still, limits)
        left = end_all(os.getpid())
    _send(messages, {"how": how, "status": status, "left": left if how == ENDED else 0})
    os._exit(0)


def _watched(cell: int, wanted: int, still: int, limits: Limits) -> tuple[str, int]:
    """Return why the wait is over, and the status of the cell as `os.waitpid` tells it."""
    end = time.monotonic() + limits.seconds
    # A file that becomes readable when the process ends, where the system has such files.
    files = [wanted, os.pidfd_open(cell)] if hasattr(os, "pidfd_open") else [wanted]
    pause = LOOK_EVERY if len(files) > 1 else 0.02
    while True:
        left = end + read_state(still).stood_still() - time.monotonic()
        ready, _, _ = select.select(files, [], [], max(0.0, min(pause, left)))
        pid, status = os.waitpid(cell, os.WNOHANG)
        if pid:
            return ENDED, status
        if wanted in ready:
            return NOT_WANTED, 0
        if time.monotonic() >= end + read_state(still).stood_still():
            return TOO_LONG, 0
        if limits.memory_gb * 1e9 < memory_of([cell, *descendants(cell)]):
            return TOO_LARGE, 0


def _cell(data: SuiteData, work: int, messages: int, output: int, still: int, folder: Path) -> None:
    """Do the work in this process. Never returns: threads that the cell has left behind cannot hold it up."""
    os.setsid()
    with suppress(OSError):  # if memory runs out, it is this process that must go, not the runner
        Path("/proc/self/oom_score_adj").write_text("500")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable()
    cv2.setNumThreads(-1)  # as many as it has by default
    with open(work, "rb") as file:
        place, pickled = pickle.load(file)
    os.environ.clear()
    os.environ.update(place["environ"])
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    sys.path[:] = place["path"]
    os.chdir(place["folder"])
    cell, store = pickle.loads(pickled)
    join(Place(still, partial(_ask, messages) if place["others"] else None, place["alone"]))
    status = 1
    try:
        with listening(_relay(messages)):
            _send(messages, {"done": run_cell(cell, Store(store.folder.absolute(), create=False), data)})
        status = 0
        signal.alarm(GRACE)  # which ends the process
        atexit._run_exitfuncs()  # such as those that end idle workers
    except FldbenchError as error:  # such as a disk that is full: no fault of the method
        _send(messages, {"raised": [type(error).__name__, text_of(error)]})
    except OSError as error:
        _send(messages, {"raised": ["StoreError", text_of(error)]})
    except BaseException:  # what not even `run_cell` catches
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(status)


def loaded(faces: bytes) -> SuiteData:
    """Import what every cell would import, and return the faces that the cells need."""
    # The threads of a pool would be missing in every fork, which would wait for them.
    cv2.setNumThreads(1)
    roots, problems, needed, methods, rendered = pickle.loads(faces)
    for module in (*SLOW_IMPORTS, *methods):
        with suppress(Exception):  # the cell that needs it will say so
            importlib.import_module(module)
    machine_facts()  # read once, for all cells, as are the names that installed packages add
    registry.names("method")
    header_model()
    data = SuiteData(roots, problems)
    data.take(rendered)
    data.preload(needed)
    return data


def faces_of(cells: Sequence[Cell], data: SuiteData | None = None) -> bytes:
    """Return which faces and modules some cells need, for `serve`; what plug-ins registered is left out.

    Of `data`, the faces that this process has loaded, those go along that are slow to load.
    """
    needed: dict[tuple[str, str], TrainSpec | Protocol] = {}
    for cell in cells:
        named: list[TrainSpec | Protocol] = [cell.train, *(run.protocol for run in cell.runs)]
        for one in named:
            if str(registry.table("dataset").get(one.dataset)).startswith(OWN_DATASETS):
                needed[place_of(one), one.hash if isinstance(one, Protocol) else ""] = one
    methods = {str(registry.table("method").get(cell.method.name)).partition(":")[0] for cell in cells}
    own = sorted(name for name in methods if name.startswith(OWN_METHODS))
    places = {place for place, _ in needed}
    rendered = {} if data is None else {place: one for place, one in data.rendered().items() if place in places}
    return pickle.dumps((cells[0].data, cells[0].problems, list(needed.values()), own, rendered))


def work_of(cell: Cell, store: Store, others: bool = False, alone: bool = True) -> bytes:
    """Return what `_cell` reads: where it runs, beside which others, and the cell and its store.

    Classes of the main program and of modules that cannot be imported are sent by value.
    """
    place = {
        "environ": dict(os.environ),
        "path": list(sys.path),
        "folder": os.getcwd(),
        "others": others,
        "alone": alone,
    }
    return pickle.dumps((place, cloudpickle.dumps((cell, store))))


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of other threads. Those of BLAS wait for work, and BLAS prepares itself for a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _relay(messages: int) -> Callable[[str, int, int], None]:
    last = 0.0

    def say(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= NEWS_EVERY:
            last = now
            _send(messages, {"news": [what[:LONGEST_NEWS], done, total]})

    return say


def _ask(messages: int, wish: bool) -> None:
    """Ask the runner for a quiet moment, or say that it is over."""
    _send(messages, {"quiet": wish})


def _send(messages: int, message: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):
        left = memoryview(json.dumps(message).encode() + b"\n")
        while left:
            left = left[os.write(messages, left) :]
