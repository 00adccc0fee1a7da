"""The processes that a process has started, and theirs: what they hold, and their end. Linux tells by /proc."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
KNOWN = Path("/proc/thread-self/children").exists()  # whether this system tells them
ROUNDS = 50  # of ending processes, since each may have started another meanwhile


def adopt_orphans() -> None:
    """Let processes whose parent has ended become children of this one, so that none is lost."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with(parent: int) -> None:
    """Let this process be killed when its parent, whose number is `parent`, ends, however that ends; or has ended."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before this process could say what it wishes
        os.kill(os.getpid(), signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Return the process numbers of all children of a process, their children, and so on; none without /proc."""
    found, left = [], [pid]
    while left:
        for task in _listed(Path(f"/proc/{left.pop()}/task")):
            with suppress(OSError, ValueError):
                children = [int(word) for word in (task / "children").read_text().split()]
                found += children
                left += children
    return found


def memory_of(pids: list[int]) -> int:
    """Return the memory of processes in bytes; a page that several share counts as its part in each."""
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += 1024 * int(line.split()[1])
    return total


def end_all(pid: int) -> int:
    """Kill all descendants of this process, whose number is `pid`, and return how many were still running."""
    ended: set[int] = set()
    for _ in range(ROUNDS):
        running = descendants(pid)
        if not running:
            break
        for one in running:
            with suppress(OSError):
                os.kill(one, signal.SIGKILL)
                ended.add(one)
        with suppress(ChildProcessError):
            while os.waitpid(-1, 0)[0]:
                pass
    return len(ended)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
