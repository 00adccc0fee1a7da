"""Trust in the annotations: what is wrong, or looks wrong, with the faces of a dataset.

`verify` only looks and reports; `fldbench.curate.excludes` turns findings into a list of faces to leave out. Every
score is in units of its check's limit: 1 is where a finding begins. How many planted faults each check finds, and how
many false alarms it raises, is measured in results/verify.

kind        what was found
count       a part of the dataset has not the published number of faces, or some were excluded          (about the set)
unchecked   a check that could not be made, and why                                                      (about the set)
image       the image cannot be decoded, is absent, or its file is cut off
points      a coordinate that is not finite or absurd, a face without points, or a point far outside
mirrored    left and right numbers are exchanged: the numbering of the mirrored face
eyes        only the eyes have each other's numbers
box         box and points are apart, or of different sizes; or the box is none
duplicate   the same or nearly the same picture is in another split
group       the same person, clip or photo is in another split
shape       a part does not fit the rest of the face, by a shape model that has not seen the face
picture     the points do not lie on the face in the picture, by a regressor that has not seen the face
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fldbench.curate.verify.duplicates import LIMIT as SAME_PICTURE
from fldbench.curate.verify.duplicates import near_duplicates
from fldbench.curate.verify.picture_fit import misfit
from fldbench.curate.verify.picture_look import Look, look_at
from fldbench.curate.verify.shape_model import align, implausibility, mean_shape, unit
from fldbench.errors import DataError
from fldbench.faces import FaceSet
from fldbench.geometry import box_centre, box_size, tight_box
from fldbench.schemes import Scheme, get_scheme

KINDS = ("count", "unchecked", "image", "points", "mirrored", "eyes", "box", "duplicate", "group", "shape", "picture")

# The limits; chosen on one draw of planted faults, measured on three others (results/verify).
FAR = 0.75  # of the face's size, a point's distance from the box around all others
OUTSIDE = 0.25  # of the face's size, a point's distance from the picture
SWAPPED = 1.1  # the fit to an upright face gets better by this factor when numbers are exchanged
BOX_OFFSET, BOX_SCALE = 0.3, np.log(1.6)  # of the box's size; log of the ratio of sizes
SHAPE, PICTURE = 2.3, 1.45  # of the 95 % quantile of all faces
_ABSURD = 1e6  # px

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Finding:
    """One finding: its kind, the face's id ("" when it is about the whole set), score >= 1 (the larger the worse; 0
    when the finding is none about a face), and what was found, in words."""

    kind: str
    id: str
    score: float
    message: str


def verify(faces: FaceSet, others: Sequence[FaceSet] = (), progress: Progress | None = None) -> list[Finding]:
    """All findings about `faces`, by kind, the worst first. Decodes every image once; changes nothing.

    others    further splits, in which no picture and no group of `faces` may stand. A finding names the face of
              `faces`: to keep a test set whole, verify the training set against it
    progress  called with (what, done, in all)

    A face with a fault of its points, numbers or image is not judged by the later checks that need those. Points that
    are NaN in both coordinates are absent, which is no fault. Needs about 10 kB of memory a face.
    """
    found = [*_counts(faces)]
    points = [*_points(faces)]
    sound = ~np.isin(faces.ids, [one.id for one in points])
    sides = [*_sides(faces, sound)]
    found += points + sides + [*_boxes(faces, sound)] + [*_groups(faces, others)]
    sound &= ~np.isin(faces.ids, [one.id for one in sides])
    start = _start(faces, sound)
    look = look_at(faces, np.where(sound[:, None, None], faces.landmarks, np.nan), start, progress)
    found += [*_images(faces, look), *_outside(faces, look, sound)]
    sound &= ~np.isin(faces.ids, [one.id for one in found if one.kind == "points"])
    found += [*_duplicates(faces, look, others, progress)]
    found += [one for one in _shapes(faces, sound) if one.score >= 1 or not one.id]
    found += [*_pictures(faces, look, sound, start)]
    return sorted(found, key=lambda one: (KINDS.index(one.kind), -one.score, one.id))


def rank_shapes(faces: FaceSet) -> list[Finding]:
    """A finding of kind `shape` for every face that can be judged, the least plausible first, whatever its score.

    Opens no image. Faces with faulty points or numbers are left out, as they have findings of their own.
    """
    found = [*_points(faces)]
    sound = ~np.isin(faces.ids, [one.id for one in found])
    sound &= ~np.isin(faces.ids, [one.id for one in _sides(faces, sound)])
    return sorted((one for one in _shapes(faces, sound) if one.id), key=lambda one: (-one.score, one.id))


def _unchecked(what: str, why: object) -> Finding:
    return Finding("unchecked", "", 0.0, f"{what}: not checked, because {why}")


def _counts(faces: FaceSet) -> Iterator[Finding]:
    for part, (found, expected) in faces.parts.items():
        if found != expected:
            yield Finding("count", "", 0.0, f"{part}: {found} of {expected} faces")


def _points(faces: FaceSet) -> Iterator[Finding]:
    """Coordinates that cannot be, and points far from all others of their face."""
    landmarks = faces.landmarks
    missing = np.isnan(landmarks)
    absurd = ~missing & ~(np.abs(landmarks) < _ABSURD)
    half = missing.any(axis=2) & ~missing.all(axis=2)
    claimed = missing.all(axis=2) & faces.visible
    for flags, text in (
        (absurd.any(axis=2), "has no possible coordinates: infinite, or beyond 1e6 px"),
        (half, "has one coordinate only"),
        (claimed, "is marked visible but has no coordinates"),
    ):
        for row in np.flatnonzero(flags.any(axis=1)):
            yield _about(faces, row, "points", np.inf, f"{_listed(np.flatnonzero(flags[row]))} {text}")
    for row in np.flatnonzero(missing.all(axis=(1, 2))):
        yield _about(faces, row, "points", np.inf, "the face has no point at all")
    clean = ~(absurd.any(axis=(1, 2)) | half.any(axis=1) | missing.all(axis=(1, 2)))
    distance = np.full(landmarks.shape[:2], np.nan)
    distance[clean] = _stray(landmarks[clean])
    for row, k in zip(*_worst(distance, FAR), strict=True):
        text = f"point {k} lies {distance[row, k]:.1f} times the face's size from the box around its other points"
        yield _about(faces, row, "points", distance[row, k] / FAR, text)


def _stray(landmarks: np.ndarray) -> np.ndarray:
    """(n, L) distance of each point from the tight box of the face's other points, over that box's longer side.

    0 for points inside; NaN where there are fewer than four other points, which say little about a face's size, or
    they are all in one place.
    """
    low = np.sort(np.where(np.isnan(landmarks), np.inf, landmarks), axis=1)[:, :2]
    high = -np.sort(np.where(np.isnan(landmarks), np.inf, -landmarks), axis=1)[:, :2]
    enough = np.isfinite(landmarks).all(axis=2).sum(axis=1) > 4
    out = np.full(landmarks.shape[:2], np.nan)
    p, low, high = landmarks[enough], low[enough], high[enough]
    first = np.where(p <= low[:, :1], low[:, 1:], low[:, :1])  # without the point itself
    last = np.where(p >= high[:, :1], high[:, 1:], high[:, :1])
    side = (last - first).max(axis=2)
    away = np.maximum(np.maximum(first - p, p - last), 0.0)
    out[enough] = np.linalg.norm(away, axis=2) / np.where(side > 0, side, np.nan)
    return out


def _worst(scores: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose largest score is above the limit, and the column of it."""
    filled = np.where(np.isnan(scores), -np.inf, scores)
    rows = np.flatnonzero(filled.max(axis=1, initial=-np.inf) >= limit)
    return rows, filled[rows].argmax(axis=1)


def _outside(faces: FaceSet, look: Look, sound: np.ndarray) -> Iterator[Finding]:
    """Points far outside the picture."""
    for row in np.flatnonzero(sound & (look.sizes > 0).all(axis=1)):
        points = faces.landmarks[row]
        away = np.maximum(np.maximum(-0.5 - points, points - look.sizes[row] + 0.5), 0.0).max(axis=1)
        k = int(np.nanargmax(away))
        score = away[k] / max(float(box_size(tight_box(points)).max()), 1.0) / OUTSIDE
        if score >= 1:
            width, height = look.sizes[row]
            text = f"point {k} lies {away[k]:.0f} px outside the picture, which has {width} x {height} px"
            yield _about(faces, row, "points", score, text)


def _sides(faces: FaceSet, sound: np.ndarray) -> Iterator[Finding]:
    """Left and right exchanged, of all points or of the eyes alone: which numbering fits an upright face best?"""
    scheme = get_scheme(faces.scheme)
    mirror = np.array(scheme.mirror)
    if (mirror == np.arange(len(mirror))).all():
        yield _unchecked("left and right", f"the scheme {scheme.name} has one side only")
        return
    swaps = {"mirrored": mirror}
    if scheme.eye_points:
        pair = [i for eye in scheme.eye_points for i in eye]
        swaps["eyes"] = np.arange(len(mirror))
        swaps["eyes"][pair] = mirror[pair]
    upright = unit(scheme.template)
    rows = np.flatnonzero(sound)
    landmarks = faces.landmarks[rows]
    as_is = _residual(landmarks, upright)
    gains = {kind: as_is / _residual(landmarks[:, swap], upright) for kind, swap in swaps.items()}
    text = {
        "mirrored": "left and right numbers are exchanged",
        "eyes": "the eyes have each other's numbers",
    }
    for i, row in enumerate(rows):
        kind = max(gains, key=lambda one: gains[one][i])
        if gains[kind][i] >= SWAPPED:
            better = f"exchanged back, the points fit an upright face {gains[kind][i]:.1f} times better"
            yield _about(faces, row, kind, gains[kind][i] / SWAPPED, f"{text[kind]}: {better}")


def _residual(landmarks: np.ndarray, upright: np.ndarray) -> np.ndarray:
    """(n,) root mean squared distance from an upright face (L, 2) after alignment; NaN where none is possible."""
    squared = ((align(landmarks, upright)[0] - upright) ** 2).sum(axis=2)
    count = np.isfinite(squared).sum(axis=1)
    mean = np.nansum(squared, axis=1) / np.maximum(count, 1)
    # Two points can always be aligned exactly, so they show no side.
    return np.sqrt(np.where(count > 2, mean + 1e-12, np.nan))


def _boxes(faces: FaceSet, sound: np.ndarray) -> Iterator[Finding]:
    """Boxes that are none, and boxes that stand to their points otherwise than the dataset's usually do."""
    valid = np.isfinite(faces.boxes).all(axis=1) & (box_size(faces.boxes) > 0).all(axis=1)
    for row in np.flatnonzero(~valid):
        text = f"the box {faces.boxes[row].round(1).tolist()} is none: x0, y0, x1, y1 with x1 > x0 and y1 > y0"
        yield _about(faces, row, "box", np.inf, text)
    rows = np.flatnonzero(sound & valid)
    tight = tight_box(faces.landmarks[rows]).reshape(-1, 4)
    extended = (box_size(tight) > 0).all(axis=1)
    rows, tight = rows[extended], tight[extended]
    if not len(rows):
        return
    boxes = faces.boxes[rows]
    offset = (box_centre(tight) - box_centre(boxes)) / np.sqrt(box_size(boxes).prod(axis=1))[:, None]
    scale = np.log(box_size(tight).prod(axis=1) / box_size(boxes).prod(axis=1)) / 2
    usual_offset, usual_scale = np.median(offset, axis=0), np.median(scale)
    shift = np.linalg.norm(offset - usual_offset, axis=1)
    score = np.maximum(shift / _loose(shift, BOX_OFFSET), abs(scale - usual_scale) / _loose(scale, BOX_SCALE))
    for i in np.flatnonzero(score >= 1):
        text = (f"the points' centre is off by {shift[i]:.2f} of the box's size, and their size is "
                f"{np.exp(scale[i]):.2f} of the box's (usual: {np.exp(usual_scale):.2f})")  # fmt: skip
        yield _about(faces, rows[i], "box", score[i], text)


def _loose(values: np.ndarray, limit: float) -> float:
    """The limit, or six standard deviations (by the median) where a dataset's boxes are looser than it."""
    return max(limit, 6 * 1.4826 * float(np.median(abs(values - np.median(values)))))


def _groups(faces: FaceSet, others: Sequence[FaceSet]) -> Iterator[Finding]:
    for other in others:
        if any((one.groups == one.ids).all() for one in (faces, other)):
            yield _unchecked(f"groups in {faces.label} and {other.label}", "persons, clips or photos are not known")
            continue
        for row in np.flatnonzero(np.isin(faces.groups, other.groups)):
            yield _about(faces, row, "group", 1.0, f"its group {str(faces.groups[row])!r} is in {other.label} too")


def _images(faces: FaceSet, look: Look) -> Iterator[Finding]:
    if look.absent:
        yield _unchecked("images, duplicates and points on pictures", look.absent)
    for row, text in look.problems.items():
        yield _about(faces, row, "image", np.inf, text)


def _duplicates(faces: FaceSet, look: Look, others: Sequence[FaceSet], progress: Progress | None) -> Iterator[Finding]:
    """Pictures that other splits hold too: by the bytes of the whole image, and by the crop of the face."""
    for other in others:
        theirs = look_at(other, None, None, progress)
        if look.absent or theirs.absent:
            yield _unchecked(f"duplicates in {faces.label} and {other.label}", look.absent or theirs.absent)
            continue
        known = {digest: row for row, digest in enumerate(theirs.digests) if digest}
        same = {row: known[digest] for row, digest in enumerate(look.digests) if digest in known}
        for row, there in same.items():
            text = f"its image is, byte for byte, that of {str(other.ids[there])!r} in {other.label}"
            yield _about(faces, row, "duplicate", 1 / SAME_PICTURE, text)
        for row, there, value in near_duplicates(look.face_crops, theirs.face_crops):
            if row not in same:
                text = f"its face is that of {str(other.ids[there])!r} in {other.label} (correlation {value:.2f})"
                yield _about(faces, row, "duplicate", value / SAME_PICTURE, text)


def _start(faces: FaceSet, sound: np.ndarray) -> np.ndarray:
    """The mean shape of the sound faces, upright as the scheme's template."""
    template = get_scheme(faces.scheme).template
    return mean_shape(_one_sided(faces.landmarks[sound], get_scheme(faces.scheme)), template)


def _one_sided(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Profiles, whose numbers tell no side, all turned as the template is; other schemes' points as they are."""
    if tuple(scheme.mirror) != tuple(range(scheme.n_points)):
        return landmarks
    upright, turned = unit(scheme.template), landmarks * (-1, 1)
    other = _residual(turned, upright) < _residual(landmarks, upright)
    return np.where(other[:, None, None], turned, landmarks)


def _shapes(faces: FaceSet, sound: np.ndarray) -> Iterator[Finding]:
    """A finding for every sound face, whatever its score."""
    scheme, rows = get_scheme(faces.scheme), np.flatnonzero(sound)
    names, parts = list(scheme.groups), list(scheme.groups.values())
    landmarks = _one_sided(faces.landmarks[rows], scheme)
    try:
        scores, worst = implausibility(landmarks, scheme.template, parts, faces.groups[rows])
    except DataError as error:
        yield _unchecked("shapes", error)
        return
    for row, score, k in zip(rows, scores, worst, strict=True):
        if k >= 0:
            text = f"{names[k]} is where the rest of the face does not foretell it: {score:.1f} times the usual limit"
            yield _about(faces, row, "shape", score / SHAPE, text)


def _pictures(faces: FaceSet, look: Look, sound: np.ndarray, start: np.ndarray) -> Iterator[Finding]:
    if look.absent:
        return
    scheme = get_scheme(faces.scheme)
    if tuple(scheme.mirror) == tuple(range(scheme.n_points)):
        yield _unchecked("points on pictures", f"the scheme {scheme.name} shows faces from both sides alike")
        return
    rows = np.setdiff1d(np.flatnonzero(sound), list(look.problems))
    try:
        scores = misfit(look.upright_crops[rows], faces.landmarks[rows], start, faces.groups[rows])
    except DataError as error:
        yield _unchecked("points on pictures", error)
        return
    for row, score in zip(rows, scores, strict=True):
        if score >= PICTURE:
            text = f"the points do not lie where the picture shows the face: {score:.1f} times the usual limit"
            yield _about(faces, row, "picture", score / PICTURE, text)


def _about(faces: FaceSet, row: int, kind: str, score: float, text: str) -> Finding:
    return Finding(kind, str(faces.ids[row]), float(score), text)


def _listed(points: np.ndarray) -> str:
    shown = ", ".join(map(str, points[:5])) + (", ..." if len(points) > 5 else "")
    return f"point {shown}" if len(points) == 1 else f"each of the points {shown}"
