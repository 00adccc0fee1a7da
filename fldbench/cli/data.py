"""`fldbench data ...`: look at datasets, check, draw, convert and pack them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fldbench.cli.common import Data, Options, Plugins, Schemes, assignments, complain, roots, say
from fldbench.cli.completion import dataset_name
from fldbench.cli.doubts import doubts
from fldbench.errors import DatasetNotFoundError
from fldbench.escape import plain

if TYPE_CHECKING:
    from fldbench.faces import FaceSet

app = typer.Typer(help="Look at datasets, check, draw, convert and pack them.", no_args_is_help=True)
app.command()(doubts)
WORST = 50  # implausible shapes on the contact sheet

Name = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help="Name of the dataset; `fldbench list datasets`.", autocompletion=dataset_name
    ),
]
Split = Annotated[str | None, typer.Option("--split", help="Split; default the dataset's first.")]


class Target(StrEnum):
    """What `convert` writes."""

    pts = "pts"
    dlib_xml = "dlib-xml"
    coco = "coco"
    csv = "csv"


def _load(name: str, data: list[str] | None, split: str | None, options: list[str] | None):
    from fldbench.dataset import load_dataset, make_dataset

    given = assignments(options, "--option")
    return load_dataset(name, roots(data), split or make_dataset(name, **given).splits[0], **given)


def _load_sound(name: str, data: list[str] | None, split: str | None, options: list[str] | None):
    """Load the faces without faults, unless an option says otherwise; return them and the faults."""
    from fldbench.dataset import make_dataset, root_of

    given = assignments(options, "--option")
    dataset = make_dataset(name, **given)
    if "faulty" not in given:
        dataset.faulty = "skip"
    return dataset.load(root_of(roots(data), name), split or dataset.splits[0]), dataset.faults


def _are_same(one: FaceSet, other: FaceSet) -> bool:
    """Return whether two sets hold the same faces: files may give others the same ids, and then images are read."""
    return one.ids.tolist() == other.ids.tolist() and one.fingerprint == other.fingerprint


@app.command()
def info(
    name: Name,
    data: Data = None,
    split: Split = None,
    option: Options = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
    guess_mirror: Annotated[
        bool, typer.Option("--guess-mirror", help="Show the mirror pairs that the points suggest.")
    ] = False,
) -> None:
    """Show counts, sizes, scheme, attributes, subsets and absent parts of one split, or of all splits."""
    from fldbench.curate.inspect import info as facts_of
    from fldbench.curate.inspect import info_text
    from fldbench.dataset import make_dataset

    dataset = make_dataset(name, **assignments(option, "--option"))
    problems = []
    shown: dict[str, FaceSet] = {}  # split -> its faces
    for one in [split] if split else dataset.splits:
        try:
            faces, faults = _load_sound(name, data, one, option)
        except DatasetNotFoundError as error:
            problems.append(error)
            continue
        same = next((other for other, known in shown.items() if _are_same(known, faces)), None)
        if same is not None:
            say(f"dataset       {name}, split {one}: the faces of {same}\n")
            continue
        shown[one] = faces
        lines = [info_text(facts_of(faces)), *(f"{'fault':<13} {fault}" for fault in faults.in_order())]
        if guess_mirror:
            from fldbench.schemes import guess_mirror as guessed

            pairs, residual = guessed(faces.landmarks)
            lines.append(f"{'mirror':<13} {[list(pair) for pair in pairs]}, residual {100 * residual:.0f} %")
        say("\n".join(lines) + "\n")
    if problems and len(problems) == (1 if split else len(dataset.splits)):
        raise problems[0]
    for problem in problems if "all" not in shown else ():  # all faces were shown
        complain(f"{problem}")
    for title, text in (("licence", dataset.licence), ("cite", dataset.citation), ("from", dataset.url)):
        if text:
            say(f"{title}: {text}")


@app.command()
def preview(
    name: Name,
    output: Annotated[Path, typer.Option("-o", "--output", help="PNG file to write.")],
    data: Data = None,
    split: Split = None,
    faces: Annotated[int, typer.Option("--faces", min=1, help="How many, drawn at random.")] = 48,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Id of a face; may be given several times.")] = None,
    numbers: Annotated[bool, typer.Option("--numbers", help="Write the points' numbers.")] = False,
    attributes: Annotated[
        bool, typer.Option("--attributes", help="Write each face's id and attributes below it.")
    ] = False,
    harms: Annotated[
        bool, typer.Option("--harms", help="Draw the first face, or those of --id, under every harm and strength.")
    ] = False,
    option: Options = None,
    schemes: Schemes = None,
    plugin: Plugins = None,
) -> None:
    """Draw a contact sheet of faces with their landmarks."""
    from fldbench.curate.inspect import harms_preview
    from fldbench.curate.inspect import preview as sheet_of
    from fldbench.media.draw import write_png

    loaded = _load(name, data, split, option)
    if harms:
        say(write_png(output, harms_preview(loaded, ids)))
        return
    say(write_png(output, sheet_of(loaded, numbers=numbers, sample=faces, ids=ids, attributes=attributes)))


@app.command()
def verify(
    name: Name,
    data: Data = None,
    split: Split = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Exclude list to write; suites name it as `exclude`.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="PNG of the least plausible shapes.")] = None,
    option: Options = None,
    schemes: Schemes = None,
    plugin: Plugins = None,
) -> None:
    """List faults of annotations and images, and what a split shares with the others. Nothing is removed."""
    from fldbench.cli.terminal import progress
    from fldbench.curate.excludes import excludes_from, write_excludes
    from fldbench.curate.inspect import preview as sheet_of
    from fldbench.curate.verify import Finding, rank_shapes
    from fldbench.curate.verify import verify as findings_of
    from fldbench.dataset import make_dataset
    from fldbench.media.draw import write_png

    faces, faults = _load_sound(name, data, split, option)
    others = []
    for other in make_dataset(name, **assignments(option, "--option")).splits_apart_from(faces.split_name):
        try:
            others.append(_load_sound(name, data, other, option)[0])
        except DatasetNotFoundError as error:
            complain(f"not compared with {other}: {error}")
    with progress(f"verifying {faces.label}") as show:
        findings = [Finding("fault", "", 0.0, str(one)) for one in faults.in_order()] + findings_of(faces, others, show)
    for one in findings:
        say(plain(f"{one.kind:<11}{one.score:>7.2f}  {one.id or faces.label}: {one.message}"))
    named = {one.id for one in findings if one.id}
    say(f"{len(findings)} findings about {len(named)} of {len(faces)} faces of {faces.label}")
    if output is not None:
        say(write_excludes(output, excludes_from(findings)))
    if sheet is not None:
        worst = [one.id for one in rank_shapes(faces)[:WORST]]
        if worst:
            say(write_png(sheet, sheet_of(faces, ids=worst)))
        else:
            complain("no sheet: too few faces for a shape model")


@app.command()
def convert(
    name: Name,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="New folder.")],
    to: Annotated[Target, typer.Option("--to", help="Format to write.")],
    data: Data = None,
    split: Split = None,
    option: Options = None,
    schemes: Schemes = None,
    plugin: Plugins = None,
) -> None:
    """Write annotations and images in another format, and report what the format cannot hold."""
    from fldbench.cli.terminal import progress
    from fldbench.curate.convert import convert as write

    faces = _load(name, data, split, option)
    with progress(f"writing {len(faces)} faces") as show:
        lost = write(faces, to.value, output, show)
    for line in lost:
        complain(f"not kept by {to.value}: {line}")
    say(f"{output}: {len(faces)} faces of {faces.label} as {to.value}")


@app.command()
def pack(
    name: Name,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; its index goes beside it.")],
    data: Data = None,
    split: Split = None,
    size: Annotated[
        int | None, typer.Option("--size", min=8, help="Crop to this many px; default images as they are.")
    ] = None,
    quality: Annotated[
        int | None, typer.Option("--quality", min=1, max=100, help="Crops as JPEG of this quality; default raw pixels.")
    ] = None,
    option: Options = None,
    schemes: Schemes = None,
    plugin: Plugins = None,
) -> None:
    """Pack a split into one file and an index; any number of faces opens at once."""
    from fldbench.cli.terminal import progress
    from fldbench.faces.pack import pack as write

    faces = _load(name, data, split, option)
    with progress(f"packing {len(faces)} faces") as show:
        write(faces, output, size=size, quality=quality, progress=show)
    say(f"{output}: {len(faces)} faces of {faces.label}, {output.stat().st_size} bytes")
