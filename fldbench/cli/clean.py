"""`fldbench clean`: the faces whose labels a model contradicts that has not seen them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fldbench.cli.common import Data, Options, Plugins, Schemes, assignments, complain, roots, say
from fldbench.cli.completion import dataset_name, method_name

SHOWN = 10  # faces that are listed at least


def clean(
    model: Annotated[
        str,
        typer.Argument(
            metavar="METHOD|MODEL",
            help="A method, fitted without each fold in turn; or a model (file or builtin) that never saw the faces.",
            autocompletion=method_name,
        ),
    ],
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.", autocompletion=dataset_name)],
    data: Data = None,
    split: Annotated[str | None, typer.Option("--split", help="Split; default train, or all.")] = None,
    option: Options = None,
    boxes: Annotated[
        str | None, typer.Option("--boxes", help="As for `train`: official, tight, jittered:S or detected:NAME.")
    ] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="How often a method is fitted.")] = 4,
    param: Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE, a parameter of the method.")] = None,
    worst: Annotated[
        int | None,
        typer.Option("--worst", min=1, help="Take the N worst faces; default those far out.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Exclude list to write, for you to look through.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="PNG of these faces, the 10 worst if none is far out.")
    ] = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Rank training faces by how far a model that has not seen them is from their labels. Nothing is removed.

    Wrong labels are among the worst, and so are hard faces: look at the sheet, and delete the lines of those to keep. A
    suite names the list under `train` as `exclude`. Found are labels that are wrong as a whole or in a part of the
    face, the better the method is; a single wrong landmark mostly is not. For test faces use `data doubts`, which asks
    several methods.
    """
    import numpy as np

    from fldbench import registry
    from fldbench.audit.cleaning import answers_of, answers_out_of_fold, check_unseen, suspects
    from fldbench.cli.terminal import progress
    from fldbench.curate.excludes import excludes_from, write_excludes
    from fldbench.dataset import load_dataset, make_dataset
    from fldbench.errors import MethodError, must_be
    from fldbench.faces import facts_of
    from fldbench.files import check_writable
    from fldbench.media.draw import write_png
    from fldbench.media.sheet import answer_sheet
    from fldbench.method import load_method, make_method
    from fldbench.protocols.boxes import knows_truth
    from fldbench.run.data import LoadedFaces, for_training

    for path in (output, sheet):
        if path is not None:
            check_writable(path)
    params = assignments(param, "--param")
    fitted: Any = None
    if model in registry.names("method"):
        make_method(model, **params).check_params()
    else:
        fitted = load_method(model)
        if params:
            allowed = "none for a model that is fitted"
            raise MethodError(must_be("clean", "--param", list(params), allowed, "give the name of the method"))
    options = assignments(option, "--option")
    everyone = load_dataset(dataset, roots(data), split, **options)
    with progress("loading the faces"):
        loaded = LoadedFaces(for_training(everyone, boxes or "official"))
    loaded.drop_unreadable()
    for reason in loaded.problems.values():
        complain(f"left out: {reason}")
    faces = loaded.check_usable()
    short = ", ".join(f"{part} {found} of {total}" for part, (found, total) in faces.parts.items() if found < total)
    complain(f"looking at {facts_of(faces)}" + (f" ({short})" if short else ""))
    if knows_truth(faces.box_source):
        complain(
            "the boxes are made from the labels: one that is wrong as a whole moves its box, and the model follows it; "
            "with those of a detector (--boxes detected:NAME) more may be found"
        )
    if fitted is not None:
        check_unseen(fitted, faces)
        with progress(f"predicting {len(faces)} faces"):
            answers = answers_of(fitted, faces)
    else:
        with progress(f"{model}: {folds} fits") as show:
            answers = answers_out_of_fold(faces, model, folds, params, progress=show)
    found = suspects(faces, answers)
    far = [one for one in found if one.far]
    chosen = found[:worst] if worst else far
    for one in found[: max(SHOWN, len(chosen))]:
        say(f"{'far out' if one.far else 'below the fence':<15}  {one.id}: {one.message}")
    then = "hard faces are among them, so look at each" if far else "--worst N takes the N worst"
    say(f"{len(far) or 'none'} of {len(found)} faces {'is' if len(far) < 2 else 'are'} far out; {then}")
    if output is not None:
        n = len(chosen) or "no"
        say(f"{write_excludes(output, excludes_from(chosen))}: {n} face{'s' * (len(chosen) != 1)}")
    if sheet is not None:
        drawn = chosen or found[:SHOWN]
        rows, errors = [one.row for one in drawn], np.array([one.error for one in drawn])
        say(write_png(sheet, answer_sheet(faces[rows], answers[rows], errors=errors)))
        licence = make_dataset(dataset, **options).licence
        if licence:
            complain(f"{sheet} shows faces of {dataset}; licence: {licence}")
