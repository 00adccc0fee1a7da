"""`fldbench audit` and `fldbench doctor`: what conventions change in a number, and what may be wrong with a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fldbench.cli.claims import Claim, Faces, Table, print_claim, print_table_audit
from fldbench.cli.common import Data, Plugins, Protocols, Schemes, complain, define_protocols, roots, say
from fldbench.cli.completion import protocol_name
from fldbench.errors import PredictionsError

if TYPE_CHECKING:
    import numpy as np

    from fldbench.faces import FaceSet
    from fldbench.protocols import Protocol

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


Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="Markdown file for all tables, those of each landmark too.", show_default=False),
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
    out: Out = None,
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
    if out is not None and predictions is None:
        raise PredictionsError("audit: --out is for the tables of PREDICTIONS; give a file of them")
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
    audit_predictions(predictions, dataset, data, out)


def audit_predictions(path: Path, dataset: str | None, data: list[str] | None, out: Path | None) -> None:
    """Print the numbers of a file under every convention."""
    from fldbench.audit.variant_tables import to_markdown, to_text
    from fldbench.audit.variants import audit_file
    from fldbench.cli.terminal import width
    from fldbench.files import write_text

    found, outside = audit_file(path, _protocol(dataset), roots(data))
    for note in outside.notes:
        complain(f"{path}: {note}")
    say(to_text(found, width()).rstrip())
    if out is not None:
        write_text(out, to_markdown(found))
        say(f"written: {out}")


def _protocol(name: str | None) -> Protocol:
    """Return the protocol of --dataset; raise PredictionsError without one, and for a dataset that has several."""
    from fldbench import registry
    from fldbench.protocols import get_protocol

    if name is None:
        raise PredictionsError("--dataset is missing; give the protocol of the predictions, such as 300w-helen")
    bases = [get_protocol(one) for one in registry.names("protocol")]
    of_dataset = [one.name for one in bases if one.dataset == name]
    if name in registry.names("protocol") or "@" in name or not of_dataset:
        return get_protocol(name)
    if len(of_dataset) > 1:
        raise PredictionsError(f"--dataset {name} has several protocols; give one of {', '.join(of_dataset)}")
    return get_protocol(of_dataset[0])


def doctor(
    predictions: Annotated[Path, typer.Argument(help=".csv, .json, .npz, or the benchmark's own format.")],
    dataset: Rules = None,
    data: Data = None,
    out: Out = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", help="PNG file: the bias of each landmark as arrows.", show_default=False),
    ] = None,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Say what is wrong with a prediction file, how sure that is, and what mends it."""
    from fldbench.audit.doctor import diagnose
    from fldbench.audit.doctor_tables import to_markdown, to_text
    from fldbench.audit.misread import read_somehow
    from fldbench.cli.terminal import width
    from fldbench.files import write_text

    define_protocols(protocols)
    rules = _protocol(dataset)
    read = read_somehow(predictions, rules, roots(data))
    for note in read.notes:
        complain(f"{predictions}: {note}")
    found = diagnose(read.predictions, read.faces, rules)
    if found is None:
        raise PredictionsError("no face has all its points as numbers; there is nothing to diagnose", predictions)
    say(to_text(read, found, rules, width()).rstrip())
    if out is not None:
        write_text(out, to_markdown(read, found, rules))
        say(f"written: {out}")
    if figure is not None:
        _write_bias(figure, read.predictions, read.faces, rules)


def _write_bias(path: Path, predictions: np.ndarray, faces: FaceSet, rules: Protocol) -> None:
    from fldbench.audit.bias_figure import bias_figure
    from fldbench.report.figures import write_figure

    say(f"written: {write_figure(bias_figure(predictions, faces, rules), path)}")
