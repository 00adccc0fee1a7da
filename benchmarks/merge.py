"""Time and memory of `fldbench leaderboard` on many records: `python benchmarks/merge.py [RECORDS]`, default 10,000.

The records are made: 100 methods with 3 seeds, measured on 330 faces under as many protocols as it takes. They are
published in one file, and a process of its own reads that and writes the tables.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import fldbench
from fldbench.files import temporary_folder
from fldbench.protocols import hash_of_ids
from fldbench.records.published import write_published
from fldbench.records.record import MethodFacts, Metrics, Record, TestFacts, TrainFacts

METHODS, SEEDS, FACES = 100, 3, 330
READ = """
import resource, sys, time
from fldbench.report import leaderboard
before = time.process_time()
board = leaderboard(sys.argv[1])
board.write(sys.argv[2])
spent = time.process_time() - before
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{board!r}: {spent:.1f} s of one core, {most:.0f} MB at most")
"""


def made(total: int):
    """Yield records with their arrays."""
    rng = np.random.default_rng(0)
    ids = np.array([f"part/face_{i:03d}" for i in range(FACES)])
    base = replace(fldbench.get_protocol("300w-helen"), ids_sha256=hash_of_ids(ids.tolist()))
    code = {f"fldbench.module_{i}": f"{i:012x}" for i in range(30)}
    for i in range(total):
        place, run = divmod(i, METHODS * SEEDS)
        method, seed = divmod(run, SEEDS)
        rules = replace(base, name=f"made-{place}", thresholds=(0.08, 0.1, 0.2 + place / 1000))
        errors = rng.lognormal(-3.5 + method / 100, 0.4, FACES).astype(np.float32)
        record = Record(
            key=f"{i:020x}",
            status="ok",
            method=MethodFacts("made", f"method {method}", code=code, params={"random_state": seed}),
            train=TrainFacts("made-train", fingerprint="made"),
            protocol=rules,
            seed=seed,
            test=TestFacts(n=FACES, complete=True, ids_sha256=rules.ids_sha256 or ""),
            metrics=Metrics(rules.measure(errors.astype(float))),
        )
        yield record, {"ids": ids, "errors": errors, "counts": np.full(FACES, 68, np.int8)}


def main() -> None:
    """Write the records, and let a process of its own read them."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with temporary_folder() as folder:
        path = write_published(made(total), folder / "records.zip")
        print(f"{total} records in {path.stat().st_size / 1e6:.1f} MB")
        before = time.perf_counter()
        subprocess.run([sys.executable, "-c", READ, str(path), str(Path(folder) / "tables")], check=True)
        print(f"{time.perf_counter() - before:.1f} s with the start of Python")


if __name__ == "__main__":
    main()
