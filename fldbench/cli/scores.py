"""`fldbench evaluate`: predictions of other programs, scored under protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import Data, Protocols, complain, define_protocols, say
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
    protocols: Protocols = None,
) -> None:
    """Score predictions of any program under protocols. Faces without a prediction count as failures."""
    from fldbench.cli.terminal import print_board
    from fldbench.protocols import get_protocol
    from fldbench.records.store import Store
    from fldbench.report import leaderboard
    from fldbench.run.prediction_files import evaluate_file, record_of

    define_protocols(protocols)
    labels = label or [path.stem for path in predictions]
    if len(set(labels)) != len(predictions):
        raise PredictionsError(f"{len(predictions)} files must have different labels; got {', '.join(labels)}")
    store = None if out is None else Store(out)
    records = []
    for path, name in zip(predictions, labels, strict=True):
        for rules in protocol:
            outside = evaluate_file(path, rules, data)
            record, arrays = record_of(outside, name, rules)
            records.append(record)
            if store is not None:
                store.write(record, arrays)
            if outside.faces.name not in ("", get_protocol(rules).dataset):
                complain(f"{rules}: scored on the labels of {outside.faces.name}, as faces of the dataset are absent")
            if outside.absent:
                few = ", ".join(outside.absent[:5]) + (", ..." if len(outside.absent) > 5 else "")
                complain(f"{path}: {len(outside.absent)} faces have no prediction and count as failures: {few}")
            if outside.elsewhere:
                complain(f"{path}: {outside.elsewhere} predictions are for faces outside {rules} and were not used")
    board = leaderboard(records)
    print_board(board)
    if out is not None:
        say(f"written: {', '.join(str(path) for path in board.write(out))}")
