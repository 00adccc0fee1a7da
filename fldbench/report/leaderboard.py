"""Records -> one row a method, training set and protocol, over the seeds; checked before anything is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from fldbench.errors import StoreError
from fldbench.records.store import Record, read_records
from fldbench.report import tables
from fldbench.report.identities import check_record, check_unions

COLUMNS = (
    *("method", "train", "protocol", "subset", "n", "n_total", "missed", "seeds", "nme", "fr08", "fr10", "auc08"),
    *("fit_seconds", "ms_per_face", "parameters", "model_bytes", "status"),
    *("nme_sd", "left_out", "complete", "boxes", "normaliser", "dataset", "protocol_hash", "reason"),
    *("ms_one_face", "multiply_adds"),
)
DECIMALS = {"nme": 4, "fr08": 4, "fr10": 4, "auc08": 4, "nme_sd": 4, "missed": 2} | {
    "fit_seconds": 1,
    "ms_per_face": 3,
    "ms_one_face": 3,
}
METRICS = ("nme", "fr08", "fr10", "auc08")


@dataclass(frozen=True)
class Leaderboard:
    """Rows for tables: dicts with the keys COLUMNS; nme, fr and auc in percent, None where there is no number.

    Rows are sorted by training set and protocol, then by NME; those without a number come last. Two rows under
    different protocols are never ranked together: every printed table holds one training set and one protocol.
    """

    rows: tuple[dict[str, Any], ...]
    captions: dict[tuple[str, str], str]

    @property
    def frame(self):
        """The rows as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(list(self.rows), columns=list(COLUMNS))

    def sections(self) -> list[tuple[tuple[str, str], list[dict[str, Any]]]]:
        """The rows of each (train, protocol), in order."""
        places = dict.fromkeys((row["train"], row["protocol"]) for row in self.rows)
        return [(place, [row for row in self.rows if (row["train"], row["protocol"]) == place]) for place in places]

    def to_csv(self) -> str:
        """Comma-separated, with a header; empty where there is no number."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in self.rows:
            writer.writerow([_cell(name, row[name]) for name in COLUMNS])
        return out.getvalue()

    def to_latex(self) -> str:
        """booktabs tables; compiles as it is, and can be \\input into a paper that loads booktabs."""
        return tables.latex(self.sections(), self.captions)

    def to_markdown(self) -> str:
        """A Markdown table a training set and protocol, with its caption."""
        return tables.markdown(self.sections(), self.captions)

    def write(self, folder: str | Path) -> list[Path]:
        """leaderboard.csv, .tex and .md into a folder. Raises StoreError when that is not possible."""
        texts = {"csv": self.to_csv(), "tex": self.to_latex(), "md": self.to_markdown()}
        paths = [Path(folder) / f"leaderboard.{ending}" for ending in texts]
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            for path, text in zip(paths, texts.values(), strict=True):
                path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{folder}: the leaderboard cannot be written ({error.strerror})") from error
        return paths


def leaderboard(source: str | Path | Sequence[str | Path] | Iterable[Record]) -> Leaderboard:
    """The leaderboard of one folder, of several, or of records in hand.

    Of two records of the same method label, training set, protocol, seed and number of faces the newer one counts; a
    run on fewer faces never takes the place of a run on all. Raises StoreError for records that contradict themselves.
    """
    items = [source] if isinstance(source, (str, Path)) else list(source)
    records = [r for item in items for r in ([item] if isinstance(item, Record) else read_records(item))]
    newest: dict[tuple, Record] = {}
    for record in sorted(records, key=lambda r: (r.ended, r.status == "ok", r.key)):
        check_record(record)
        newest[_identity(record)] = record
    done = {_identity(r)[:-1] for r in newest.values() if r.status == "ok"}
    kept = [r for r in newest.values() if r.status == "ok" or _identity(r)[:-1] not in done]
    check_unions(kept)
    groups = _groups(kept)
    rows = [_row(group) for group in groups]
    rows.sort(key=lambda r: (r["train"], r["protocol"], r["nme"] is None, r["nme"] or 0.0, r["method"]))
    captions: dict[tuple[str, str], str] = {}
    for group in groups:
        place = group[0].train["label"], group[0].protocol["name"]
        captions[place] = max(captions.get(place, ""), tables.caption(group[0]), key=len)
    return Leaderboard(tuple(rows), captions)


def _identity(record: Record) -> tuple:
    name = record.protocol["name"]
    return record.method["label"], record.train["label"], name, record.seed, record.test.get("n")


def _groups(records: list[Record]) -> list[list[Record]]:
    """Records of one row: same training set, protocol, method and number of faces; failures join the largest run."""
    groups: dict[tuple, dict[int, list[Record]]] = {}
    for record in sorted(records, key=lambda r: r.status != "ok"):
        base = record.train["label"], record.protocol["name"], record.protocol["hash"], record.method["label"]
        sizes = groups.setdefault(base, {})
        n = record.test["n"] if record.status == "ok" else max(sizes, default=0)
        sizes.setdefault(n, []).append(record)
    return [group for _, sizes in sorted(groups.items()) for _, group in sorted(sizes.items())]


def _row(group: list[Record]) -> dict[str, Any]:
    """One row out of the seeds of one method: means over the runs that went well."""
    good = [record for record in group if record.status == "ok"]
    one = (good or group)[0]
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {
        "method": one.method["label"],
        "train": one.train["label"],
        "protocol": one.protocol["name"],
        "subset": one.protocol["subset"] or one.protocol["split"],
        "n": one.test.get("n", 0),
        "n_total": one.protocol["n_expected"],
        "seeds": len(good),
        "status": one.status
        if len(good) in (0, len(group))
        else f"{len(group) - len(good)} of {len(group)} seeds failed",
        "boxes": one.protocol["box_source"],
        "normaliser": one.protocol["normaliser"],
        "dataset": one.protocol["dataset"],
        "protocol_hash": one.protocol["hash"][:12],
        "reason": "; ".join(dict.fromkeys(record.reason for record in group if record.reason)),
    }
    if not good:
        return row
    values = {name: [r.metrics[name] for r in good if r.metrics.get(name) is not None] for name in METRICS}
    row |= {name: fmean(found) if found else None for name, found in values.items()}
    row |= {
        "nme_sd": stdev(values["nme"]) if len(values["nme"]) > 1 else None,
        "missed": fmean(record.test["missed"] for record in good),
        "left_out": one.test["left_out"],
        "complete": "yes" if one.test["complete"] else "no",
        "fit_seconds": _mean([record.timings.get("fit_seconds") for record in good]),
        "ms_per_face": _mean([record.timings.get("ms_per_face") for record in good]),
        "ms_one_face": _mean([record.timings.get("ms_one_face") for record in good]),
        **{name: one.method.get(name) for name in ("parameters", "model_bytes", "multiply_adds")},
    }
    return row


def _mean(values: list[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return fmean(found) if found else None


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name not in DECIMALS:
        return str(value)
    text = f"{value:.{DECIMALS[name]}f}"
    return text.rstrip("0").rstrip(".") if name == "missed" else text
