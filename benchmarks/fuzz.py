"""Damaged inputs for every reader of fldbench: `python benchmarks/fuzz.py [--inputs N] [--seed N] [WORD ...]`.

hypothesis damages a good file of each format (tests/support/fuzz_formats.py), N times, and the reader must give an
answer or an error of fldbench, within 5 s of processor time and 1 GB above what the process had before. WORDs choose
formats by a part of their names; default all. Each format has a process of its own, so that a crash is seen; what is
found is shrunk by hypothesis and kept in FOLDER (--keep). With FLDBENCH_DATA, files of other projects in
format_samples are damaged too.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT / "tests/support")

import hypothesis  # noqa: E402
from fuzz_formats import FORMATS, real_samples  # noqa: E402
from fuzz_inputs import damaged  # noqa: E402

from fldbench.errors import FldbenchError  # noqa: E402

SECONDS, BYTES = 5.0, 2**30  # that one input may take


class Slow(BaseException):
    """An input took too long: no reader may take this for an error of the file."""


def main() -> None:
    """Run each chosen format in a process of its own; print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"))
    given = parser.parse_args()
    names = [name for name in FORMATS | real_samples() if not given.words or any(w in name for w in given.words)]
    wrong = 0
    print(f"{'format':<40}{'inputs':>8}{'refused':>9}{'slowest':>10}  found", flush=True)
    for name in names:
        child = get_context("fork").Process(target=run_format, args=(name, given.inputs, given.seed, given.keep))
        child.start()
        child.join()
        wrong += child.exitcode != 0
        if child.exitcode not in (0, 1):
            print(f"{name:<40}  died with {child.exitcode}", flush=True)
    print(f"{len(names)} formats, {wrong} of them with a fault")
    raise SystemExit(wrong > 0)


def run_format(name: str, inputs: int, seed: int, keep: Path) -> None:
    """Damage one format and print its row; exit with 1 if its reader did anything but answer or refuse."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        form = (FORMATS | real_samples())[name](Path(folder))
        form.read()  # imports and caches are not the input's
        limit = _address_space() + BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        signal.signal(signal.SIGVTALRM, _too_slow)
        counts = {"inputs": 0, "refused": 0, "slowest": 0.0}
        last = [b""]

        def check(content: bytes) -> None:
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
                counts["slowest"] = max(counts["slowest"], time.process_time() - start)

        settings = hypothesis.settings(
            max_examples=inputs,
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        )
        strategy = damaged(form.file.read_bytes(), form.sealed)
        found = ""
        try:
            hypothesis.seed(seed)(settings(hypothesis.given(strategy)(check)))()
        except BaseException as error:
            found = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            keep.mkdir(parents=True, exist_ok=True)
            place = keep / f"{name.replace('/', '-').replace(' ', '-')}{form.file.suffix}"
            place.write_bytes(last[0])
            place.with_name(place.name + ".txt").write_text("".join(traceback.format_exception(error)))
    row = f"{name:<40}{counts['inputs']:>8}{counts['refused']:>9}{1000 * counts['slowest']:>7.0f} ms  {found}"
    print(row.rstrip(), flush=True)
    sys.exit(bool(found))


def _too_slow(*_: object) -> None:
    raise Slow(f"more than {SECONDS} s of processor time")


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
