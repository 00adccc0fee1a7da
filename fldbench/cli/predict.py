"""`fldbench predict`: what a model answers for the faces of a protocol, as a file and as a sheet."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import Data, Plugins, Protocols, Schemes, complain, define_protocols, roots, say
from fldbench.cli.completion import protocol_name


def predict(
    model: Annotated[Path, typer.Argument(help="Model file (.safetensors); `run` keeps its own in OUT/models.")],
    protocol: Annotated[
        str,
        typer.Option("--protocol", help="Protocol whose faces and boxes the model gets.", autocompletion=protocol_name),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write: .csv, .json or .npz, as `evaluate` reads it.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", help="PNG of faces with the model's points and attributes beside the true ones."),
    ] = None,
    data: Data = None,
    faces: Annotated[int, typer.Option("--faces", min=1, help="How many on the sheet, drawn at random.")] = 48,
    worst: Annotated[
        bool, typer.Option("--worst", help="Those with the largest errors on the sheet, missed ones first.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the random choice.")] = 0,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Predict the faces of a protocol: landmarks, and the attributes that the model answers.

    The sheet shows faces of the dataset; its licence may not allow to pass them on.
    """
    import numpy as np

    from fldbench.cli.terminal import progress
    from fldbench.dataset import make_dataset
    from fldbench.errors import DataError
    from fldbench.files import check_writable
    from fldbench.media.draw import write_png
    from fldbench.method import load_method
    from fldbench.protocols import get_protocol
    from fldbench.run.predict import check_ending, predict_protocol, write_predictions

    if output is None and sheet is None:
        raise DataError("predict: nothing to write; give -o FILE, --sheet FILE, or both")
    if output is not None:
        check_ending(output)
    for path in (output, sheet):
        if path is not None:
            check_writable(path)
    define_protocols(protocols)
    rules, fitted = get_protocol(protocol), load_method(model)
    with progress(f"predicting {rules.name}"), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        found = predict_protocol(fitted, rules, roots(data))
    for note in (*found.notes, *(str(one.message) for one in told)):
        complain(note)
    missed = int(np.isnan(found.errors).sum())
    names = ", ".join(f"{name} ({', '.join(answer.classes)})" for name, answer in found.attributes.items())
    say(f"{len(found.faces)} faces of {rules.name}, {missed} missed; attributes: {names or 'none'}")
    if output is not None:
        say(write_predictions(output, found.faces, found.landmarks, found.attributes))
    if sheet is not None:
        say(write_png(sheet, found.sheet(faces, worst, seed)))
        licence = make_dataset(rules.dataset, **dict(rules.options)).licence
        if licence:
            complain(f"{sheet} shows faces of {rules.dataset}; licence: {licence}")
