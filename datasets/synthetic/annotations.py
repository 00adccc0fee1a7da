"""Landmarks, attributes and conditions of many synthetic faces, kept between runs: each takes some milliseconds."""

from __future__ import annotations

import hashlib
import json
import zipfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fldbench.datasets.synthetic.conditions import SUBSETS
from fldbench.datasets.synthetic.dose import Dose
from fldbench.datasets.synthetic.sample import ATTRIBUTES, draw_face, face_landmarks
from fldbench.digest import code_of, libraries_of
from fldbench.errors import StoreError
from fldbench.files import open_regular, written_whole
from fldbench.schemes import get_scheme
from fldbench.user_cache import make_room, mark_used, user_cache

LEAST = 200  # faces; fewer are drawn in less than a second
PART = "synthetic"  # of the user's cache


class Annotations(NamedTuple):
    """Of n faces: landmarks (n, L, 2) px, visible (n, L) bool, attributes (n, 4) int, conditions (n, 6) bool."""

    landmarks: np.ndarray
    visible: np.ndarray
    attributes: np.ndarray
    conditions: np.ndarray


@lru_cache(maxsize=4)
def annotations(seed: int, n: int, size: int, scheme: str, dose: Dose | None) -> Annotations:
    """Return the annotations of the first n faces of a stream, from the user's cache where they are there.

    A file is named by all that decides it: the code that draws faces, the libraries, and what is asked for.

    Parameters
    ----------
    seed, n : int
    size : int
        Side of the images, px.
    scheme : str
    dose : Dose, optional
    """
    if n < LEAST:
        return _drawn(seed, n, size, scheme, dose)
    code = code_of(Annotations), libraries_of(Annotations)
    asked = [*code, seed, n, size, scheme, dose]
    path = user_cache(PART) / f"{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]}.npz"
    found = _kept(path, n, get_scheme(scheme).n_points)
    if found is None:
        found = _drawn(seed, n, size, scheme, dose)
        _keep(path, found)
    return found


def _drawn(seed: int, n: int, size: int, scheme: str, dose: Dose | None) -> Annotations:
    rows = []
    for i in range(n):
        points, visible, _ = face_landmarks(seed, i, size, scheme, dose)
        face = draw_face(seed, i, dose)
        rows.append((points, visible, face.attributes, face.conditions))
    return Annotations(*(np.array(column) for column in zip(*rows, strict=True)))


def _kept(path: Path, n: int, n_points: int) -> Annotations | None:
    """Return what a file keeps; None without it, and for one that is damaged."""
    shapes = ((n, n_points, 2), (n, n_points), (n, len(ATTRIBUTES)), (n, len(SUBSETS)))
    try:
        with open_regular(path) as file, np.load(file, allow_pickle=False) as kept:
            found = Annotations(*(kept[name] for name in Annotations._fields))
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile):  # encrypted, other versions
        return None
    kinds = "fbib"
    if [(one.shape, one.dtype.kind) for one in found] != list(zip(shapes, kinds, strict=True)):
        return None
    if not np.isfinite(found.landmarks).all():
        return None
    mark_used(path)
    return found


def _keep(path: Path, found: Annotations) -> None:
    make_room(PART, sum(one.nbytes for one in found))
    with suppress(StoreError), written_whole(path, "wb") as file:  # without it the next run is slower, and no other
        np.savez(file, **found._asdict())
