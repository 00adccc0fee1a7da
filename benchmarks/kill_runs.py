"""Kill a run at random moments until it is done, and compare its tables with those of an unbroken run.

The suite has classical methods, an ensemble, a network and one with attributes. Each round starts the run, kills it
(SIGKILL) after a random time, and looks whether a process of it stays; when the run has come to its end, another one
begins in an empty folder, until there were so many kills or so many minutes are over. Every finished run must give the
rows of the unbroken one, apart from times, and the same predictions, and leave no file among the temporary ones, in
shared memory, or unfinished beside its records.

The start of Python and of its libraries would take most of the time. So this process imports them once, and forks: the
command, and the process from which the command forks its cells, begin in milliseconds; what they do then is what they
always do, and a kill is a kill. Every 20th round starts the command itself.

    python benchmarks/kill_runs.py --times 1000
"""

from __future__ import annotations

import argparse
import csv
import gc
import importlib
import math
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase
from pathlib import Path
from types import SimpleNamespace

os.environ |= {"OMP_NUM_THREADS": "1"}  # before anything makes threads, which no fork would have

import numpy as np
import yaml

from fldbench.cli import app
from fldbench.run import isolate
from fldbench.run.descendants import adopt_orphans, descendants, end_all
from fldbench.run.runner import plan_suite

SUITE = {
    "name": "killed",
    "train": [{"dataset": "synthetic", "options": {"faces": 12}}],
    "methods": [
        "mean-shape",
        {"name": "linear", "params": {"crop_size": 24}},
        {"name": "average", "params": {"methods": ["mean-shape", "linear"], "params": {"linear": {"crop_size": 24}}}},
        {"name": "cnn-small", "params": {"size": 32, "epochs": 4, "batch_size": 8, "training": {"save_seconds": 0}}},
        {
            "name": "cnn-small",
            "label": "cnn-small, attributes",
            "params": {"size": 32, "epochs": 4, "batch_size": 8, "tasks": ["landmarks", "glasses", "pose"]},
        },
    ],
    "define": [
        {
            "name": "same-faces",
            "dataset": "synthetic",
            "options": {"faces": 12},
            "split": "train",
            "normaliser": "inter-ocular",
        }
    ],
    "protocols": ["same-faces"],  # the faces of the training: few are drawn, and the numbers are no result
    "allow_overlap": True,
}
PATIENCE = 120  # seconds that the processes of a killed run have to see its end: one that loads faces ends after that
STARTED = 20  # every so many rounds the command itself is started
SUDDEN = 10  # every so many rounds all processes are killed together, as when a cluster ends a job
MEASURED = 10  # every so many runs one is not killed, to see how long a run takes now
TEMPORARY = "temporary"  # the folder of temporary files of all runs
SHARED_MEMORY = Path("/dev/shm")
# What the command and its cells import late.
IMPORTS = (
    "fldbench.baselines.average",
    "fldbench.baselines.linear",
    "fldbench.baselines.mean_shape",
    "fldbench.cli.terminal",
    "fldbench.cnn.nets.small",
    "fldbench.cnn.training.loop",
    "fldbench.cnn.training.pictures",
    "fldbench.datasets.synthetic",
    "fldbench.report",
    "fldbench.run.runner",
    "lightning_fabric",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "numba",
    "safetensors.numpy",
    "safetensors.torch",
    "scipy.stats",
    "threadpoolctl",
    "torch._dynamo",
)
# Columns that times are in; a network's file holds the seconds of its epochs, so that their digits change its size.
TIMES = ("seconds", "ms", "load", "resumed", "remark", "model_bytes")


def main() -> None:
    """Kill, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--random-state", type=int, default=0)
    given = parser.parse_args()
    draw = random.Random(given.random_state)
    for name in IMPORTS:
        importlib.import_module(name)
    isolate.subprocess = SimpleNamespace(Popen=Forked)  # type: ignore[assignment, attr-defined]
    adopt_orphans()
    with folder() as place:
        (place / TEMPORARY).mkdir()
        (place / "suite.yaml").write_text(yaml.safe_dump(SUITE))
        plan_suite(place / "suite.yaml", place / "nowhere")  # which reads the code of fldbench
        gc.freeze()  # no fork has to copy what it never changes
        end = time.monotonic() + 60 * given.minutes
        longest, wholes = {}, []
        for start in (forked, started):
            began = time.monotonic()
            ended(start(place, place / start.__name__))
            longest[start] = time.monotonic() - began
            wholes.append(content(place / start.__name__))
            print(f"unbroken, {start.__name__}: {longest[start]:.1f} s", flush=True)
        if wholes[0] != wholes[1]:
            sys.exit("the run that was forked differs from the one that was started, though neither was killed")
        shared = segments()
        kills: Counter[Callable[[Path, Path], int]] = Counter()
        finished = left = rounds = sudden = 0
        files: list[Path] = []
        before = 0  # kills of the other runs
        while kills.total() < given.times and time.monotonic() < end:
            out = place / f"run-{finished}"
            rounds += 1
            start = forked if rounds % STARTED else started
            unbroken = kills.total() == before and finished % MEASURED == MEASURED - 1
            began = time.monotonic()
            pid = start(place, out)
            if not ended(pid, None if unbroken else draw.uniform(0.0, longest[start])):
                together = descendants(os.getpid()) if rounds % SUDDEN == 1 else [pid]
                for one in together:
                    with suppress(ProcessLookupError):
                        os.kill(one, signal.SIGKILL)
                sudden += together != [pid]
                kills[start] += 1
                left += survivors()
                continue
            if kills.total() == before:
                longest[start] = time.monotonic() - began
            before = kills.total()
            left += survivors()
            if content(out) != wholes[0]:
                kept = shutil.copytree(out, f"killed-{kills.total()}")
                sys.exit(f"after {kills.total()} kills a run differs from the unbroken one; it is kept in {kept}")
            files += {*(place / TEMPORARY).iterdir(), *place.rglob(".*.part"), *segments()} - shared
            shutil.rmtree(out)
            finished += 1
            print(f"{kills.total()} kills, {finished} runs; left: {left} processes, {len(files)} files", flush=True)
    print(
        f"{kills.total()} kills, {kills[started]} of them of a command that was started and {sudden} of all processes "
        f"of the run together: {finished} runs came to their end, all as the unbroken one; {left} processes and "
        f"{len(files)} files were left behind{': ' * bool(files)}{', '.join(map(str, files))}"
    )


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a temporary folder; one of `tempfile.TemporaryDirectory` would be removed by every fork that ends."""
    place = Path(tempfile.mkdtemp())
    try:
        yield place
    finally:
        shutil.rmtree(place)


def started(place: Path, out: Path) -> int:
    """Start the command, and return the number of its process."""
    nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    command = [sys.executable, "-m", *arguments(place, out)]
    return os.posix_spawn(sys.executable, command, os.environ | environ(place), file_actions=nothing)


def forked(place: Path, out: Path) -> int:
    """Fork a process that does what the command does, and return its number."""
    pid = os.fork()
    if pid:
        return pid
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.environ.update(environ(place))
        tempfile.tempdir = None  # which had kept another folder
        sys.argv = arguments(place, out)
        app.main()
    finally:
        os._exit(0)


def arguments(place: Path, out: Path) -> list[str]:
    """Return the words of the command."""
    return ["fldbench", "run", str(place / "suite.yaml"), "--out", str(out)]


def environ(place: Path) -> dict[str, str]:
    """Return what runs have in their environment: places of their own for temporary files and what is kept."""
    return {"TMPDIR": str(place / TEMPORARY), "XDG_CACHE_HOME": str(place / "cache")}


class Forked:
    """Stands for `subprocess.Popen` where the command starts the process that forks its cells, `cell_process.serve`."""

    def __init__(self, command: list[str], stdin: BufferedIOBase, pass_fds: list[int], start_new_session: bool) -> None:
        self.pid = os.fork()
        if self.pid:
            return
        try:
            assert start_new_session
            os.setsid()
            os.dup2(stdin.fileno(), 0)
            for number in map(int, os.listdir("/proc/self/fd")):  # as a new program has them
                if number > 2 and number not in pass_fds:
                    with suppress(OSError):
                        os.close(number)
            exec(command[-1], {})
        finally:
            os._exit(0)

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Wait for its end."""
        os.waitpid(self.pid, 0)


def segments() -> set[Path]:
    """Return the files of shared memory."""
    return {path for path in SHARED_MEMORY.iterdir() if path.is_file()}


def ended(pid: int, seconds: float | None = None) -> bool:
    """Wait so long for the end of a process, for ever by default, and return whether it has ended."""
    file = os.pidfd_open(pid)
    try:
        return bool(select.select([file], [], [], seconds)[0])
    finally:
        os.close(file)


def content(out: Path) -> tuple[list[dict[str, str]], dict[str, bytes]]:
    """Return the rows of the leaderboard without times, and the predictions of each record."""
    with open(out / "leaderboard.csv", newline="") as file:
        rows = [{k: v for k, v in row.items() if not any(word in k for word in TIMES)} for row in csv.DictReader(file)]
    arrays = {}
    for path in sorted(out.glob("records/*/faces.npz")):
        with np.load(path) as kept:
            arrays[path.parent.name] = kept["predictions"].tobytes()
    return rows, arrays


def survivors() -> int:
    """Return how many processes of a run are still there when they have had time to see its end."""
    end = time.monotonic() + PATIENCE
    while running():
        if time.monotonic() > end:
            for pid in descendants(os.getpid()):
                with suppress(OSError):
                    print(f"left behind: {Path(f'/proc/{pid}/stat').read_text().strip()}", flush=True)
            return end_all(os.getpid())
        time.sleep(0.02)
    return 0


def running() -> bool:
    """Forget the children that have ended, orphans of runs too, and return whether there are others."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


if __name__ == "__main__":
    main()
