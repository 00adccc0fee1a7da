"""`fldbench evaluate`: predictions of other programs, scored under protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import Data, Plugins, Protocols, Schemes, complain, define_protocols, roots, say
from fldbench.cli.completion import protocol_name
from fldbench.errors import PredictionsError


def evaluate(
    predictions: Annotated[list[Path], typer.Argument(help=".csv, .json, .npz, or the benchmark's own format.")],
    protocol: Annotated[
        list[str],
        typer.Option(
            "--protocol", help="Name of a protocol; may be given several times.", autocompletion=protocol_name
        ),
    ],
    data: Data = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="Names in the tables, in the order of the files; default the file names."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for records and leaderboards.")] = None,
    boxes: Annotated[
        str | None,
        typer.Option(
            "--boxes",
            help="The boxes that they were made with: tight, jittered:S, official or other words.",
            show_default="not stated",
        ),
    ] = None,
    trained_on: Annotated[
        list[str] | None,
        typer.Option(
            "--trained-on",
            help="DATASET-SPLIT of the training faces, such as 300w-train; may be given several times.",
            show_default="unknown",
        ),
    ] = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Score and mark predictions for faces that were trained on.")
    ] = False,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Score predictions of any program under protocols. Faces without a prediction count as missed."""
    from fldbench.audit.predictions import explain
    from fldbench.cli.terminal import print_board
    from fldbench.protocols import get_protocol
    from fldbench.records.record import UNKNOWN
    from fldbench.records.store import Store
    from fldbench.report import leaderboard
    from fldbench.run.prediction_files import evaluate_file, record_of

    define_protocols(protocols)
    where = roots(data)
    labels = label or [path.stem for path in predictions]
    if len(set(labels)) != len(predictions):
        allowed = f"{len(predictions)} different ones, one for each file"
        raise PredictionsError(f"the labels are {', '.join(labels)}; must be {allowed}")
    store = None if out is None else Store(out)
    seen = [one for one in trained_on or [] if one != UNKNOWN]
    records = []
    remarks: dict[tuple[Path, str], str] = {}
    scored = [  # all of them before any is recorded, so that a bad file is found first
        (path, name, rules, evaluate_file(path, rules, where, boxes, seen, allow_overlap))
        for path, name in zip(predictions, labels, strict=True)
        for rules in protocol
    ]
    for path, name, rules, outside in scored:
        record, arrays = record_of(outside, name, rules)
        records.append(record)
        if store is not None:
            store.write(record, arrays)
        for note in outside.notes:
            complain(f"{path}: {note}")
        remark = explain(outside.predictions, outside.faces, get_protocol(rules))
        if remark is not None:
            remarks.setdefault((path, remark.what), f"{path}: {remark}")
    board = leaderboard(records)
    print_board(board)
    for line in remarks.values():
        complain(line)
    if out is not None:
        say(f"written: {', '.join(str(path) for path in board.write(out))}")
