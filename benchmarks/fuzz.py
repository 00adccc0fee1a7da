"""Damaged inputs for every reader of fldbench: `python benchmarks/fuzz.py [--inputs N] [--jobs N] [WORD ...]`.

A good file of each format (tests/support/fuzz_formats.py) is damaged in N ways, and the reader must give an answer or
an error of fldbench, within 5 s of processor time and 1 GB above what the process had before. An example of hypothesis
is a damaged file and a seed, from which `Random` draws 19 others; no two of a process are the same. WORDs choose
formats by a part of their names; default all. Every 2,000 inputs have a process of their own, so that a crash is seen,
and a seed of their own; all formats have their first 2,000 before one has its second. The file that something was found
with is kept in FOLDER (--keep), and so is what was done, in done.csv: the same command continues after it was killed,
and does again what found something. Without --keep it begins anew. With FLDBENCH_DATA, files of other projects in
format_samples are damaged too.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from random import Random
from typing import NamedTuple

os.environ |= {"OMP_NUM_THREADS": "1"}  # before anything makes threads, which no fork would have
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT / "tests/support")

import cv2  # noqa: E402
import hypothesis  # noqa: E402
import hypothesis.strategies as st  # noqa: E402
from fuzz_formats import FORMATS, real_samples  # noqa: E402
from fuzz_inputs import damaged, drawn  # noqa: E402

from fldbench.errors import FldbenchError  # noqa: E402

SECONDS, BYTES = 5.0, 2**30  # that one input may take
MEMORY = "/dev/shm"  # where files are written without a disk
PART = 2000  # inputs of one process
GROUP = 20  # of one example of hypothesis, which takes longer to draw it than most readers take to read it
TRIES = 10 * GROUP  # drawn to find so many that are new


class Slow(BaseException):
    """An input took too long: no reader may take this for an error of the file."""


class Row(NamedTuple):
    """What a process did: so many inputs of a format, so many refused, milliseconds of the slowest, what was found."""

    format: str
    seed: int
    inputs: int
    refused: int = 0
    slowest: float = 0.0
    found: str = ""


def main() -> None:
    """Run each chosen format in processes of their own; print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    keep = given.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    keep.mkdir(parents=True, exist_ok=True)
    names = [name for name in FORMATS | real_samples() if not given.words or any(w in name for w in given.words)]
    sizes = [min(PART, given.inputs - start) for start in range(0, given.inputs, PART)]
    wanted = [Row(name, given.seed + i, size) for i, size in enumerate(sizes) for name in names]
    sizes_of = {one[:2]: one.inputs for one in wanted}
    rows = [row for row in _done(keep) if not row.found and row.inputs >= sizes_of.get(row[:2], math.inf)]
    done = {row[:2] for row in rows}
    wanted = [one for one in wanted if one[:2] not in done]
    _import({one.format for one in wanted})
    rows += _run(wanted, given.jobs, keep)
    wrong = 0
    print(f"{'format':<40}{'inputs':>8}{'refused':>9}{'slowest':>10}  found")
    for name in names:
        own = [row for row in rows if row.format == name]
        found = sorted({row.found for row in own} - {""})
        inputs, refused, slowest = sum(r.inputs for r in own), sum(r.refused for r in own), max(r.slowest for r in own)
        wrong += bool(found)
        print(f"{name:<40}{inputs:>8}{refused:>9}{slowest:>7.0f} ms  {'; '.join(found)}".rstrip())
    print(f"{len(names)} formats, {sum(row.inputs for row in rows)} inputs, {wrong} formats with a fault ({keep})")
    raise SystemExit(wrong > 0)


def _import(names: Iterable[str]) -> None:
    """Read a good file of each format, for what that imports: the processes of the parts, forked from here, have it."""
    cv2.setNumThreads(1)  # threads would be missing in them
    makers = FORMATS | real_samples()
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            makers[name](Path(folder)).read()


def _done(keep: Path) -> Iterator[Row]:
    """Yield the rows of earlier calls."""
    if (keep / "done.csv").exists():
        with open(keep / "done.csv", encoding="utf-8", newline="") as file:
            for name, seed, inputs, refused, slowest, found in csv.reader(file):
                yield Row(name, int(seed), int(inputs), int(refused), float(slowest), found)


def _run(wanted: list[Row], jobs: int, keep: Path) -> Iterator[Row]:
    """Run the parts in processes, `jobs` at the same time; write down and yield what each did."""
    context, running, waiting = get_context("fork"), dict[int, tuple[ForkProcess, Row, Path]](), iter(wanted)
    with tempfile.TemporaryDirectory(dir=MEMORY if os.path.isdir(MEMORY) else None) as place:
        while True:
            while len(running) < jobs and (part := next(waiting, None)) is not None:
                folder = Path(tempfile.mkdtemp(dir=place))
                child = context.Process(target=_run_part, args=(part, folder, keep))
                child.start()
                running[child.sentinel] = child, part, folder
            if not running:
                return
            for sentinel in wait(list(running)):
                child, part, folder = running.pop(sentinel)  # type: ignore[call-overload]
                child.join()
                try:
                    row = next(one for one in _done(folder))
                except StopIteration:  # it could not write its row
                    row = part._replace(inputs=0, found=f"died with {child.exitcode}")
                    shutil.copytree(folder, keep / f"{_plain(part.format)}-died", dirs_exist_ok=True)
                with open(keep / "done.csv", "a", encoding="utf-8", newline="") as file:
                    csv.writer(file).writerow(row)
                shutil.rmtree(folder, ignore_errors=True)
                yield row


def _run_part(part: Row, folder: Path, keep: Path) -> None:
    """Damage one format in `folder`, and leave the row in it."""
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries of images say there what is wrong with each
    (folder / "files").mkdir()
    form = (FORMATS | real_samples())[part.format](folder / "files")
    form.read()  # caches are not the input's
    limit = _address_space() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGVTALRM, _too_slow)
    counts = {"inputs": 0, "refused": 0, "slowest": 0.0}
    last = [b""]

    good = form.file.read_bytes()
    seen = {hash(good)}

    def check(example: tuple[bytes, int]) -> None:
        first, seed = example
        new = 0
        # hypothesis draws some seeds again and again, but not with the same file.
        draw = Random(first + seed.to_bytes(4, "big"))
        for content in islice(chain([first], drawn(good, form.sealed, draw)), TRIES):
            if hash(content) not in seen:
                read(content)
                seen.add(hash(content))
                new += 1
            if new == GROUP:
                return

    def read(content: bytes) -> None:
        last[0] = content
        form.file.write_bytes(content)
        counts["inputs"] += 1
        start = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            form.read()
        except FldbenchError:
            counts["refused"] += 1
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            counts["slowest"] = max(counts["slowest"], 1000 * (time.process_time() - start))

    settings = hypothesis.settings(
        max_examples=max(1, part.inputs // GROUP),
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )
    strategy = st.tuples(damaged(good, form.sealed), st.integers(0, 2**32 - 1))
    found = ""
    try:
        hypothesis.seed(part.seed)(settings(hypothesis.given(strategy)(check)))()
    except BaseException as error:
        found = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        place = keep / f"{_plain(part.format)}-{part.seed}{form.file.suffix}"
        place.write_bytes(last[0])
        place.with_name(place.name + ".txt").write_text("".join(traceback.format_exception(error)))
    with open(folder / "done.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow([part.format, part.seed, *counts.values(), found])


def _plain(name: str) -> str:
    return name.replace("/", "-").replace(" ", "-")


def _too_slow(*_: object) -> None:
    raise Slow(f"more than {SECONDS} s of processor time")


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
