"""`fldbench train`, `check` and `export`: one model or plug-in at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fldbench.cli.common import (
    Data,
    Options,
    Plugins,
    Protocols,
    Schemes,
    assignments,
    complain,
    define_protocols,
    roots,
    say,
)
from fldbench.cli.completion import dataset_name, method_name


def train(
    method: Annotated[str, typer.Argument(help="Name of the method.", autocompletion=method_name)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model file to write (.safetensors).")],
    dataset: Annotated[str, typer.Option("--dataset", help="Name of the dataset.", autocompletion=dataset_name)],
    data: Data = None,
    split: Annotated[str | None, typer.Option("--split", help="Split to train on; default train, or all.")] = None,
    option: Options = None,
    faces: Annotated[int | None, typer.Option("--faces", min=1, help="Train on the first FACES only.")] = None,
    boxes: Annotated[
        str | None,
        typer.Option(
            "--boxes",
            help="official (the dataset's own), tight or jittered:S (made from the landmarks), or detected:NAME (a "
            "face detector's); default official, or tight for a dataset that has none.",
        ),
    ] = None,
    param: Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE, a parameter of the method.")] = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Fit one model and save it; the model knows what it was fitted on, and with which boxes.

    A network writes its curves and pictures into the folder MODEL-training beside the model. Its checkpoint is there
    too; after an interruption, the same command continues from it.
    """
    from fldbench.cli.terminal import progress
    from fldbench.curate.inspect import as_stored, info
    from fldbench.dataset import load_dataset
    from fldbench.errors import DataError, must_be
    from fldbench.faces import facts_of
    from fldbench.faces.frame import check_in_images
    from fldbench.files import check_writable
    from fldbench.method import make_method
    from fldbench.run.data import LoadedFaces, for_training

    model = make_method(method, **assignments(param, "--param"))
    model.check_params()
    check_writable(output)
    options = assignments(option, "--option")
    everyone = load_dataset(dataset, roots(data), split, **options)
    for note in everyone.notes:
        complain(f"{everyone.label}: {note}")
    if faces is not None and faces > len(everyone):
        complain(f"{everyone.label} has {len(everyone)} faces, not {faces}; all of them are taken")
    if boxes == "official" and everyone.box_source == "tight":
        raise DataError(must_be(everyone.label, "--boxes", boxes, "tight or jittered:S", "it has no boxes of its own"))
    with progress("loading the faces"):
        loaded = LoadedFaces(for_training(everyone[:faces], boxes or "official"))
    loaded.drop_unreadable()
    for reason in loaded.problems.values():
        complain(f"left out: {reason}")
    usable = loaded.check_usable()
    check_in_images(usable)
    frames = info(usable)["images"]
    if frames["oriented"]:
        complain(f"{usable.label}: {as_stored(frames['oriented'], frames['sampled'])}")
    short = ", ".join(f"{part} {found} of {total}" for part, (found, total) in usable.parts.items() if found < total)
    complain(f"fitting on {facts_of(usable)}" + (f" ({short})" if short else ""))
    with progress(f"fitting {method} on {len(usable)} faces"):
        folder: dict[str, Any] = {"folder": output.with_name(f"{output.stem}-training")} if model.keeps_training else {}
        model.fit(usable, **folder)
    path = model.save(output)
    say(f"{path}: {model.n_parameters} parameters, {path.stat().st_size} bytes")


def check(
    name: Annotated[
        str, typer.Argument(help="Name of the method, dataset, detector or protocol, or the Python file of a plug-in.")
    ],
    data: Data = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="NAME=VALUE, a parameter of the method or detector, or an option of the dataset."),
    ] = None,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Check that a method, dataset, detector or protocol keeps the contract; of a file, everything that it registers.

    A method is fitted about 15 times on up to 48 synthetic faces, so choose parameters that make this quick. What is
    only advised does not make the check fail.
    """
    from fldbench.checks.by_name import CHECKED
    from fldbench.errors import DataError
    from fldbench.plugin_files import load_plugin

    define_protocols(protocols)
    names = [name]
    if name.endswith(".py"):
        names = [own for kind, own in load_plugin(name) if kind in CHECKED]
        if not names:
            raise DataError("registers no method, dataset, detector or protocol; nothing to check", name)
    sound = [_checked(one, data, param) for one in names]
    if not all(sound):
        raise typer.Exit(1)


def _checked(name: str, data: list[str] | None, param: list[str] | None) -> bool:
    """Run every check of a plug-in and print it; return whether all that must hold do."""
    from collections import Counter

    from fldbench.checks import results_of
    from fldbench.dataset import root_of
    from fldbench.protocols import get_protocol, list_protocols

    counts: Counter[str] = Counter()
    of_rules = name in list_protocols() or "@" in name
    root = root_of(roots(data), get_protocol(name).dataset if of_rules else name)
    for result in results_of(name, root, assignments(param, "--param")):
        status = "advice" if result.status == "failed" and result.advice else result.status
        counts[status] += 1
        say(f"{status:<8} {result.check}: {result.about}")
        if result.reason:
            say(f"         {'' if status == 'skipped' else 'instead: '}{result.reason}")
    passed, failed, advice, skipped = (counts[status] for status in ("passed", "failed", "advice", "skipped"))
    advised = f", {advice} should hold and do not" if advice else ""
    ran = passed + failed + advice
    say(f"{name}: {ran} checks ran, {passed} passed, {failed} failed{advised}; {skipped} were skipped")
    return bool(passed) and not failed


def export(
    model: Annotated[Path, typer.Argument(help="Model file of a network (.safetensors).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="ONNX file to write.")],
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Write a network as an ONNX file: pixels of a crop in, landmarks in pixels of the crop out."""
    from fldbench.cnn.export import export_onnx
    from fldbench.method import load_method

    path = export_onnx(load_method(model), output)
    say(f"{path}: {path.stat().st_size} bytes; its metadata say how to cut the crop")
