"""Controlled harm: the same faces with worse images or boxes, at five strengths of each kind.

What is drawn at random is drawn from the face's id and the kind alone. So all strengths of a kind share it, every
method gets the same harm, and the harm of a face depends on no other face. Lengths are relative to the face: its size
is sqrt(w h) of the tight box around its true points, before any harm. It depends on the scheme, so strengths can be
compared between protocols of one scheme.

Images are harmed when they are read. Rotation moves the landmarks along; it turns the dataset's own box about the face
without turning its sides. Occlusion makes the covered points invisible.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fldbench.errors import DataError
from fldbench.faces import harm_pixels
from fldbench.faces.draws import rng_of
from fldbench.faces.face_set import FaceSet
from fldbench.faces.images import Images, is_content_digest
from fldbench.files import listed
from fldbench.geometry import box_centre, box_size, tight_box, transform

VERSION = 1  # raise it when the same kind and strength give other pixels, points or boxes
STRENGTHS = (1, 2, 3, 4, 5)


class Harm(NamedTuple):
    """One kind of harm: what its amount is, in words, and the amounts of the strengths 1 to 5."""

    about: str
    amounts: tuple[float, ...]


# In the order in which they are applied: the scene, its light, the lens, the sensor, the file; and the box.
HARMS: dict[str, Harm] = {
    "rotation": Harm("degrees about the middle of the face, to the left or right", (5, 10, 20, 30, 45)),
    "occlusion": Harm("share of the face's box under a grey block", (0.05, 0.10, 0.20, 0.30, 0.45)),
    "darkness": Harm("factor of the brightness", (0.5, 0.3, 0.2, 0.1, 0.05)),
    "colour": Harm("size of the logarithms of the factors of red, green and blue", (0.2, 0.4, 0.6, 0.9, 1.2)),
    "blur": Harm("standard deviation of a Gaussian, in face sizes", (0.01, 0.02, 0.03, 0.045, 0.06)),
    "low-resolution": Harm("px of the face after shrinking, before it is enlarged again", (48, 32, 24, 16, 12)),
    "noise": Harm("standard deviation in grey levels, in cells of 1/100 of the face", (10, 20, 40, 60, 90)),
    "jpeg": Harm("quality, of a face of at most 128 px", (40, 25, 15, 10, 6)),
    "box-shift": Harm(
        "share of the box's sides by which it is moved, in any direction", (0.05, 0.10, 0.15, 0.20, 0.30)
    ),
    "box-scale": Harm("factor by which the box is enlarged or shrunk", (1.1, 1.2, 1.3, 1.4, 1.5)),
}
OF_BOX = ("box-shift", "box-scale")
Harms = Sequence[tuple[str, int]]  # kind and strength, in the order of HARMS


def amount(kind: str, strength: int) -> float:
    """Return what a strength of a kind means.

    >>> amount("rotation", 3), amount("blur", 1)
    (20.0, 0.01)
    """
    return float(HARMS[kind].amounts[strength - 1])


def in_words(harms: Harms) -> str:
    """Return harms for captions.

    >>> in_words([("rotation", 2), ("blur", 1)])
    'rotation 2 of 5 (10), blur 1 of 5 (0.01)'
    """
    return ", ".join(f"{kind} {strength} of 5 ({amount(kind, strength):g})" for kind, strength in harms)


def harmed(faces: FaceSet, harms: Harms) -> FaceSet:
    """Return the faces with harmed images, and with the landmarks and own boxes that belong to these.

    Parameters
    ----------
    faces : FaceSet
    harms : sequence of (str, int)
        Kinds of HARMS and strengths from 1 to 5, in the order of HARMS; those of boxes change nothing here.

    Raises
    ------
    DataError
        For faces without any landmark, whose size is not known.
    """
    of_images = [(kind, amount(kind, strength)) for kind, strength in harms if kind not in OF_BOX]
    if not of_images:
        return faces
    bare = faces.ids[~np.isfinite(faces.landmarks).all(axis=-1).any(axis=-1)].tolist()
    if bare:
        raise DataError(
            f"{faces.label}: faces without any landmark have no size to harm them by: {listed(bare)}; leave them out"
        )
    sides = box_size(tight_box(faces.landmarks)).reshape(-1, 2)
    sizes = np.maximum(np.sqrt(sides.prod(axis=1)), 1.0).round(3).tolist()
    for kind, much in of_images:
        faces = _GEOMETRY.get(kind, _pixels_alone)(faces, kind, much, sizes)
    return faces


def harmed_boxes(faces: FaceSet, harms: Harms) -> FaceSet:
    """Return the faces with boxes that are moved, then scaled about their middle, as the harms of boxes say.

    A box is moved by S of its sides in a direction drawn from the face's id: (cos a S w, sin a S h). It is enlarged or
    shrunk by the factor F, whichever its id draws.
    """
    for kind, strength in harms:
        if kind in OF_BOX:
            much = amount(kind, strength)
            boxes = [_moved(kind, much, *each) for each in zip(faces.boxes, faces.ids.tolist(), strict=True)]
            faces = faces.with_boxes(np.reshape(boxes, (-1, 4)), faces.box_source)
    return faces


def _moved(kind: str, much: float, box: np.ndarray, face_id: str) -> np.ndarray:
    rng, centre, half = rng_of(kind, face_id), box_centre(box), box_size(box) / 2
    if kind == "box-shift":
        angle = rng.uniform(0, 2 * math.pi)
        centre = centre + much * 2 * half * np.array([math.cos(angle), math.sin(angle)])
    else:
        half = half * (much if rng.random() < 0.5 else 1 / much)
    return np.concatenate([centre - half, centre + half])


class HarmedImages(Images):
    """Images that are harmed by one kind when they are read.

    The digest of an image follows from that of the image below and from what is done to it, so nothing is decoded.

    Parameters
    ----------
    images : Images
    kind : str
    arguments : sequence of tuple
        For each image, what the function of the kind takes beside it.
    """

    def __init__(self, images: Images, kind: str, arguments: Sequence[tuple[Any, ...]]):
        self.images, self.kind, self.arguments = images, kind, list(arguments)

    @property
    def keeps_digests(self) -> bool:  # type: ignore[override]  # that of the images below, which nobody sets
        return self.images.keeps_digests

    def __len__(self) -> int:
        return len(self.images)

    def decode(self, i: int) -> np.ndarray:
        return _PIXELS[self.kind](self.images[i], *self.arguments[i])

    def digest(self, i: int) -> bytes:
        below = self.images.digest_once(i)
        what = repr((VERSION, self.kind, self.arguments[i])).encode()
        # One that says that the image cannot be read, or that a new one is quick to compute, stays readable.
        return hashlib.sha256(below + what).digest() if is_content_digest(below) else below + b" harmed by " + what


_PIXELS: dict[str, Callable[..., np.ndarray]] = {
    "rotation": harm_pixels.turned,
    "occlusion": harm_pixels.covered,
    "darkness": harm_pixels.dimmed,
    "colour": harm_pixels.tinted,
    "blur": harm_pixels.blurred,
    "low-resolution": harm_pixels.coarsened,
    "noise": harm_pixels.noisy,
    "jpeg": harm_pixels.compressed,
}


def _pixels_alone(faces: FaceSet, kind: str, much: float, sizes: Sequence[float]) -> FaceSet:
    each = zip(faces.ids.tolist(), sizes, strict=True)
    return replace(faces, images=HarmedImages(faces.images, kind, [_arguments(kind, much, *one) for one in each]))


def _arguments(kind: str, much: float, face_id: str, size: float) -> tuple[Any, ...]:
    """Return what the function of a kind that leaves the geometry alone takes for one face."""
    if kind == "darkness":
        return (much,)
    if kind == "colour":
        return _gains(much, rng_of(kind, face_id).uniform(0, 2 * math.pi))
    if kind == "blur":
        return (round(much * size, 3),)
    if kind == "low-resolution":
        return (min(1.0, round(much / size, 6)),)
    return (much, size, face_id) if kind == "noise" else (int(much), size)


def _gains(much: float, angle: float) -> tuple[float, ...]:
    """Return the factors of the channels, whose logarithms have the length `much` and the sum 0.

    >>> [round(one, 3) for one in _gains(1.0, 0.0)]
    [2.028, 0.493, 1.0]
    """
    along, across = much * math.cos(angle) / math.sqrt(2), much * math.sin(angle) / math.sqrt(6)
    return tuple(round(math.exp(one), 6) for one in (along + across, -along + across, -2 * across))


def _turned(faces: FaceSet, kind: str, much: float, sizes: Sequence[float]) -> FaceSet:
    """Turn images and points about the middle of the tight box, in a frame in which every point stays inside."""
    tight = tight_box(faces.landmarks).reshape(-1, 4)
    arguments, landmarks, boxes = [], [], []
    for face_id, points, area, box in zip(faces.ids.tolist(), faces.landmarks, tight, faces.boxes, strict=True):
        degrees = much if rng_of(kind, face_id).random() < 0.5 else -much
        centre = float(box_centre(area)[0]), float(box_centre(area)[1])
        margin = math.ceil(float(np.hypot(*box_size(area))) / 2) + 1
        matrix = harm_pixels.turn_matrix(degrees, centre, margin)
        arguments.append((degrees, *centre, margin))
        landmarks.append(transform(points, matrix).round(3))  # so that no processor's last bit enters a fingerprint
        middle, half = transform(box_centre(box)[None], matrix)[0].round(3), box_size(box) / 2
        boxes.append(np.concatenate([middle - half, middle + half]))
    return replace(
        faces,
        images=HarmedImages(faces.images, kind, arguments),
        landmarks=np.reshape(landmarks, faces.landmarks.shape),
        boxes=np.reshape(boxes, (-1, 4)),
    )


def _covered(faces: FaceSet, kind: str, much: float, sizes: Sequence[float]) -> FaceSet:
    """Cover a share of the tight box with a block of its form; blocks of one face lie within each other."""
    low, side = (
        part.reshape(-1, 2) for part in (tight_box(faces.landmarks)[..., :2], box_size(tight_box(faces.landmarks)))
    )
    rngs = [rng_of(kind, face_id) for face_id in faces.ids.tolist()]
    places = np.reshape([rng.random(2) for rng in rngs], (-1, 2))
    greys = [int(rng.integers(256)) for rng in rngs]
    first = low + places * (1 - math.sqrt(much)) * side
    blocks = np.concatenate([first, first + math.sqrt(much) * side], axis=1)
    inside = (faces.landmarks >= blocks[:, None, :2]) & (faces.landmarks <= blocks[:, None, 2:])
    arguments = [(*block, grey) for block, grey in zip(blocks.round(3).tolist(), greys, strict=True)]
    return replace(
        faces,
        images=HarmedImages(faces.images, kind, arguments),
        visible=faces.visible & ~inside.all(axis=2),
    )


_GEOMETRY = {"rotation": _turned, "occlusion": _covered}
