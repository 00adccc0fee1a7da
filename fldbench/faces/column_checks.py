"""The checks of a FaceSet's columns: lengths, shapes, possible points, known codes, ids that are each used once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fldbench.blocks import blocks, let_go
from fldbench.errors import DataError, must_be
from fldbench.faces.attributes import Attribute, codes_out_of_range
from fldbench.geometry import FAR
from fldbench.schemes import get_scheme


def check_columns(faces: Any) -> None:
    """Raise DataError when the columns do not fit each other or hold a value that cannot be.

    Parameters
    ----------
    faces : FaceSet
    """
    n, points = len(faces.ids), get_scheme(faces.scheme).n_points
    found = {key: len(getattr(faces, key)) for key in ("images", "boxes", "landmarks", "visible", "groups")}
    found |= {f"attributes[{key}]": len(column) for key, column in faces.attributes.items()}
    found |= {f"subsets[{key}]": len(column) for key, column in faces.subsets.items()}
    for key, length in found.items():
        if length != n:
            raise DataError(must_be(faces.label, f"the number of {key}", length, f"{n}, one for each id"))
    if n and faces.landmarks.shape[1:] != (points, 2):
        allowed = f"({n}, {points}, 2) for {faces.scheme}"
        raise DataError(must_be(faces.label, "the shape of the landmarks", faces.landmarks.shape, allowed))
    if faces.visible.shape != faces.landmarks.shape[:-1]:
        allowed = f"{faces.landmarks.shape[:-1]}, one flag for each landmark"
        raise DataError(must_be(faces.label, "the shape of visible", faces.visible.shape, allowed))
    far = np.zeros(n, bool)
    for rows in blocks(n):
        far[rows] = (np.abs(faces.landmarks[rows]) > FAR).any(axis=(1, 2))
        let_go(faces.landmarks[rows])
    if far.any():
        face = int(far.argmax())
        point = int((np.abs(faces.landmarks[face]) > FAR).any(axis=1).argmax())
        where, got = f"{faces.label}: face {str(faces.ids[face])!r}", faces.landmarks[face, point].tolist()
        allowed = "x, y in px, neither beyond 1e6, or NaN where it is not annotated"
        count = int(far.sum())
        others = f"{count} faces have such points" if count > 1 else ""
        raise DataError(must_be(where, f"point {point}", got, allowed, others))
    for name, attribute in faces.attribute_types.items():
        if not isinstance(attribute, Attribute):
            allowed = "an Attribute, such as Attribute(('no', 'yes'))"
            raise DataError(must_be(faces.label, f"the type of the attribute {name}", attribute, allowed))
        codes = faces.attributes[name]
        if (wrong := codes_out_of_range(codes, attribute)).any():
            face = int(np.flatnonzero(wrong)[0])
            meant = ", ".join(f"{code} {meaning}" for code, meaning in enumerate(attribute.classes))
            where = f"{faces.label}: face {str(faces.ids[face])!r}"
            raise DataError(must_be(where, f"the attribute {name}", int(codes[face]), f"{meant} or -1 unknown"))
    if len(set(faces.ids.tolist())) != n:
        values, counts = np.unique(faces.ids, return_counts=True)
        raise DataError(f"{faces.label}: the id {str(values[counts > 1][0])!r} is used for more than one face")


def whole_numbers(codes: ArrayLike, where: str, name: str) -> np.ndarray:
    """Return the codes of an attribute, (n,), as int; raise DataError for what is no whole number, such as NaN.

    >>> whole_numbers([1.0, -1], "faces", "smile").tolist(), whole_numbers([True], "faces", "smile").tolist()
    ([1, -1], [1])
    >>> whole_numbers([0.5], "faces", "smile")
    Traceback (most recent call last):
        ...
    fldbench.errors.DataError: faces: the attribute smile is 0.5; must be a whole number, -1 where it is not known
    """
    found = np.asarray(codes)
    if found.dtype.kind in "bui":
        return np.asarray(found, int)
    for code in found.ravel().tolist():
        if not isinstance(code, (int, float)) or not float(code).is_integer():
            allowed = "a whole number, -1 where it is not known"
            raise DataError(must_be(where, f"the attribute {name}", code, allowed))
    return found.astype(int)
