"""All checks of annotations: what is wrong, or looks wrong, with the faces of a dataset.

`verify` changes nothing; `fldbench.curate.excludes` turns findings into a list of faces to leave out. Every score is in
units of its check's limit: from 1 on, it is a finding. The limits are in the modules of the checks; they were chosen
on one draw of planted faults. How many planted faults each check finds, and how many false alarms it raises, was
measured on three other draws (results/verify).

kind        what was found
fault       a face that cannot be read and was left out; the command lists them                          (about the set)
count       a part of the dataset lacks the published number of faces, or some were excluded             (about the set)
unchecked   a check that could not be made, and why                                                      (about the set)
orientation images whose EXIF orientation is not applied                                                (about the set)
image       the image cannot be decoded, is absent, or its file is cut off
points      a point with one coordinate, a face without points, or a point far outside (a coordinate that is infinite
            or beyond 1e6 px is an error already when the faces are read)
mirrored    left and right numbers are exchanged: the numbering of the mirrored face
eyes        only the eyes have each other's numbers
box         box and points are apart, or of different sizes; or the box is impossible
duplicate   the same or nearly the same picture is in another split, or in this one under two groups
group       the same person, clip or photo is in another split
shape       a part does not fit the rest of the face, by a shape model that has not seen the face
picture     the points do not lie on the face in the picture, by a regressor that has not seen the face
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fldbench.curate.verify.boxes import check_boxes_and_points
from fldbench.curate.verify.counts import check_counts
from fldbench.curate.verify.duplicates import check_duplicates
from fldbench.curate.verify.finding import KINDS, Finding
from fldbench.curate.verify.images import check_images
from fldbench.curate.verify.picture import check_points_on_pictures
from fldbench.curate.verify.picture_facts import picture_facts
from fldbench.curate.verify.points import check_points, check_points_outside
from fldbench.curate.verify.shape import check_shapes, score_shapes
from fldbench.curate.verify.shape_model import mean_shape
from fldbench.curate.verify.shared_groups import check_shared_groups
from fldbench.curate.verify.sides import check_sides, one_sided, upright_face
from fldbench.faces import FaceSet
from fldbench.progress import Listener
from fldbench.schemes import get_scheme


def verify(faces: FaceSet, others: Sequence[FaceSet] = (), progress: Listener | None = None) -> list[Finding]:
    """Return all findings about `faces`, by kind, the worst first. Every image is decoded once; nothing is changed.

    A face with a fault of its points, numbers or image is not judged by later checks that need these. Points that
    are NaN in both coordinates are absent; that is not a fault, nor is a face without any that has an attribute. Needs
    about 10 kB of memory per face.

    Parameters
    ----------
    faces : FaceSet
    others : sequence of FaceSet
        Further splits, which must not contain a picture or a group of `faces`. A finding names the face of `faces`: to
        keep a test set whole, verify the training set against it.
    progress : callable, optional
        Called with (what, done, in all).
    """
    found = [*check_counts(faces)]
    points = [*check_points(faces)]
    sound = ~_named(faces, points) & np.isfinite(faces.landmarks).all(axis=2).any(axis=1)
    sides = [*check_sides(faces, sound)]
    found += points + sides + [*check_boxes_and_points(faces, sound)] + [*check_shared_groups(faces, others)]
    sound &= ~_named(faces, sides)
    scheme = get_scheme(faces.scheme)
    mean = mean_shape(one_sided(faces.landmarks[sound], scheme), upright_face(faces.landmarks[sound], scheme))
    facts = picture_facts(faces, np.where(sound[:, None, None], faces.landmarks, np.nan), mean, progress)
    found += check_images(faces, facts)
    outside = [*check_points_outside(faces, facts, sound)]
    found += outside
    sound &= ~_named(faces, outside)
    found += check_duplicates(faces, facts, others, mean, progress)
    found += check_shapes(faces, sound)
    found += check_points_on_pictures(faces, facts, sound, mean)
    return sorted(found, key=lambda one: (KINDS.index(one.kind), -one.score, one.id))


def rank_shapes(faces: FaceSet) -> list[Finding]:
    """Return a finding of kind `shape` for every face that can be judged, the least plausible first.

    Faces below the limit are among them. No image is opened. Faces with faulty points or numbers are left out, as they
    have findings of their own.
    """
    sound = ~_named(faces, check_points(faces))
    sound &= ~_named(faces, check_sides(faces, sound))
    return sorted((one for one in score_shapes(faces, sound) if one.id), key=lambda one: (-one.score, one.id))


def _named(faces: FaceSet, findings: Iterable[Finding]) -> np.ndarray:
    """Return which faces have a finding, (n,) bool."""
    return np.isin(faces.ids, [one.id for one in findings])
