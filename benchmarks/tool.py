"""Processor time and memory of the tool itself: `python benchmarks/tool.py [FACES]`, default 1,000,000.

The command's start (`--help`, `list`), loading the annotations of 300-W from FLDBENCH_DATA, and scoring predictions of
68 points under one protocol. Each has a process of its own; the least of three is printed, with its most memory.
"""

from __future__ import annotations

import os
import subprocess
import sys

MEASURE = """
import resource, time
before = time.process_time()
{work}
spent = time.process_time() - before
print(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
COMMAND = """
import contextlib, io, sys
sys.argv = {words!r}
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    from fldbench.cli.app import main
    main()
"""
LOAD = """
import fldbench
before = time.process_time()
faces = fldbench.load_dataset("300w", {root!r}, "train")
"""
SCORE = """
import numpy as np
import fldbench
from fldbench.faces import FaceSet, NoImages
rng = np.random.default_rng(0)
truth = rng.uniform(0, 200, ({n}, 68, 2))
boxes = np.tile([0.0, 0, 200, 200], ({n}, 1))
faces = FaceSet(np.arange({n}).astype(str), NoImages({n}, "none"), boxes, truth, "ibug-68")
found = truth + rng.normal(0, 3, truth.shape)
rules = fldbench.get_protocol("300w-full")
before = time.process_time()
score = rules.score(found, faces)
"""


def measured(work: str) -> tuple[float, float]:
    """Return seconds of processor time and MB: the least of three processes."""
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE.format(work=work)], capture_output=True, text=True, check=True
        )
        seconds, most = done.stdout.split()[-2:]
        runs.append((float(seconds), float(most)))
    return min(runs)


def main() -> None:
    """Measure and print a line each."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    parts = {
        "fldbench --help": COMMAND.format(words=["fldbench", "--help"]),
        "fldbench list": COMMAND.format(words=["fldbench", "list"]),
        f"scoring {n:,} x 68 points": SCORE.format(n=n),
    }
    if os.environ.get("FLDBENCH_DATA"):
        parts["annotations of 300w, train"] = LOAD.format(root=os.environ["FLDBENCH_DATA"])
    for name, work in parts.items():
        seconds, most = measured(work)
        print(f"{name:<32}{seconds:>7.2f} s of one core  {most:>6.0f} MB at most", flush=True)


if __name__ == "__main__":
    main()
