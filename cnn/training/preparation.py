"""What a training derives from its faces first: the validation part, the mean shape, the normalisers of errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fldbench.cnn.training.augment import Ranges
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet
from fldbench.metrics import centre_distance
from fldbench.schemes import GIVE_MIRROR, Scheme


def validation_part(train: FaceSet, share: float, random_state: int) -> tuple[np.ndarray, FaceSet | None]:
    """Cut a validation part of whole groups from the training faces.

    Returns
    -------
    rows : ndarray of int
        The faces to train on.
    val : FaceSet or None
        None, and all rows, for a share of 0 and for too few groups.
    """
    everything = np.arange(len(train))
    if not share:
        return everything, None
    try:
        rest, val = train.split(share, random_state=random_state)
    except DataError:  # too few groups
        return everything, None
    return np.flatnonzero(np.isin(train.ids, rest.ids)), val


def mean_shape(points: np.ndarray, weight: np.ndarray, label: str) -> np.ndarray:
    """Return the weighted mean of each point over the faces that have it.

    Parameters
    ----------
    points : ndarray, (n, L, 2)
        In the frame; NaN where a point is missing.
    weight : ndarray, (n,)
        How much each face counts.
    label : str
        Of the faces, for messages.

    Returns
    -------
    ndarray of float32, (L, 2)

    Raises
    ------
    DataError
        For a point that no face has.

    Examples
    --------
    >>> mean_shape(np.array([[[0.0, 1.0]], [[4.0, 1.0]], [[np.nan, np.nan]]]), np.array([3.0, 1.0, 9.0]), "a").tolist()
    [[1.0, 1.0]]
    """
    seen = np.isfinite(points).all(-1)
    never = np.flatnonzero(~seen.any(0))
    if never.size:
        raise DataError(
            f"{label}: no training face has point {never[0]} ({never.size} such point(s)); choose a scheme without it, "
            "or more faces"
        )
    share = seen * weight[:, None]
    return (np.einsum("nlc,nl->lc", np.nan_to_num(points), share) / share.sum(0)[:, None]).astype(np.float32)


def lost_to_mirroring(error: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Return the part of a mean error that no training with mirrored faces can take away.

    A network that sees each face and its mirror image as often answers both alike, so it cannot learn that labels lie
    to one side: the part of the error that changes its sign in the mirror image stays.

    Parameters
    ----------
    error : ndarray, (L, 2)
        Mean of truth - answer over faces that are not mirrored.
    mirror : ndarray of int, (L,)
        The point that each point becomes in the mirror image.

    Returns
    -------
    ndarray, (L, 2)

    Examples
    --------
    Both points lie 1 to the right, and the second also 2 lower: half of that is in the part.

    >>> lost_to_mirroring(np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([1, 0])).tolist()
    [[1.0, -1.0], [1.0, 1.0]]
    """
    return (error - error[mirror] * (-1, 1)) / 2


def mirror_and_ranges(scheme: Scheme, ranges: Ranges, flip_test: bool, label: str) -> tuple[np.ndarray, Ranges]:
    """Return the mirror map (L,), and the ranges of the augmentation: without flips where the map is not known.

    Raises
    ------
    MethodError
        Where it is not known and prediction is to use mirrored faces.
    """
    if scheme.mirror is not None:
        return np.array(scheme.mirror), ranges
    if flip_test:
        text = f"flip_test needs mirror pairs, which the scheme {scheme.name} does not give; leave it out, or"
        raise MethodError(f"{label}: {text} {GIVE_MIRROR}")
    return np.arange(scheme.n_points), replace(ranges, flip=0.0)


def error_scale(points: np.ndarray, scheme: Scheme, padding: float) -> np.ndarray:
    """Return the normaliser of each face's error: the distance between its eyes, else the longer side of its box.

    Eyes are the outer corners, or the eye centres of a scheme without corners. The box is used if a face lacks
    them.

    Parameters
    ----------
    points : ndarray, (n, L, 2)
        In the frame.
    scheme : Scheme
    padding : float
        Of the view, which says how long the box is in the frame.

    Returns
    -------
    ndarray, (n,)
        In units of the frame.
    """
    box = np.full(len(points), 2 / (1 + 2 * padding))
    if scheme.outer_eye_corners is not None:
        eyes = [[i] for i in scheme.outer_eye_corners]
    elif scheme.eye_points is not None:
        eyes = [list(part) for part in scheme.eye_points]
    else:
        return box
    distance = centre_distance(points, *eyes)
    return np.where(np.isfinite(distance) & (distance > 0), distance, box)
