"""Processor time and memory of the tool itself: `python benchmarks/tool.py [FACES]`, default 1,000,000.

The command's start (`--help`, `list`), loading the annotations of 300-W from FLDBENCH_DATA, scoring predictions of
68 points (float32, mapped) on the faces of a pack, and `evaluate_file` of the same from an .npz file. Each has a
process of its own; the least of three is printed, with its most memory. A million faces take 3 GB in the folder for
temporary files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

# Modules are compiled at the first start, and never again.
ENVIRON = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
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
MAKE = """
import numpy as np
from fldbench.blocks import blocks
from fldbench.faces import FaceSet, ImageArrays
from fldbench.faces.pack import pack

class OneImage(ImageArrays):
    def __len__(self):
        return {n}
    def decode(self, i):
        return super().decode(0)
    def digest(self, i):
        return bytes(32)

rng, n = np.random.default_rng(0), {n}
truth, found = np.empty((n, 68, 2)), np.empty((n, 68, 2), np.float32)
for rows in blocks(n):
    truth[rows] = rng.uniform(0, 200, truth[rows].shape)
    found[rows] = truth[rows] + rng.normal(0, 3, truth[rows].shape)
ids = np.char.mod("clip/%07d", np.arange(n))
image = OneImage([np.zeros((200, 200, 3), np.uint8)])
pack(FaceSet(ids, image, np.tile([0.0, 0, 200, 200], (n, 1)), truth, "ibug-68"), "faces.pack")
np.savez("found.npz", ids=ids, predictions=found)
np.save("found.npy", found)
"""
PROTOCOL = """
import dataclasses
import numpy as np
import fldbench
rules = dataclasses.replace(
    fldbench.get_protocol("300w-full"), dataset="pack", split="all", options=(("file", "faces.pack"),), subset=None,
    union_of=(), n_expected={n}, ids_sha256=None,
)
"""
SCORE = (
    PROTOCOL
    + """
from fldbench.faces.pack import open_pack
faces, found = open_pack("faces.pack"), np.load("found.npy", mmap_mode="r")
before = time.process_time()
score = rules.score(found, faces)
"""
)
EVALUATE = (
    PROTOCOL
    + """
before = time.process_time()
score = fldbench.evaluate_file("found.npz", rules, ".").score
"""
)


def measured(work: str, folder: str = ".") -> tuple[float, float]:
    """Return seconds of processor time and MB: the least of three processes, which work in a folder."""
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE.format(work=work)],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env=ENVIRON,
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
    }
    large = {
        f"scoring {n:,} x 68 points": SCORE.format(n=n),
        f"evaluate, {n:,} in an .npz": EVALUATE.format(n=n),
    }
    if os.environ.get("FLDBENCH_DATA"):
        parts["annotations of 300w, train"] = LOAD.format(root=os.environ["FLDBENCH_DATA"])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", MAKE.format(n=n)], check=True, cwd=folder)
        for name, work in (parts | large).items():
            seconds, most = measured(work, folder)
            print(f"{name:<32}{seconds:>7.2f} s of one core  {most:>6.0f} MB at most", flush=True)


if __name__ == "__main__":
    main()
