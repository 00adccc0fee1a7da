"""What `fldbench audit --claim` and `--table` find: faces behind published rates, planted errors, false alarms, times.

    python benchmarks/audit_tables.py

No real faces are needed. The published numbers are those that come with fldbench; the planted errors are those of the
tests, in tables of simulated results.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from planted_tables import KINDS, made_table, written  # noqa: E402

from fldbench.audit.counts import READINGS, failures  # noqa: E402
from fldbench.audit.tables import audit_table  # noqa: E402
from fldbench.protocols.published import TABLE, published  # noqa: E402

PLANTED = 25  # of each kind
CLAIM = "300w-full nme 2.98 fr 0.73 auc 62.7"


def main() -> None:
    """Print every figure."""
    rates = [one for one in published() if one.metric == "fr"]
    found = [failures(one.value, one.n) if one.n else None for one in rates]
    how = {words: sum(one is not None and one[0] == words for one in found) for words in READINGS}
    share = 100 * sum(one is not None for one in found) / len(rates)
    print(f"{len(rates)} published rates: a whole number of faces for {share:.1f} % ({how})")

    begin = time.perf_counter()
    table = audit_table(TABLE)
    seconds = time.perf_counter() - begin
    print(f"published.csv: {table.checked} numbers, {len(table.findings)} contradictions, {seconds:.2f} s")
    for finding in table.findings:
        print(f"  {finding}")

    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            print(f"planted: {kind}: {sum(is_found(Path(folder), seed, kind) for seed in range(PLANTED))} of {PLANTED}")
        alarms = sum(bool(is_found(Path(folder), 1000 + seed, None)) for seed in range(200))
    print(f"false alarms: {alarms} of 200 sound tables")

    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "fldbench", "audit", "--claim", CLAIM], check=True, stdout=subprocess.DEVNULL)
    print(f"one claim: {time.perf_counter() - begin:.2f} s, with the start of Python")


def is_found(folder: Path, seed: int, kind: str | None) -> bool:
    """Return whether the planted row is named, and no other; of a sound table, whether any row is."""
    ending = ("csv", "md", "tex")[seed % 3]
    rows, place = made_table(seed, kind)
    text, lines = written(rows, ending)
    path = folder / f"table.{ending}"
    path.write_text(text, encoding="utf-8")
    named = {line for one in audit_table(path).findings for line in one.lines}
    return bool(named) if kind is None else named == {lines[place]}


if __name__ == "__main__":
    main()
