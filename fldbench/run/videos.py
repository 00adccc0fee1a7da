"""What a model answers for a video: its faces followed and drawn, or a table with a line for each face and frame."""

from __future__ import annotations

import csv
import glob
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fldbench.detector import DEFAULT, Detector, make_detector
from fldbench.errors import DataError, MethodError, must_be
from fldbench.files import write_text
from fldbench.found import faces_in
from fldbench.media.clip import FORMATS, Frame
from fldbench.media.marks import Marks, draw_tracks
from fldbench.media.pose import head_pose, openness
from fldbench.media.smooth import OneEuro
from fldbench.media.track import Attributes, Track
from fldbench.media.video import Followed, follow_faces
from fldbench.method import Method
from fldbench.params import LANDMARKS
from fldbench.progress import Listener
from fldbench.schemes import get_scheme

ABOUT = ("frame", "seconds", "face", "score", "yaw", "pitch", "roll", "left_eye", "right_eye", "mouth")


def predict_video(
    model: Method,
    source: str | Path | int,
    output: str | Path,
    detector: str | Detector = DEFAULT,
    min_score: float | None = None,
    largest: bool = False,
    every: int = 15,
    smooth: bool = True,
    marks: Marks | None = None,
    progress: Listener | None = None,
) -> Followed:
    """Follow the faces of a video and write what was asked for.

    Parameters
    ----------
    model : Method
        Fitted.
    source : str, Path or int
        The video, or the number of a camera, whose frames Ctrl-C ends.
    output : str or Path
        .mp4, .mov or .mkv: the video with its faces drawn, and with the attributes that the model answers. .csv: a line
        for each face in each frame, with the number of the face, the pose of the head in degrees and the aspect ratios
        of eyes and mouth (empty where the scheme does not tell), the points x0, y0, x1, ... in px of the upright frame,
        and a column ATTRIBUTE:CLASS for each probability.
    detector, min_score, largest
        As for `fldbench.found.faces_in`.
    every : int
        Frames between detections.
    smooth : bool
        By the one-euro filter; see `fldbench.media.smooth`.
    marks : Marks, optional
        What is drawn beside or instead of the points.
    progress : callable, optional
        Called as progress(video, frames done, frames in all).

    Raises
    ------
    DataError, MissingDependencyError, StoreError
        See `fldbench.media.video.follow_faces`; also for an output with another ending.
    MethodError
        For a model that does not know its points.
    """
    output = Path(output)
    if output.suffix.lower() not in (*FORMATS, ".csv"):
        allowed = f"one of {', '.join(FORMATS)}, .csv"
        raise DataError(must_be("predict", f"the ending of {output} for a video", output.suffix, allowed))
    if model.fitted_on is None:
        raise MethodError(f"{model.label} does not know which points it answers with; fit it, or load a model")
    scheme, wanted = model.fitted_on.scheme, marks or Marks()
    finder = make_detector(detector) if isinstance(detector, str) else detector
    as_table = output.suffix.lower() == ".csv"
    named = {name: list(model.classes_[name]) for name in model.tasks if name != LANDMARKS}
    lines: list[list[object]] = []

    def note(frame: Frame, tracks: list[Track]) -> None:
        lines.extend(_line(frame, track, scheme, named) for track in tracks)

    def describe(image: np.ndarray, boxes: np.ndarray) -> list[Attributes]:
        found = model.predict_attributes([image] * len(boxes), boxes)
        return [
            {name: dict(zip(named[name], rows[i].tolist(), strict=True)) for name, rows in found.items()}
            for i in range(len(boxes))
        ]

    seen, model._boxes_seen = model._boxes_seen, None  # boxes from landmarks are tight, whatever it learned on
    try:
        done = follow_faces(
            source,
            None if as_table else output,
            lambda image: faces_in(image, finder, scheme, min_score, largest),
            lambda image, boxes: np.array(model.predict([image] * len(boxes), boxes), float),
            lambda image, tracks: draw_tracks(image, tracks, scheme, wanted),
            every,
            OneEuro if smooth else None,
            note if as_table else None,
            progress,
            describe if named else None,
        )
    finally:
        model._boxes_seen = seen
    if as_table:
        text = io.StringIO()
        points = [f"{axis}{i}" for i in range(get_scheme(scheme).n_points) for axis in "xy"]
        answers = [f"{name}:{one}" for name, classes in named.items() for one in classes]
        csv.writer(text, lineterminator="\n").writerows([[*ABOUT, *points, *answers], *lines])
        write_text(output, text.getvalue())
    return done


def video_sources(inputs: Sequence[str]) -> list[str | int]:
    """Return the videos that inputs name, each once, in order; a number is that of a camera.

    Parameters
    ----------
    inputs : sequence of str
        Files, patterns such as `clips/*.mp4`, or one number from 0, if no file is called so.

    Raises
    ------
    DataError
        For a camera beside other inputs, and a pattern without any file.

    >>> video_sources(["a.mp4", "0.mp4", "a.mp4"]), video_sources(["0"])
    (['a.mp4', '0.mp4'], [0])
    """
    found: dict[str | int, None] = {}
    for text in inputs:
        if is_camera(text):
            if len(inputs) > 1:
                raise DataError(must_be("predict", "what stands beside a camera", list(inputs), "nothing"))
            return [int(text)]
        matches = (
            sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) and not Path(text).exists() else [text]
        )
        if not matches:
            raise DataError("no file matches this pattern", text)
        found |= dict.fromkeys(matches)
    return list(found)


def is_camera(text: str) -> bool:
    """Return whether an input is the number of a camera: digits, and no file of that name."""
    return text.isascii() and text.isdigit() and not Path(text).exists()


def video_targets(sources: Sequence[str | int], output: Path) -> list[Path]:
    """Return where the result of each video is written: the output itself, or files of their names in that folder.

    Raises
    ------
    DataError
        For several videos and one file, for a camera and a folder, and for two videos of one name.
    """
    if output.suffix and not output.is_dir():
        if len(sources) > 1:
            then = "give a folder"
            raise DataError(must_be("predict", f"the number of videos for {output}", len(sources), "1", then))
        return [output]
    if isinstance(sources[0], int):
        raise DataError(f"predict: a camera needs one file to write; give -o FILE{', '.join(FORMATS)} or .csv")
    names = [Path(str(one)) for one in sources]
    found = [output / (path.name if path.suffix.lower() in FORMATS else f"{path.stem}.mp4") for path in names]
    double = next((path for path in found if found.count(path) > 1), None)
    if double is not None:
        raise DataError("two videos would be written to this file; give them in two calls", double)
    return found


def _line(frame: Frame, track: Track, scheme: str, named: Mapping[str, Sequence[str]]) -> list[object]:
    try:
        angles = head_pose(track.shown, scheme).angles
    except DataError:  # the scheme does not tell
        angles = np.full(3, np.nan)
    told = [*(f"{value:.2f}" for value in angles), *(f"{value:.4f}" for value in openness(track.shown, scheme))]
    about = [frame.number, f"{frame.time:.4f}", track.identity, f"{track.score:.4f}"]
    place = [f"{value:.3f}" for value in track.shown.ravel()]
    known = [track.attributes.get(name, {}).get(one, np.nan) for name, classes in named.items() for one in classes]
    return [*about, *("" if one == "nan" else one for one in (*told, *place, *(f"{value:.4f}" for value in known)))]
