"""What a suite, a plan and a method cost as they grow: processor time, on made faces.

    python benchmarks/scale.py cells [N]          N trivial cells, each in a process of its own (default 200)
    python benchmarks/scale.py plan [N]           the plan of N cells (default 1,000), as `run --dry-run` makes it
    python benchmarks/scale.py growth [N ...]     load, pack, fit, predict, score and report for N training faces
                                                  (default 1000 10000), for --methods linear lbf hog-ridge, or with
                                                  fewer stages lbf:1 hog-ridge:2; --figure FILE. Above 10,000, each
                                                  of 10,000 faces counts several times, under other names
    python benchmarks/scale.py dask [N]           wall time of N equal cells (default 12) on one worker, and on two

Processor time of a process and those that it started, so that other work on the machine changes it little; the lesser
of two for cells and plan. Only `dask` needs a machine that does nothing else: each worker has a core of its own. MB are
those by which the process grew (`fldbench.run.memory.Peak`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

import fldbench
from fldbench.faces.pack import open_pack, pack
from fldbench.records.record import MethodFacts, Metrics, Record, TestFacts, TrainFacts
from fldbench.report import leaderboard
from fldbench.run.memory import Peak

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests/support"))
from clusters import Cluster

TRIVIAL = '''
import atexit
import os
import time

import numpy as np
import fldbench

def tell():
    with open(os.environ["CELL_TIMES"], "a") as file:
        file.write(f"{time.process_time()}\\n")

@fldbench.register_method("nothing")
class Nothing(fldbench.Method):
    """Answers zeros."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, train, val=None):
        atexit.register(tell)
        self.points_ = train.landmarks[0] * 0
        self.scheme_ = train.scheme
        return self

    def predict(self, images, boxes):
        return np.repeat(self.points_[None], len(images), 0)
'''
FACES = 8
METHODS = ("linear", "lbf", "hog-ridge")  # of which growth is measured
STAGES = ("load", "pack", "fit", "predict", "score", "report")
DRAWN = 10_000  # different faces at most: to draw 100,000 takes longer than to fit most methods to them


def suite_of(cells: int, folder: Path) -> Path:
    """Write a suite of so many cells, whose work is nothing, and return its file."""
    (folder / "nothing.py").write_text(TRIVIAL)
    rules = {"dataset": "synthetic", "options": {"faces": FACES}, "split": "train", "normaliser": "inter-ocular"}
    suite = {
        "name": "trivial",
        "plugins": ["nothing.py"],
        "train": [{"dataset": "synthetic", "options": {"faces": FACES}}],
        "methods": ["nothing"],
        "seeds": list(range(cells)),
        "define": [{"name": "same-faces"} | rules],
        "protocols": ["same-faces"],
        "allow_overlap": True,
    }
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump(suite))
    return path


def run(cells: int, *more: str) -> float:
    """Return the processor time of the command and its processes, in an empty folder.

    Cells write down their own, because the one who forks them forgets them when they end. What watches a cell is not
    counted: it only waits.
    """
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "fldbench", "run", str(suite_of(cells, Path(place))), "--out", f"{place}/out"]
        times = Path(place, "times")
        times.touch()
        environ = os.environ | {"CELL_TIMES": str(times)}
        before = os.times()
        subprocess.run([*command, *more], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ)
        after = os.times()
        own = sum(map(float, times.read_text().split()))
    return own + after.children_user + after.children_system - before.children_user - before.children_system


def slope(few: int, many: int, more: Sequence[str] = ()) -> None:
    """Print what each further cell takes."""
    start, whole = (min(run(n, *more) for _ in range(2)) for n in (few, many))
    each = 1000 * (whole - start) / (many - few)
    print(f"{many} cells: {whole:.1f} s; {few}: {start:.1f} s; {each:.1f} ms for each further one")


def growth(sizes: list[int], methods: Sequence[str], figure: str | None) -> None:
    """Print the seconds and the memory of each stage and the exponent of its growth, and draw the seconds."""
    spent: dict[tuple[str, str], list[float]] = {}
    few = fldbench.load_dataset("synthetic", split="train", faces=8)
    leaderboard([record_of(name, few, measured(name, few)[1]) for name in methods]).to_csv()  # imports all
    for n in sizes:
        # In a process of its own: memory that an earlier size has freed would not be seen as growth.
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            costs = pool.submit(of_size, n, methods).result()
        for name, mine in costs.items():
            print(f"{n:>7} {name:<10}" + "  ".join(f"{stage} {mine[stage]}" for stage in STAGES), flush=True)
            for stage in STAGES:
                spent.setdefault((name, stage), []).append(mine[stage].seconds)
    for (name, stage), times in spent.items():
        if len(sizes) > 1:
            power = np.polyfit(np.log(sizes), np.log(np.maximum(times, 1e-3)), 1)[0]
            print(f"{name:<10}{stage:<8} grows with the power {power:.2f} of the faces")
    if figure:
        draw(sizes, spent, figure)


def of_size(n: int, methods: Sequence[str]) -> dict[str, dict[str, Cost]]:
    """Return what each stage of each method costs with n faces."""
    with tempfile.TemporaryDirectory() as place:
        load, drawn = taken(lambda: fldbench.load_dataset("synthetic", split="train", faces=min(n, DRAWN)))
        rows = np.arange(n) * len(drawn) // n
        ids = np.char.mod("face-%07d", np.arange(n))
        faces = fldbench.FaceSet(
            ids, drawn.images[rows], drawn.boxes[rows], drawn.landmarks[rows], drawn.scheme, groups=drawn.ids[rows]
        )
        packed, _ = taken(lambda: pack(faces, Path(place, "faces.pack")))
        train = open_pack(Path(place, "faces.pack"))
        found = {name: measured(name, train) for name in methods}
        records = [record_of(name, train, score) for name, (_, score) in found.items()]
        report, _ = taken(lambda: leaderboard(records).to_csv())
    return {name: {"load": load, "pack": packed, **stages, "report": report} for name, (stages, _) in found.items()}


def measured(name: str, train: fldbench.FaceSet) -> tuple[dict[str, Cost], fldbench.Score]:
    """Return what it costs to fit a method, to answer as many faces, and to score them; and the score."""
    name, _, stages = name.partition(":")
    method = fldbench.make_method(name, **({"stages": int(stages)} if stages else {}))
    rules = made_rules(len(train))
    fit, _ = taken(lambda: method.fit(train))
    predict, answers = taken(lambda: method.predict(train.images, train.boxes))
    score, found = taken(lambda: rules.score(answers, train))
    return {"fit": fit, "predict": predict, "score": score}, found


def made_rules(n: int) -> fldbench.Protocol:
    """Return a protocol of the training faces themselves: only its cost is looked at."""
    return fldbench.Protocol("made", "synthetic", n, "ibug-68", "inter-ocular", split="train")


def record_of(name: str, faces: fldbench.FaceSet, score: fldbench.Score) -> Record:
    """Return a record of the errors."""
    record = Record(
        key=name,
        status="ok",
        method=MethodFacts(name, name),
        train=TrainFacts("made"),
        protocol=made_rules(len(faces)),
        test=TestFacts(n=len(faces), complete=True),
        metrics=Metrics(score.values),
    )
    arrays = {"ids": faces.ids, **score.evidence}
    return replace(record, kept=lambda names: {key: arrays[key] for key in names if key in arrays})


class Cost(NamedTuple):
    """Processor time of this process, and by how much it grew, None where the system does not tell."""

    seconds: float
    megabytes: float | None

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s" + ("" if self.megabytes is None else f" {self.megabytes:.0f} MB")


def taken(work: Callable[[], Any]) -> tuple[Cost, Any]:
    """Return what a function costs, and what it returned."""
    before = time.process_time()
    with Peak() as peak:
        result = work()
    return Cost(time.process_time() - before, peak.megabytes), result


def on_workers(cells: int, faces: int = 400, **params: Any) -> list[Record]:
    """Print the wall time of equal cells of `linear` on one worker and on two, and return the records of the last.

    It is that of the whole call: what is planned and collected in this process is not shared out.
    """
    from distributed import Client

    cores, took, records = (sorted(os.sched_getaffinity(0)) * 2)[:2], [], []
    with tempfile.TemporaryDirectory() as place, Cluster(Path(place)) as cluster, Client(cluster.address) as client:
        for workers, core in enumerate(cores, 1):
            os.sched_setaffinity(cluster.work(1)[0].pid, {core})  # its cells inherit that
            client.wait_for_workers(workers)
            for seeds, out in ((range(cells, cells + workers), "first"), (range(cells), "timed")):  # imports are cached
                suite = {
                    "name": "equal",
                    "train": [{"dataset": "synthetic", "options": {"faces": faces}}],
                    "methods": [{"name": "linear", "params": params}],
                    "seeds": list(seeds),
                    "protocols": ["synthetic-test@first=20"],
                }
                start = time.perf_counter()
                records = fldbench.run_suite(suite, f"{place}/{out}-{workers}", scheduler=cluster.address)
                wall = time.perf_counter() - start
            took.append(wall)
            print(f"{cells} cells on {workers} worker(s): {wall:.1f} s", flush=True)
    print(f"{took[0] / took[-1]:.2f} times faster")
    return records


def draw(sizes: list[int], spent: dict[tuple[str, str], list[float]], path: str) -> None:
    """Draw seconds against faces, a panel for each method."""
    methods = list(dict.fromkeys(name for name, _ in spent))
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(methods), figsize=(9, 3.6), layout="constrained", sharey=True, squeeze=False)
    for axis, name in zip(axes[0], methods, strict=True):
        for stage in STAGES:
            axis.plot(sizes, spent[name, stage], marker="o", markersize=4, label=stage)
        axis.set(xscale="log", yscale="log", xlabel="faces", title=name)
        axis.set_xticks(sizes, [f"{n:,}" for n in sizes])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("seconds of one core")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cells", "plan", "growth", "dask"))
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--figure")
    given = parser.parse_args()
    if given.what == "growth":
        growth(given.sizes or [1000, 10_000], given.methods, given.figure)
    elif given.what == "dask":
        on_workers(*(given.sizes or [12]))
    elif given.what == "cells":
        slope(1, *(given.sizes or [200]))
    else:
        slope(1, *(given.sizes or [1000]), more=("--dry-run",))


if __name__ == "__main__":
    main()
