"""`fldbench audit` and `fldbench doctor`: what conventions change in a number, and what may be wrong with a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.claims import Claim, Faces, Table, print_claim, print_table_audit
from fldbench.cli.common import Data, Plugins, Protocols, Schemes, complain, define_protocols, roots, say
from fldbench.cli.completion import protocol_name
from fldbench.errors import PredictionsError

Rules = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        "--protocol",
        help="The protocol whose rules are the default, such as 300w-helen.",
        show_default=False,
        autocompletion=protocol_name,
    ),
]


def audit(
    predictions: Annotated[
        Path | None, typer.Argument(help=".csv, .json, .npz, or the benchmark's own format.", show_default=False)
    ] = None,
    dataset: Rules = None,
    data: Data = None,
    claim: Claim = None,
    n: Faces = None,
    table: Table = None,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Score the same predictions under every convention of the field, in one table with ratios to the default.

    Or judge published numbers: one --claim, or a --table of results.
    """
    define_protocols(protocols)
    if sum(one is not None for one in (predictions, claim, table)) > 1:
        raise PredictionsError("audit: PREDICTIONS, --claim and --table are different audits; give one of them")
    if n is not None and claim is None:
        raise PredictionsError("audit: --n is the number of faces of a --claim; give it with one")
    if claim is not None:
        print_claim(claim, n)
        return
    if table is not None:
        print_table_audit(table)
        return
    if predictions is None:
        raise PredictionsError(
            "audit: PREDICTIONS is missing; give a file, and --dataset with its protocol; or --claim, or --table"
        )
    audit_predictions(predictions, dataset, data)


def audit_predictions(path: Path, dataset: str | None, data: list[str] | None) -> None:
    """Print the numbers of a file under every convention."""
    from fldbench.audit.conventions import audited
    from fldbench.run.prediction_files import evaluate_file

    rules = _protocol(dataset)
    outside = evaluate_file(path, rules, roots(data))
    for note in outside.notes:
        complain(f"{path}: {note}")
    say(audited(outside.predictions, outside.faces, rules).to_text())


def _protocol(name: str | None):
    """Return the protocol of --dataset."""
    from fldbench.protocols import get_protocol

    if name is None:
        raise PredictionsError("--dataset is missing; give the protocol of the predictions, such as 300w-helen")
    return get_protocol(name)
