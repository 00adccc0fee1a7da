"""Shared by the readers of general formats: the file, the scheme, the image of a face and its id."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import numpy as np

from fldbench.dataset import FAR, ROOT_VARIABLE, Columns, Dataset, data_root
from fldbench.datasets.formats.frames import Frames
from fldbench.datasets.formats.images import no_images
from fldbench.datasets.formats.text import refusal
from fldbench.datasets.yours.missing import without_marks
from fldbench.errors import DataError, DatasetNotFoundError, near_miss
from fldbench.faces import Attribute, ImageFiles
from fldbench.faces.attributes import UNKNOWN
from fldbench.faces.image_paths import ABSENT, ImageFolder, face_ids
from fldbench.geometry import tight_box
from fldbench.params import TEXT, kind, optional, parameters_of
from fldbench.schemes import fit_to, get_scheme, list_schemes, recognise
from fldbench.schemes.recognise import candidates, no_such_number

ENOUGH = 20  # faces whose mean shape says whether a stated scheme fits
UNLIKE = 0.3  # residual; WFLW's most turned faces have 0.26, other numberings 0.34 and more
SPLITS = ("all", "train", "val", "test")
SPLIT_WORDS = {
    "train": {"train", "training", "trainset"},
    "val": {"val", "valid", "validation", "valset"},
    "test": {"test", "testing", "testset"},
}


@dataclass(frozen=True)
class Annotation:
    """One face as an annotation file describes it.

    Attributes
    ----------
    image : str
        Path of its image, as written.
    points : (L, 2) float array or None
        Pixels, NaN where not annotated; None for a face without any point.
    line : int or None
        The line of the face; None in a format without lines, which fills `what` instead.
    what : str
        The beginning of a message about it.
    box : (4,) sequence or None
        Pixels; None means the tight box of the points.
    visible : (L,) bool array or None
        None: annotated points are visible.
    id, group : str
        If the file has them.
    file : Path or None
        The face's own annotation file, where each photo has one.
    has_image : bool
        False where the file names no image and none lies beside it.
    size : (width, height) or None
        Of the image, px, if the file states it.
    ignored : bool
        The file itself says that this face does not count.
    attributes : mapping of str to int
        -1 where one is not known.
    """

    image: str
    points: np.ndarray | None
    line: int | None = None
    what: str = ""
    box: Sequence[float] | None = None
    visible: np.ndarray | None = None
    id: str = ""
    group: str = ""
    size: tuple[int, int] | None = None
    file: Path | None = None
    has_image: bool = True
    ignored: bool = False
    attributes: Mapping[str, int] = field(default_factory=dict)


class Parsed(NamedTuple):
    """What an annotation file holds.

    Attributes
    ----------
    scheme : str or None
        The scheme that was asked for or that the file states; None: to be recognised from the points.
    folder : Path
        What image paths are relative to.
    faces : list of Annotation
    notes : tuple of str
        What a user should know about how the file was understood, one line each.
    attribute_types : mapping of str to Attribute
        Of those attributes that are no plain numbers.
    """

    scheme: str | None
    folder: Path
    faces: list[Annotation]
    notes: tuple[str, ...] = ()
    attribute_types: Mapping[str, Attribute] = MappingProxyType({})


class AnnotationFile(Dataset):
    """Base of the readers of one annotation file.

    Splits: a file with the word train, val or test (or training, testset, ...) in its name is that split. A single file
    without such a word is `train`. `all` is the single file with any name. `parts` counts the faces with and without
    points.

    Parameters
    ----------
    file : str or Path, optional
        The annotation file, a path below the data root; None: the root is the file, or a folder with one that fits.
    scheme : str, optional
        Name of the landmark scheme; None: what the file says, or the scheme that its points fit.
    """

    scheme = "that of the file, or recognised from the points"
    splits = SPLITS
    licence = "that of your data"
    rules = {
        "file": optional(kind(str, Path, allowed="a path")),
        "scheme": optional(TEXT),
        "images": optional(kind(str, Path, allowed="a path")),
    }
    ending: ClassVar[str]
    images: str | Path | None = None
    root: Path | None = None  # the folder of the last load, if one is known

    def __init__(self, file: str | Path | None = None, scheme: str | None = None):
        self.file = file
        self.scheme = scheme

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces with at least one annotated point; `folder` is the file that `locate` found."""
        return self.as_columns(Parsed(*self.parse(folder)), folder)

    def as_columns(self, parsed: Parsed, file: Path) -> Columns:
        """Return the columns of the faces with points, and of those with a box and a known attribute."""
        frames = Frames() if self.orientation is None else None
        parsed = parsed._replace(faces=unmarked(parsed.faces, self.missing, file))
        return _columns(self, file, parsed, self._reach(file), frames)

    def _reach(self, file: Path) -> Path:
        """Return the folder that image paths may reach: the data root if the file is in it, else two folders up.

        Image paths with ../ are usual: annotations and images lie in two folders side by side.
        """
        root = None if self.root is None else Path(os.path.abspath(self.root))
        place = Path(os.path.abspath(file))
        return root if root is not None and root in (place, *place.parents) else place.parent.parent

    def parse(self, path: Path) -> Parsed:
        """Return the scheme, the folder that image paths are relative to, and the faces of one file."""
        raise NotImplementedError

    def fits(self, path: Path) -> bool:
        """Return whether a file with the right ending, found in a folder, has landmarks in it."""
        return True

    def locate(self, root: str | Path | None, split: str) -> Path:
        """Return the annotation file of a split."""
        self.root = None if root is not None and Path(root).is_file() else data_root(root)
        candidates = self._candidates(root)
        named = {path: split_of(path.stem) for path in candidates}
        chosen = candidates if split == "all" else [path for path in candidates if named[path] == split]
        if not chosen and split == "train" and not any(named.values()):
            chosen = candidates
        if len(chosen) == 1:
            return chosen[0]
        names, place = ", ".join(path.name for path in chosen or candidates), candidates[0].parent
        if chosen:
            raise DatasetNotFoundError(f"split {split!r} could be any of {names}; name one with file='...'", place)
        raise DatasetNotFoundError(
            f"no file of the split {split!r} among {names}; a file's name says its split (train, val or test), "
            "and 'all' is a file of any name",
            place,
        )

    def _candidates(self, root: str | Path | None) -> list[Path]:
        """Return the candidate files, at least one."""
        if self.file is None and root is not None and Path(root).is_file():
            return [Path(root)]
        base = data_root(root)
        if self.file is not None:
            path = (base or Path()) / self.file
            if not path.is_file():
                raise DatasetNotFoundError("there is no such file; file='...' is a path below the data root", path)
            return [path]
        if base is None:
            raise DatasetNotFoundError(
                f"dataset {self.name!r} needs a file or folder; give --data ROOT, file='...' or set {ROOT_VARIABLE}"
            )
        files = sorted(path for path in base.iterdir() if path.suffix.lower() == self.ending and path.is_file())
        if not files:
            raise DatasetNotFoundError(f"no {self.ending} file in it; name one below it with file='...'", base)
        return [path for path in files if self.fits(path)] or files


def unmarked(found: list[Annotation], missing: float | None, file: Path) -> list[Annotation]:
    """Return the faces without the points that are marks of missing ones; see `without_marks`."""
    rows = [k for k, one in enumerate(found) if one.points is not None and not one.ignored]
    if not rows:
        return found
    points = without_marks(np.stack([found[k].points for k in rows]), missing, file)
    for k, own in zip(rows, points, strict=True):
        found[k] = replace(found[k], points=own)
    return found


def split_of(name: str) -> str | None:
    """Return the split in the name of a file or folder; None if it names none or several.

    >>> split_of("training_with_face_landmarks"), split_of("latest"), split_of("coco_val2017"), split_of("train_test")
    ('train', None, 'val', None)
    """
    words = set(re.findall("[a-z]+", name.lower()))
    found = [split for split, known in SPLIT_WORDS.items() if words & known]
    return found[0] if len(found) == 1 else None


def scheme_for(n_points: int, wanted: str | None, file: Path, line: int | None = None) -> str | None:
    """Return the scheme that was asked for, which must have that number of points; None: to be recognised.

    Raises
    ------
    DataError
        If it has another number of points, or if no scheme has that number; the message names the file.
    UnknownNameError
        For a name that no scheme has.
    """
    if wanted is not None:
        if get_scheme(wanted).n_points != n_points:
            raise DataError(f"{n_points} points per face; {wanted} has {get_scheme(wanted).n_points}", file, line)
        return wanted
    if not candidates(n_points):
        raise DataError(no_such_number(n_points), file, line)
    return None


def settled(
    reader: Dataset, scheme: str | None, landmarks: np.ndarray, file: Path, notes: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Return the scheme, recognised from landmarks (n, L, 2) px if nobody stated it, and the notes, which say so.

    A stated scheme is believed; a note says if the points do not look like it. Faulty faces that are not to be left
    out are told first.
    """
    if scheme is not None:
        return scheme, [*_doubts(scheme, landmarks), *notes]
    if reader.faults.count and reader.faulty != "skip":
        raise reader.faults.error(len(landmarks))
    fit = recognise(landmarks, file)
    return fit.scheme, [f"scheme {fit.scheme} recognised by its shape, residual {100 * fit.residual:.0f} %", *notes]


def _doubts(scheme: str, landmarks: np.ndarray) -> list[str]:
    """Return a note if the points of enough faces do not have the shape of a stated scheme, turned faces allowed."""
    fit = fit_to(landmarks, scheme)
    if fit.faces < ENOUGH or not (fit.residual > UNLIKE or not fit.upright or fit.otherwise):  # NaN: nothing to compare
        return []
    return [f"the points do not have the usual shape of the stated scheme: {fit}; compare the order of the points"]


def declared_scheme(name: str, file: Path, line: int | None = None) -> str:
    """Return the scheme that the file itself names; raise DataError for an unknown one."""
    if name not in list_schemes():
        then = "register it with register_scheme or --schemes FILE"
        raise DataError(f"no scheme named {name[:40]!r}; {near_miss(name, list_schemes())}; {then}", file, line)
    return name


def number(word: str) -> float:
    """Return a coordinate; raise ValueError if it is not a number, not finite or beyond any image.

    >>> number("-1.5")
    -1.5
    """
    value = float(word)
    if "_" in word or not abs(value) < FAR:
        raise ValueError(word)
    return value


def _columns(reader: Dataset, file: Path, parsed: Parsed, reach: Path, frames: Frames | None) -> Columns:
    """Return the faces with points, and those with a box and a known attribute; faulty ones are faults of the reader,
    with file and line."""
    elsewhere = f"{ABSENT}, or say where the images are with images='...'"
    folder = ImageFolder(parsed.folder, reach, elsewhere if "images" in parameters_of(type(reader)) else ABSENT)
    found, faults = parsed.faces, reader.faults
    images = [one.image.replace("\\", "/") for one in found]
    distinct = list(dict.fromkeys(images))
    photo = dict(zip(distinct, face_ids(distinct), strict=True))
    ids = [one.id or own for one, own in zip(found, face_ids(images), strict=True)]
    counted = [k for k, one in enumerate(found) if not one.ignored]
    pointed = {k for k in counted if _has_point(found[k])}
    rows = [k for k in counted if k in pointed or (found[k].box is not None and _has_attribute(found[k]))]
    faults.check_some(len(rows))
    if not pointed:
        raise DataError(f"no face with landmarks in it ({len(found)} without)", file)
    used: set[str] = set()
    with_images = any(found[k].has_image for k in rows)

    def face(k: int) -> tuple[int, str, np.ndarray]:
        one = found[k]
        place = one.file or file
        image = folder.find(images[k], place, one.line, one.what) if with_images else ""
        if frames is not None and one.size is not None and with_images:
            frames.add(image, one.size, place, one.line, one.what)
        box = _box(one, place)
        if ids[k] in used:
            raise DataError(f"{one.what}the id {ids[k][:80]!r} is used for more than one face", place, one.line)
        used.add(ids[k])
        return k, image, box

    n_faulty = len(rows)
    rows, files, boxes = faults.columns(face, rows)
    n_faulty -= len(rows)
    landmarks = np.stack([found[k].points for k in rows])
    own = np.array([k in pointed for k in rows])
    scheme, notes = settled(reader, parsed.scheme, landmarks[own], file, parsed.notes)
    n_boxless = sum(_has_attribute(found[k]) for k in counted if k not in pointed and found[k].box is None)
    notes += [f"faces with attributes and without landmarks: {(~own).sum()}"] if not own.all() else []
    notes += [f"rows with attributes, without landmarks and box, left out: {n_boxless}"] if n_boxless else []
    # A photo's default name as a group must say that nobody declared it: it is that of its faces' ids.
    first_id: dict[str, str] = {}
    for k in rows:
        first_id.setdefault(images[k], ids[k] if found[k].id else photo[images[k]])
    boxed = sum(found[k].box is not None for k in rows)
    return Columns(
        ids=[ids[k] for k in rows],
        images=ImageFiles(files, None if frames is None else frames.orientations(files))
        if with_images
        else no_images(len(files), file.name, "image beside a file"),
        boxes=np.stack(boxes) if boxed else None,
        landmarks=landmarks,
        scheme=scheme,
        visible=np.stack([_visible(found[k]) for k in rows]),
        attributes={name: np.array([found[k].attributes[name] for k in rows]) for name in found[rows[0]].attributes},
        attribute_types=parsed.attribute_types,
        groups=[found[k].group or first_id[images[k]] for k in rows],
        parts={"faces with landmarks": (int(own.sum()), len(counted) - n_faulty)}
        | ({"faces with a box": (boxed, len(rows))} if 0 < boxed < len(rows) else {}),
        notes=notes,
    )


def _box(one: Annotation, file: Path) -> np.ndarray:
    if one.box is None:
        return tight_box(one.points)
    box = np.array(one.box, float)
    if not (np.isfinite(box).all() and (box[2:] > box[:2]).all()):
        allowed = "x0, y0, x1, y1 with x1 > x0 and y1 > y0"
        raise refusal(f"{one.what}the box", box.tolist(), allowed, file, one.line)
    return box


def _has_point(one: Annotation) -> bool:
    return one.points is not None and bool(np.isfinite(one.points).all(axis=1).any())


def _has_attribute(one: Annotation) -> bool:
    return any(code != UNKNOWN for code in one.attributes.values())


def _visible(one: Annotation) -> np.ndarray:
    annotated = np.isfinite(one.points).all(axis=1)
    return annotated if one.visible is None else annotated & one.visible
