"""What a model answers for photos: every face that a detector finds, drawn on the photo and written as files.

Points are px of the original photo as it is shown, so turned by its EXIF orientation, at its full size.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fldbench.detector import DEFAULT, Detector, make_detector
from fldbench.errors import DataError, FldbenchError, UnknownNameError, must_be, near_miss
from fldbench.faces import ImageFiles
from fldbench.faces.image_files import ENDINGS
from fldbench.faces.images import encode_image
from fldbench.files import written_whole
from fldbench.found import FoundFace
from fldbench.media.marks import Marks, draw_photo
from fldbench.method import Method
from fldbench.progress import Listener
from fldbench.run.photo_files import FORMATS, common_folder, write_faces

DRAWN = (".png", ".jpg", ".jpeg")  # endings of pictures that are written
QUALITY = 92  # of JPEG
MOST_AT_ONCE = 4  # photos waiting for each thread


@dataclass
class Photo:
    """One photo: its file, the faces, the picture that was written, and what went wrong."""

    path: Path
    faces: list[FoundFace] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)  # width and height, px
    turned: bool = False
    picture: Path | None = None
    problem: str = ""


@dataclass(frozen=True)
class Photos:
    """What `predict_photos` did: the photos, the files of landmarks, and the seconds for one photo after the first."""

    photos: tuple[Photo, ...]
    files: tuple[Path, ...]
    seconds_each: float

    def __str__(self) -> str:
        """Return the counts in one line, such as `3 photos, 5 faces (1 photo without a face); 2.1 photos/s`."""
        good = [photo for photo in self.photos if not photo.problem]
        faces = [face for photo in good for face in photo.faces]
        without, missed = sum(not photo.faces for photo in good), sum(face.missed for face in faces)
        notes = [f"{_count(without, 'photo')} without a face"] if without else []
        notes += [f"{missed} of the faces missed by the model"] if missed else []
        notes += (
            [f"{_count(len(self.photos) - len(good), 'file')} could not be used"]
            if len(good) < len(self.photos)
            else []
        )
        text = f"{_count(len(good), 'photo')}, {_count(len(faces), 'face')}"
        return text + (f" ({', '.join(notes)})" if notes else "") + f"; {1 / max(self.seconds_each, 1e-9):.1f} photos/s"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")


def photo_paths(inputs: Sequence[str | Path], leave_out: Path | None = None) -> list[Path]:
    """Return the photos that files, folders and patterns name, each once, in order.

    Parameters
    ----------
    inputs : sequence of str or Path
        A file; a folder, of which all images count, those in folders in it too; or a pattern such as `day/**/*.jpg`.
    leave_out : Path, optional
        A folder whose images do not count: where pictures are written.

    Raises
    ------
    DataError
        For what is not there, and for a folder or pattern without any image.
    """
    found: dict[Path, None] = {}
    for text in map(str, inputs):
        if os.path.isdir(text):
            paths = _images_in(sorted(Path(text).rglob("*")), leave_out)
            if not paths:
                raise DataError("no image in this folder", text)
        elif os.path.exists(text):
            paths = [Path(text)]
        elif glob.has_magic(text):
            paths = _images_in(sorted(map(Path, glob.glob(text, recursive=True))), leave_out)
            if not paths:
                raise DataError("no image matches this pattern", text)
        else:
            raise DataError("no such file or folder; check the path", text)
        found |= dict.fromkeys(paths)
    return list(found)


def _images_in(paths: Sequence[Path], leave_out: Path | None) -> list[Path]:
    kept = None if leave_out is None else leave_out.resolve()
    return [
        path
        for path in paths
        if path.suffix.lower() in ENDINGS and path.is_file() and (kept is None or kept not in path.resolve().parents)
    ]


def predict_photos(
    model: Method,
    inputs: Sequence[str | Path],
    output: str | Path,
    formats: Sequence[str] = (),
    detector: str | Detector = DEFAULT,
    min_score: float | None = None,
    largest: bool = False,
    threads: int = 1,
    progress: Listener | None = None,
    marks: Marks | None = None,
) -> Photos:
    """Find the faces of photos, predict each, and write pictures and files; a bad photo does not end the work.

    Parameters
    ----------
    model : Method
        Fitted.
    inputs : sequence of str or Path
        As for `photo_paths`.
    output : str or Path
        A folder, which gets a picture for each photo; or one .png or .jpg, for a single photo; or one .csv or .json
        with the faces of all photos, without pictures.
    formats : sequence of {"csv", "json", "pts", "dlib-xml", "coco"}
        Files of landmarks to write into the folder too.
    detector, min_score, largest
        As for `fldbench.found.faces_in`.
    threads : int
        Photos at the same time.
    progress : callable, optional
        Called as progress(photo, photos done, photos in all).
    marks : Marks, optional
        What is drawn beside or instead of points, boxes and words.

    Raises
    ------
    DataError
        When there is no photo, or the output does not fit.
    UnknownNameError
        For a format or a detector.
    MethodError
        For a model that does not know its points.
    StoreError
        When the output cannot be written.
    """
    output = Path(output)
    for one in formats:
        if one not in FORMATS:
            raise UnknownNameError(f"no format named {one!r} to write; {near_miss(one, FORMATS)}")
    ending = output.suffix.lower()
    single = ending if ending in (*DRAWN, ".csv", ".json") and not output.is_dir() else ""
    paths = photo_paths(inputs, None if single else output)
    if single and formats:
        then = "give a folder for pictures and files together"
        raise DataError(must_be("predict", "the formats beside a single file", list(formats), "none", then))
    if single in DRAWN and len(paths) != 1:
        raise DataError(must_be("predict", f"the number of photos for {output}", len(paths), "1", "give a folder"))
    detector = make_detector(detector) if isinstance(detector, str) else detector
    pictures = _pictures(paths, output, single)
    began = time.perf_counter()

    def work(row: int) -> Photo:
        return _photo(model, paths[row], pictures[row], detector, min_score, largest, marks or Marks())

    photos: list[Photo] = []
    warm = began
    for photo in _in_order(work, len(paths), threads):
        photos.append(photo)
        warm = time.perf_counter() if len(photos) == 1 else warm
        if progress:
            progress(str(photo.path), len(photos), len(paths))
    # The first photo waits for code that is compiled, which says nothing about the others.
    each = (time.perf_counter() - warm) / (len(paths) - 1) if len(paths) > 1 else warm - began
    kinds = [single[1:]] if single in (".csv", ".json") else list(formats)
    files = [
        written
        for kind in kinds
        for written in write_faces(kind, output if single else output / f"faces{FORMATS[kind]}", model, photos)
    ]
    return Photos(tuple(photos), tuple(files), each)


def _photo(
    model: Method,
    path: Path,
    picture: Path | None,
    detector: Any,
    min_score: float | None,
    largest: bool,
    marks: Marks,
) -> Photo:
    """Return one photo with its faces, and its picture written; what is wrong with it is its problem."""
    try:
        files = ImageFiles([path]).upright()
        image = files[0]
        faces = model.detect_and_predict(image, detector, min_score, largest)
    except DataError as error:
        return Photo(path, problem=str(error))
    if picture is not None:
        drawn = encode_image(draw_photo(image, faces, marks), picture.suffix.lower(), _quality(picture))
        with written_whole(picture, "wb") as file:
            file.write(drawn)
    return Photo(path, faces, (image.shape[1], image.shape[0]), files.turned_by(0) != 1, picture)


def _quality(picture: Path) -> int | None:
    return None if picture.suffix.lower() == ".png" else QUALITY


def _pictures(paths: Sequence[Path], output: Path, single: str) -> list[Path | None]:
    """Return where the picture of each photo is written; raise DataError where that is the photo itself."""
    if single in (".csv", ".json"):
        return [None] * len(paths)
    if single:
        found = [output]
    else:
        base = common_folder(paths)
        found, taken = [], set()
        for path in paths:
            own = output / path.resolve().relative_to(base)
            place = own if own.suffix.lower() in DRAWN else own.with_suffix(".png")
            place = own.with_name(f"{own.name}.png") if place in taken else place
            taken.add(place)
            found.append(place)
    for path, place in zip(paths, found, strict=True):
        if place.exists() and place.samefile(path):
            raise DataError("the picture would replace the photo itself; give another output", path)
    return list(found)


def _in_order(work: Any, n: int, threads: int) -> Iterator[Photo]:
    """Yield what `work` returns for 0 to n - 1, in order; in several threads, a few ahead of who takes them."""
    if threads <= 1:
        yield from map(work, range(n))
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(work, row) for row in range(min(n, threads * MOST_AT_ONCE))]
        try:
            for row in range(n):
                yield waiting[row].result()
                if len(waiting) < n:
                    waiting.append(pool.submit(work, len(waiting)))
        except (FldbenchError, KeyboardInterrupt):
            pool.shutdown(cancel_futures=True)
            raise
