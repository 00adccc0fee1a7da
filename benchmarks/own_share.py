"""How much of a run is the methods' own work: `python benchmarks/own_share.py [demo] [classical]`, default both.

    demo         the suite of `make demo`, with its network
    classical    the classical methods of results/300w on its first 500 training faces (FLDBENCH_DATA), without the
                 boxes of a detector: some minutes

`fldbench run SUITE --jobs 1` is started in an empty folder, its libraries on one thread each, and the clocks run from
the start of Python to its end. From the records come the seconds of every fit and of all that a method answers:
landmarks, attributes, and how sure it is. Its latency on single faces and on small batches, which fldbench asks for
too, is a line of its own, made of the times of one face. What it takes to load the faces and to decode or draw their
images, once and without any run, is measured afterwards: a run does at least that too. Other work on the machine
changes the shares of processor time little, and those of wall time much: the parts are slowed down alike only while it
stays the same.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from fldbench import get_protocol
from fldbench.records.record import Record
from fldbench.records.store import read_records
from fldbench.run.data import SuiteData
from fldbench.run.latency import ALONE, BATCHES, FEWEST, SECONDS, WARM_UP
from fldbench.run.suite import DEMO, Suite, load_suite

CLASSICAL = {
    "name": "classical",
    "train": [{"dataset": "300w", "faces": 500}],
    "methods": ["mean-shape", "linear", "lbf", "asm", "hog-ridge"],
    "protocols": ["300w-helen", "300w-helen@interpupil", "300w-helen@boxes=jittered"],
}
# Processes of cells write down their time, because the one who forks them forgets them when they end.
TELLS = """
import atexit
import os

import fldbench

def tell():
    with open(os.environ["CELL_TIMES"], "a") as file:
        file.write(f"{sum(os.times()[:4])}\\n")  # its own and that of its processes

if os.environ.setdefault("RUNNER_OF_CELLS", str(os.getpid())) != str(os.getpid()):
    atexit.register(tell)
fldbench.register_method("never-run", fldbench.Method)  # a plug-in has to register something
"""
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


class Cost(NamedTuple):
    """Seconds, and seconds of processor time."""

    wall: float
    processor: float

    def __add__(self, other: Cost) -> Cost:  # type: ignore[override]
        return Cost(self.wall + other.wall, self.processor + other.processor)


def run(suite: dict[str, object] | None, place: Path) -> tuple[Cost, list[Record]]:
    """Return what the command costs and the records that it left."""
    file, plugin, times = place / "suite.yaml", place / "tells.py", place / "times"
    plugin.write_text(TELLS)
    times.touch()
    if suite is not None:
        file.write_text(yaml.safe_dump(suite))
    given = [] if suite is None else [str(file)]
    command = [sys.executable, "-m", "fldbench", "run", *given, "--out", str(place / "out"), "--plugin", str(plugin)]
    environ = os.environ | ONE_THREAD | {"CELL_TIMES": str(times)}
    environ |= {"XDG_CACHE_HOME": str(place / "cache")}  # nothing was cut before
    before, wall = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ)
    after, wall = os.times(), time.perf_counter() - wall
    ended = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, ended + sum(map(float, times.read_text().split()))), read_records(place / "out")


def parts_of(records: Sequence[Record]) -> dict[str, Cost]:
    """Return the cost of what a run consists of, each model and each answer counted once."""
    fits, answers, latency = {}, {}, {}
    for one in records:
        times, models = one.timings, tuple(one.method.models)
        place = models, one.protocol.box_source, one.protocol.harms
        fits[models] = _busy(times.fit_seconds, times.fit_cores)
        each = sum(one or 0.0 for one in (times.ms_per_face, times.ms_attributes, times.ms_confidence))
        answers[place] = _busy(each * one.test.n / 1000, times.predict_cores)
        alone = (times.ms_one_face or 0.0) / 1000
        singles = min(ALONE, max(FEWEST, SECONDS / max(alone, 1e-9)))
        batches = len(BATCHES) * max(BATCHES) * (times.ms_best_batch or 0.0) / 1000
        latency[place] = _busy(alone * (WARM_UP + singles) + batches, times.predict_cores)
    nothing = Cost(0.0, 0.0)
    return {
        "fit": sum(fits.values(), nothing),
        "answers": sum(answers.values(), nothing),
        "latency of a face, about": sum(latency.values(), nothing),
    }


def _busy(seconds: float | None, cores: float | None) -> Cost:
    """Return the cost of a part that kept so many cores busy; the number is not known of parts that took no time."""
    return Cost(seconds or 0.0, (seconds or 0.0) * (1.0 if cores is None else cores))


def cost_of_faces(suite: Suite) -> Cost:
    """Return what it costs to load the faces of a suite and to decode or draw their images, once."""
    data = SuiteData(None)
    before, wall = time.process_time(), time.perf_counter()
    sets = [data.train(one) for one in suite.train] + [data.test(get_protocol(one)) for one in suite.protocols]
    for loaded in {id(one): one for one in sets}.values():
        for _ in loaded.check_usable().images:
            pass
    return Cost(time.perf_counter() - wall, time.process_time() - before)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", choices=("demo", "classical"), default=["demo", "classical"])
    given = parser.parse_args()
    if "classical" in given.suites and not os.environ.get("FLDBENCH_DATA"):
        parser.error("FLDBENCH_DATA is not set: give the folder of 300-W, or measure the demo alone")
    for name in given.suites:
        suite = CLASSICAL if name == "classical" else None
        with tempfile.TemporaryDirectory() as place:
            whole, records = run(suite, Path(place))
        parts = parts_of(records)
        parts["fit and answers"] = parts["fit"] + parts["answers"]
        parts["faces, loaded once"] = cost_of_faces(load_suite(suite or DEMO))
        print(f"{name}: {whole.wall:.1f} s, {whole.processor:.1f} s of one core")
        for what, cost in parts.items():
            shares = f"{100 * cost.wall / whole.wall:.1f} %, {100 * cost.processor / whole.processor:.1f} %"
            print(f"    {what:<28}{cost.wall:>8.2f} s {cost.processor:>8.2f} s of one core: {shares}", flush=True)


if __name__ == "__main__":
    main()
