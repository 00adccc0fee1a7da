"""Kill a run at random moments until it is done, and compare its tables with those of an unbroken run.

The suite has classical methods, an ensemble, a network and one with attributes. Each round starts the command, kills it
(SIGKILL) after a random time, and looks whether a process of it stays; when the run has come to its end, another one
begins in an empty folder, until there were so many kills or so many minutes are over. Every finished run must give the
rows of the unbroken one, apart from times, and the same predictions.

    python benchmarks/kill_runs.py --times 1000
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import yaml

SUITE = {
    "name": "killed",
    "train": [{"dataset": "synthetic", "options": {"faces": 24}}],
    "methods": [
        "mean-shape",
        "linear",
        {"name": "average", "params": {"methods": ["mean-shape", "linear"]}},
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
            "options": {"faces": 24},
            "split": "train",
            "normaliser": "inter-ocular",
        }
    ],
    "protocols": ["same-faces"],  # the faces of the training: few are drawn, and the numbers are no result
    "allow_overlap": True,
}
MARK = "FLDBENCH_KILLED"  # in the environment of every process of a run
PATIENCE = 20  # seconds
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
    with tempfile.TemporaryDirectory() as place:
        suite = Path(place, "suite.yaml")
        suite.write_text(yaml.safe_dump(SUITE))
        began = time.monotonic()
        run(suite, Path(place, "whole")).wait()
        longest = time.monotonic() - began
        whole = content(Path(place, "whole"))
        kills = finished = left = 0
        end = began + 60 * given.minutes
        while kills < given.times and time.monotonic() < end:
            out = Path(place, f"run-{finished}")
            process = run(suite, out)
            try:
                process.wait(draw.uniform(0.0, longest))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                left += survivors(out)
                continue
            if content(out) != whole:
                kept = shutil.copytree(out, f"killed-{kills}")
                sys.exit(f"after {kills} kills a run differs from the unbroken one; it is kept in {kept}")
            shutil.rmtree(out)
            finished += 1
    print(
        f"{kills} kills: {finished} runs came to their end, all as the unbroken one; {left} processes were left behind"
    )


def run(suite: Path, out: Path) -> subprocess.Popen[bytes]:
    """Start the command."""
    command = [sys.executable, "-m", "fldbench", "run", str(suite), "--out", str(out)]
    quiet = subprocess.DEVNULL
    environ = os.environ | {"OMP_NUM_THREADS": "1", MARK: str(out)}
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, env=environ)


def content(out: Path) -> tuple[list[dict[str, str]], dict[str, bytes]]:
    """Return the rows of the leaderboard without times, and the predictions of each record."""
    with open(out / "leaderboard.csv", newline="") as file:
        rows = [{k: v for k, v in row.items() if not any(word in k for word in TIMES)} for row in csv.DictReader(file)]
    arrays = {}
    for path in sorted(out.glob("records/*/faces.npz")):
        with np.load(path) as kept:
            arrays[path.parent.name] = kept["predictions"].tobytes()
    return rows, arrays


def survivors(out: Path) -> int:
    """Return how many processes of the run into a folder are still there when they have had time to see its end."""
    end = time.monotonic() + PATIENCE
    while (found := alive(out)) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def alive(out: Path) -> int:
    """Return how many processes there are of the run into a folder."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            found += f"{MARK}={out}".encode() in path.read_bytes().split(b"\0")
    return found


if __name__ == "__main__":
    main()
