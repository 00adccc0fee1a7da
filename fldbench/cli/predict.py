"""`fldbench predict`: what a model answers for photos and videos, or for the faces of a protocol."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from fldbench.cli.common import Data, Plugins, Protocols, Schemes, complain, define_protocols, roots, say
from fldbench.cli.completion import detector_name, protocol_name

OF_PHOTOS, OF_PROTOCOL = "Of photos", "Of a protocol"


def predict(
    model: Annotated[
        Path,
        typer.Argument(
            help="Model file (.safetensors), or builtin: the one that comes along. `run` keeps its own in OUT/models."
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PHOTO|FOLDER|PATTERN|VIDEO|CAMERA]...",
            help="Photos, or videos, or the number of a camera, from 0.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            help="Protocol whose faces and boxes the model gets.",
            autocompletion=protocol_name,
            rich_help_panel=OF_PROTOCOL,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Of photos: a folder for pictures, or one .png, .jpg, .csv or .json. Of a video or a camera: .mp4, "
            ".mov, .mkv or .csv; of several videos a folder. Of a protocol: .csv, .json or .npz, for `evaluate`.",
        ),
    ] = None,
    write: Annotated[
        list[str] | None,
        typer.Option(
            "--write",
            help="csv, json, pts, dlib-xml or coco: the landmarks too, into the folder; may be given several times.",
            rich_help_panel=OF_PHOTOS,
        ),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            help="Face detector; default dlib-hog. See `list detectors`.",
            autocompletion=detector_name,
            rich_help_panel=OF_PHOTOS,
            show_default=False,
        ),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option("--min-score", help="Leave out faces with a lower score.", rich_help_panel=OF_PHOTOS),
    ] = None,
    largest: Annotated[
        bool, typer.Option("--largest", help="Only the largest face of each photo.", rich_help_panel=OF_PHOTOS)
    ] = False,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Photos at once.", rich_help_panel=OF_PHOTOS)
    ] = None,
    overlay: Annotated[
        list[str] | None,
        typer.Option(
            "--overlay",
            help="sunglasses, moustache, or FILE.png@eyes, @lip or @head: drawn instead of the points.",
            rich_help_panel=OF_PHOTOS,
        ),
    ] = None,
    pose: Annotated[
        bool, typer.Option("--pose", help="Draw the axes of each head.", rich_help_panel=OF_PHOTOS)
    ] = False,
    every: Annotated[
        int | None,
        typer.Option(
            "--every",
            min=1,
            help="Video: detect in each Nth frame; default 15.",
            rich_help_panel=OF_PHOTOS,
            show_default=False,
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--no-smoothing", help="Video: points as predicted.", rich_help_panel=OF_PHOTOS)
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            help="PNG of faces with the model's points and attributes beside the true ones.",
            rich_help_panel=OF_PROTOCOL,
        ),
    ] = None,
    data: Data = None,
    faces: Annotated[
        int, typer.Option("--faces", min=1, help="How many on the sheet, at random.", rich_help_panel=OF_PROTOCOL)
    ] = 48,
    worst: Annotated[
        bool,
        typer.Option(
            "--worst",
            help="Those with the largest errors on the sheet, missed ones first.",
            rich_help_panel=OF_PROTOCOL,
        ),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the random choice.", rich_help_panel=OF_PROTOCOL)] = 0,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Predict the faces in photos, in a video or of a protocol: landmarks, and the attributes that the model answers.

    In photos, a face detector finds the faces; each photo is drawn with them. In a video they are followed, smoothed
    and drawn; sound and times stay. A camera is recorded until Ctrl-C. Points are px of the photo as it is shown. A
    sheet shows faces of the dataset; its licence may not allow to pass them on.
    """
    from fldbench.detector import DEFAULT
    from fldbench.errors import DataError
    from fldbench.media.clip import is_video
    from fldbench.run.videos import is_camera

    if bool(inputs) == (protocol is not None):
        raise DataError("predict: give either photos or --protocol NAME, so that there are faces to predict")
    if protocol is None:
        if sheet is not None or worst:
            raise DataError("predict: --sheet and --worst need --protocol; photos have no truth to compare with")
        looks = {"detector": detector or DEFAULT, "min_score": min_score, "largest": largest}
        moving = [one for one in inputs or [] if is_video(one) or is_camera(one)]
        if moving:
            if len(moving) < len(inputs or []):
                raise DataError("predict: there are photos and videos; give them in two calls")
            if write or threads:
                raise DataError("predict: --write and --threads are for photos")
            _videos(model, moving, output, looks, overlay or [], pose, every or 15, not raw)
        elif every or raw:
            raise DataError("predict: --every and --no-smoothing are for a video")
        else:
            _photos(model, inputs or [], output, write or [], looks, threads, overlay or [], pose)
        return
    if write or detector or min_score is not None or largest or threads or overlay or pose or every or raw:
        raise DataError(
            "predict: --write, --detector, --min-score, --largest, --threads, --overlay, --pose, --every and "
            "--no-smoothing are for photos and videos; for the boxes of a "
            f"detector write --protocol {protocol.partition('@')[0]}@boxes=detected:NAME"
        )
    _protocol(model, protocol, output, sheet, data, faces, worst, seed, protocols)


def _photos(
    model: Path,
    inputs: list[str],
    output: Path | None,
    write: list[str],
    looks: dict[str, Any],
    threads: int | None,
    overlays: list[str],
    pose: bool,
) -> None:
    from fldbench.cli.terminal import progress
    from fldbench.errors import DataError
    from fldbench.files import check_writable
    from fldbench.run.photos import predict_photos

    if output is None:
        raise DataError("predict: nothing to write; give -o FOLDER, or -o with one .png, .jpg, .csv or .json")
    check_writable(output if output.suffix and not output.is_dir() else output / "faces.csv")
    fitted, marks = _ready(model, overlays, pose)
    with progress("looking for faces") as show, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        done = predict_photos(fitted, inputs, output, write, threads=threads or 1, progress=show, marks=marks, **looks)
    for photo in done.photos:
        if photo.problem:
            complain(photo.problem)
    for text in dict.fromkeys(str(one.message) for one in told):
        complain(text)
    turned = sum(photo.turned for photo in done.photos)
    if turned and done.files:
        complain(f"{turned} photo(s) are shown turned (EXIF): points are px of what is shown, not of what is stored")
    say(done)
    for path in [output, *(file for file in done.files if file != output)][:10]:
        say(path)
    if any(photo.problem for photo in done.photos):
        raise typer.Exit(1)


def _ready(path: Path, overlays: list[str], pose: bool) -> tuple[Any, Any]:
    """Return the model, and what is drawn on its faces; what does not fit it is refused before any work."""
    from fldbench.media.marks import Marks, marks_for
    from fldbench.method import load_method

    model = load_method(path)
    known = model.fitted_on
    return model, Marks() if known is None else marks_for(known.scheme, overlays, pose)


def _videos(
    model: Path,
    inputs: list[str],
    output: Path | None,
    looks: dict[str, Any],
    overlays: list[str],
    pose: bool,
    every: int,
    smooth: bool,
) -> None:
    from fldbench.cli.terminal import progress
    from fldbench.errors import DataError
    from fldbench.files import check_writable
    from fldbench.run.videos import predict_video, video_sources, video_targets

    if output is None:
        raise DataError("predict: nothing to write; give -o FILE.mp4, .mov, .mkv or .csv, or a folder")
    sources = video_sources(inputs)
    targets = video_targets(sources, output)
    for target in targets:
        check_writable(target)
    fitted, marks = _ready(model, overlays, pose)
    broken = 0
    for source, target in zip(sources, targets, strict=True):
        what = f"recording camera {source}; Ctrl-C ends it" if isinstance(source, int) else "following faces"
        try:
            with progress(what) as show, warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("default")
                done = predict_video(
                    fitted, source, target, every=every, smooth=smooth, marks=marks, progress=show, **looks
                )
        except DataError as error:
            if len(sources) == 1:
                raise
            complain(str(error))
            broken += 1
            continue
        for note in dict.fromkeys((*done.notes, *(str(one.message) for one in told))):
            complain(note)
        say(done)
        say(done.stages)
        say(target)
    if broken:
        complain(f"{broken} of {len(sources)} videos could not be used")
        raise typer.Exit(1)


def _protocol(
    model: Path,
    protocol: str,
    output: Path | None,
    sheet: Path | None,
    data: Any,
    faces: int,
    worst: bool,
    seed: int,
    protocols: list[Path] | None,
) -> None:
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
