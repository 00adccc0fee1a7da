"""Shared by the fits of the classical methods: the mean training shape, and whether a method has been fitted."""

from __future__ import annotations

import numpy as np

from fldbench.errors import DataError, MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes
from fldbench.method import Method
from fldbench.params import Rule, real, whole
from fldbench.shapes import mean_in_box

EVEN = Rule(
    "an even number from 2 to 256", lambda value: whole(2, 256).fits(value) and value % 2 == 0
)  # so a mirrored bin is a bin
LARGEST_CROP = 4096  # px; a parameter in a damaged model must not ask for all memory
PADDING = real(above=-0.5, high=10)  # with less, nothing of the box would be left
SHARE = real(above=0, high=10)  # of the box, such as the width of a patch
DEVIATION = real(0)  # standard deviation of a random shift, scale or rotation
PENALTY = real(above=0)  # without a penalty the solution is not unique: there can be more features than faces


def mean_unit_shape(train: FaceSet, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of each point in the frame of the box, (L, 2), over the faces where it is annotated.

    Parameters
    ----------
    train : FaceSet
    weight : ndarray of shape (n,), optional
        How much each face counts, above 0; equally by default.

    Raises
    ------
    DataError
        For no faces, impossible boxes, and a point that no face has.
    """
    if len(train) == 0:
        raise DataError(f"{train.label} has no faces; a method needs at least one to be fitted")
    return mean_in_box(train.landmarks, check_boxes(train.boxes, train.ids), weight, train.label)


def check_whole_cells(label: str, crop_size: int, cell: int) -> None:
    """Raise MethodError unless a crop consists of whole cells, at least two along each side."""
    if crop_size % cell or crop_size < 2 * cell:
        raise MethodError(must_be(label, "crop_size", crop_size, f"a multiple of cell ({cell}), at least {2 * cell}"))


def check_fitted(method: Method, name: str) -> None:
    """Raise MethodError when `method` has not learned `name` yet."""
    if name not in vars(method):
        raise MethodError(f"{method.label} has not been fitted; call fit first, or load a model")
