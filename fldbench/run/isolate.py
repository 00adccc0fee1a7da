"""Cells in processes of their own, seen from the runner: whatever one does, the runner goes on and says what it was."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from fldbench import errors
from fldbench.errors import FldbenchError, StoreError
from fldbench.records.store import Store
from fldbench.run.cell import LONGEST_TRACE, Cell, Failure
from fldbench.run.cell_process import ENDED, NOT_WANTED, REQUEST, TOO_LARGE, TOO_LONG, faces_of, work_of
from fldbench.run.data import SuiteData
from fldbench.run.descendants import descendants
from fldbench.run.limits import Limits
from fldbench.run.quiet import State, read_state, write_state

POSSIBLE = hasattr(os, "fork") and hasattr(socket, "send_fds")
LONGEST_OUTPUT = 1_000_000  # bytes that are kept of what a cell prints: its end


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Turn what the system refuses into an error that says what to do: a full disk, no memory, no processes left."""
    try:
        yield
    except OSError as error:
        place = tempfile.gettempdir()
        raise StoreError(
            f"no process can be started ({error.strerror or error}); free some space in {place}, or memory"
        ) from error


class Server:
    """The process that forks cells. It is closed at the end of the block, and ends with this process however that ends.

    Parameters
    ----------
    cells : sequence of Cell
        That it will be asked for: it loads their faces.
    data : SuiteData, optional
        The faces, if this process has them.
    """

    @_told_plainly()
    def __init__(self, cells: Sequence[Cell], data: SuiteData | None = None) -> None:
        with tempfile.TemporaryFile() as faces, ExitStack() as unless_started:
            faces.write(faces_of(cells, data))
            faces.seek(0)
            ours, theirs = map(unless_started.enter_context, socket.socketpair())
            code = (
                f"import sys; sys.path[:] = {sys.path!r}\n"
                f"from fldbench.run.descendants import end_with; end_with({os.getpid()})\n"  # also while it loads faces
                "from fldbench.run.cell_process import serve\n"
                f"serve({theirs.fileno()}, sys.stdin.buffer.read())"
            )
            # A session of its own, so that Ctrl-C reaches the runner alone, which decides.
            self._process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=faces, pass_fds=[theirs.fileno()], start_new_session=True
            )
            theirs.close()
            unless_started.pop_all()
        self._socket = ours

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()
        self._process.kill()  # it may be loading faces that nobody needs any more; its cells have ended
        self._process.wait()

    @_told_plainly()
    def start(self, cell: Cell, store: Store, limits: Limits, others: bool = False, alone: bool = True) -> Running:
        """Start a cell, and return it.

        `others` says whether other cells of this server run at its side, and `alone` whether no other process of the
        run is on this machine.
        """
        with tempfile.TemporaryFile() as work, ExitStack() as unless_started, ExitStack() as theirs:
            work.write(work_of(cell, store, others, alone))
            work.seek(0)
            output: IO[bytes] = unless_started.enter_context(tempfile.TemporaryFile())
            still: IO[bytes] = unless_started.enter_context(tempfile.TemporaryFile())
            messages, their_messages = os.pipe()
            unless_started.callback(os.close, messages)
            theirs.callback(os.close, their_messages)
            their_wanted, wanted = os.pipe()
            unless_started.callback(os.close, wanted)
            theirs.callback(os.close, their_wanted)
            files = [work.fileno(), their_messages, output.fileno(), their_wanted, still.fileno()]
            socket.send_fds(self._socket, [REQUEST.pack(*limits)], files)
            os.set_blocking(messages, False)
            unless_started.pop_all()  # `Running.close` closes them
        return Running(cell, limits, messages, wanted, output, still)


@dataclass(eq=False)
class Running:
    """A cell that was started.

    Attributes
    ----------
    cell : Cell
    limits : Limits
    messages : int
        File that becomes readable when there is news.
    wishes_quiet : bool
        It waits for the others to stand still, or uses that now.
    done : str or None
        What `run_cell` returned.
    left : int
        Processes that it left behind, which were ended.
    """

    cell: Cell
    limits: Limits
    messages: int
    wanted: int
    output: IO[bytes]
    still: IO[bytes]
    wishes_quiet: bool = False
    done: str | None = None
    left: int = 0
    _read: bytes = b""
    _raised: tuple[str, str] | None = None
    _end: dict[str, Any] | None = None
    _watcher: int = 0

    @property
    def begun(self) -> bool:
        """Whether its process is there, as its watcher has said."""
        return self._watcher > 0

    @property
    def lost(self) -> bool:
        """Whether its watcher is gone; a process that the cell left behind may still hold its files."""
        try:
            if self._watcher:
                os.kill(self._watcher, 0)
        except ProcessLookupError:
            return True
        return False

    def hear(self, on_news: Callable[[str, int, int], None] | None = None) -> bool:
        """Take the messages that have come, and return whether the cell has ended."""
        lost = self.lost
        with suppress(BlockingIOError):
            while part := os.read(self.messages, 1 << 16):
                self._read += part
            lost = True
        *lines, self._read = self._read.split(b"\n")
        for message in map(json.loads, lines):
            self._watcher = message.get("watcher", self._watcher)
            if "news" in message and on_news is not None:
                on_news(*message["news"])
            self.wishes_quiet = message.get("quiet", self.wishes_quiet)
            if "done" in message:
                self.done = message["done"]
            if "raised" in message:
                self._raised = tuple(message["raised"])
            if "how" in message:
                self._end = message
        if lost and self._end is None:  # somebody has killed the watcher, and with it the cell
            self._end = {"how": ENDED, "status": int(signal.SIGKILL), "left": 0}
        return self._end is not None

    def stand_still(self) -> None:
        """Stop its processes, all but the watcher; it has begun."""
        state = read_state(self.still.fileno())
        write_state(self.still, state._replace(since=time.monotonic()))
        stopped: set[int] = set()
        while new := set(descendants(self._watcher)) - stopped:
            for pid in new:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            stopped |= new

    def go_on(self) -> None:
        """Let its processes go on."""
        state = read_state(self.still.fileno())
        write_state(self.still, State(stood=state.stood_still()))
        for pid in descendants(self._watcher):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def grant(self, quiet: bool) -> None:
        """Tell it that the others stand still, or go on again."""
        write_state(self.still, read_state(self.still.fileno())._replace(granted=float(quiet)))

    def cancel(self) -> None:
        """Let its watcher end it at once."""
        if self.wanted >= 0:
            os.close(self.wanted)
            self.wanted = -1

    def close(self) -> tuple[Failure | None, str]:
        """Return why it did not do its work, if it did not, and what it printed. Raises what it raised.

        Raises
        ------
        FldbenchError
            What the cell met that no method is to blame for, such as a full disk.
        """
        end = self._end or {"how": NOT_WANTED, "status": 0, "left": 0}
        self.left = end["left"]
        self.cancel()
        os.close(self.messages)
        self.still.close()
        with self.output as output:
            size = output.seek(0, os.SEEK_END)
            output.seek(max(0, size - LONGEST_OUTPUT))
            printed = output.read().decode(errors="replace")
        if self._raised is not None:
            kind = getattr(errors, self._raised[0], FldbenchError)
            raise kind(self._raised[1])
        if self.done is not None or end["how"] == NOT_WANTED:
            return None, printed
        return Failure("failed", _why(end, self.limits), printed[-LONGEST_TRACE:]), printed


def changed(running: Sequence[Running], seconds: float) -> list[Running]:
    """Wait until one of the cells has something to say, or for so long; return those that have."""
    with selectors.DefaultSelector() as selector:
        for one in running:
            selector.register(one.messages, selectors.EVENT_READ, one)
        news = [key.data for key, _ in selector.select(seconds)]
    return news or [one for one in running if one.lost]


def _why(end: dict[str, Any], limits: Limits) -> str:
    if end["how"] == TOO_LONG:
        return (
            f"it took longer than its limit of {limits.seconds:g} s and was ended; raise the limit, or make it quicker"
        )
    if end["how"] == TOO_LARGE:
        return (
            f"it took more memory than its limit of {limits.memory_gb:g} GB and was ended; raise it, or make less of it"
        )
    status = end["status"]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name if number in set(signal.Signals) else "unknown"
        memory = "; perhaps there was too little memory" if number == signal.SIGKILL else ""
        return f"its process died with signal {number} ({name}){memory}"
    return f"its process ended with status {os.waitstatus_to_exitcode(status)} before its work was done"
