"""`fldbench compare`: two methods or more, face by face."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fldbench.cli.common import Data, Plugins, Protocols, Schemes, complain, define_protocols, format_for, roots, say
from fldbench.cli.completion import protocol_name
from fldbench.cli.runs import DEFAULT_OUT
from fldbench.errors import DataError, PredictionsError, StoreError

if TYPE_CHECKING:
    import numpy as np

    from fldbench.dataset import Roots
    from fldbench.protocols import Protocol
    from fldbench.report import FaceComparison
    from fldbench.report.face_errors import FaceErrors

ENDINGS = (".csv", ".json", ".npz")


class CompareFormat(StrEnum):
    """What `compare` writes."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"


def compare(
    methods: Annotated[
        list[str],
        typer.Argument(
            help="Two or more: methods as the leaderboard names them, or prediction files as of `evaluate`."
        ),
    ],
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            help="Output folder of `run` or `evaluate`, or published records; may be repeated. [default: runs]",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", help="Needed if there are several.", autocompletion=protocol_name),
    ] = None,
    rope: Annotated[
        float, typer.Option("--rope", min=0.0, help="Percentage points of NME that matter to nobody.")
    ] = 0.05,
    format: Annotated[
        CompareFormat | None,
        typer.Option("--format", help="What to write; by default by the ending of the output, else a table."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write to.")] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="PNG of the faces that decide, with the points of both methods.")
    ] = None,
    data: Data = None,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Compare methods face by face: is the difference real, does it matter, could these faces show it, who decides it.

    Prints the paired difference of NME with its interval, a permutation test, Wilcoxon's test, McNemar's on failures
    (adjusted by Holm if there are several pairs), the chance that one errs less on a face, a verdict, the smallest
    difference that these faces can show, how many faces would decide this one, and the ten faces that decide it.
    """
    from fldbench.cli.terminal import print_tables
    from fldbench.files import check_writable, write_text
    from fldbench.media.draw import write_png
    from fldbench.report import compare as compared
    from fldbench.report import rows_in

    kind = format_for(format, output, CompareFormat)
    for path in (output, sheet):
        if path is not None:
            check_writable(path)
    if sheet is not None and len(methods) != 2:
        raise DataError(f"--sheet shows the faces that decide between two methods; {len(methods)} are given")
    define_protocols(protocols)
    where = roots(data)
    files = [name for name in methods if Path(name).suffix.lower() in ENDINGS and Path(name).is_file()]
    labels = [name for name in methods if name not in files]
    found: dict[str, FaceErrors] = {}
    left_out: list[str] = []
    if labels:
        rows, left_out = rows_in(out or [DEFAULT_OUT], labels, protocol)
        found |= dict(zip(labels, rows, strict=True))
    if files and protocol is None and not found:
        raise PredictionsError("compare: prediction files alone; must be given with --protocol NAME")
    for name in files:
        rules = next((one.protocol for one in found.values()), None) or protocol
        found[name] = _of_file(name, rules, where)  # type: ignore[arg-type]  # one of the two is there
    if len(found) < len(methods):
        raise StoreError(f"compare: the methods are {', '.join(methods)}; must be different ones")
    result = compared([found[name] for name in methods], rope, left_out)
    writers = {
        CompareFormat.csv: result.to_csv,
        CompareFormat.json: result.to_json,
        CompareFormat.markdown: result.to_markdown,
    }
    if output is not None:
        say(f"written: {write_text(output, writers.get(kind, result.to_text)())}")
    elif kind is CompareFormat.table:
        print_tables(result)
    else:
        typer.echo(writers[kind](), nl=False)
        for line in left_out if kind in (CompareFormat.csv, CompareFormat.json) else ():
            complain(line)
    if sheet is not None:
        say(f"written: {write_png(sheet, _sheet(result, where))}")
        complain(
            f"{sheet} shows faces of {result.faces[0].protocol.dataset}; its licence may not allow to pass them on"
        )


def _of_file(name: str, protocol: str | Protocol, data: Roots) -> FaceErrors:
    """Return what a prediction file has on each face of a protocol."""
    from fldbench.report.columns import RowRecords
    from fldbench.report.face_errors import face_errors_of
    from fldbench.run.prediction_files import evaluate_file, record_of

    outside = evaluate_file(name, protocol, data)
    for note in outside.notes:
        complain(f"{name}: {note}")
    record, arrays = record_of(outside, Path(name).stem, protocol)
    record = replace(record, kept=lambda names: arrays)
    return face_errors_of(RowRecords((record,), record.method.label, record.train.label, record.protocol.name))


def _sheet(result: FaceComparison, data: Roots) -> np.ndarray:
    """Return the faces that decide between two methods, with the points of the first above those of the second."""
    import numpy as np

    from fldbench.dataset import load_dataset
    from fldbench.media.bars import GROUND
    from fldbench.media.lettering import write_text as letters
    from fldbench.media.sheet import TRUE_POINT, answer_sheet

    rules = result.faces[0].protocol
    pair = result.pairs[0]
    if not pair.deciding:
        raise DataError("--sheet: no face has different errors; there is nothing to draw")
    ids = np.array([one.id for one in pair.deciding])
    everyone = rules.select(load_dataset(rules.dataset, data, rules.split, **dict(rules.options)))
    row_of = {face: row for row, face in enumerate(everyone.ids.tolist())}
    absent = [face for face in ids.tolist() if face not in row_of]
    if absent:
        raise DataError(f"--sheet: {len(absent)} of the faces are not below the data root, such as {absent[0]}")
    faces = everyone[np.array([row_of[face] for face in ids.tolist()])]
    parts = []
    for one, errors in zip(result.faces, zip(*((f.first, f.second) for f in pair.deciding), strict=True), strict=True):
        if one.predictions is None:
            raise StoreError(f"--sheet: no predictions of {one.label} are kept; run or evaluate it again")
        at = [one.ids.tolist().index(face) for face in ids.tolist()]
        drawn = answer_sheet(faces, one.predictions[at], errors=np.array(errors) / 100, columns=len(ids))
        heading = np.full((28, drawn.shape[1], 3), GROUND, np.uint8)
        which = f" (points of the first of {one.seeds} trainings)" if one.seeds > 1 else ""
        letters(heading, one.label + which, 8, 20, 16, TRUE_POINT)
        parts += [heading, drawn]
    return np.concatenate(parts)
