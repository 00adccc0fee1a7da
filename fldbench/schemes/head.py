"""A mean head in 3-D: where the points of a scheme lie on it, for the pose of a head.

The table `head.csv` holds the neutral mean head of the synthetic faces, in mm: x right, y down, z away from the camera,
the origin between the eyes (the root of the nose). Its shape is the mean of 2,012 training faces of 300-W in 3-D, see
`datasets/synthetic/template.py`; `python benchmarks/head_pose.py table` writes it. Points of the jaw lie where a camera
in front of the face sees its outline.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np

from fldbench.errors import DataError, UnknownNameError, must_be
from fldbench.files import read_text
from fldbench.schemes.maps import map_matrix
from fldbench.schemes.table import get_scheme

TABLE = Path(__file__).with_name("head.csv")


@cache
def _table() -> dict[str, np.ndarray]:
    points: dict[str, list[tuple[float, float, float]]] = {}
    for row in csv.DictReader(read_text(TABLE).splitlines()):
        points.setdefault(row["scheme"], []).append((float(row["x"]), float(row["y"]), float(row["z"])))
    return {name: np.array(rows) for name, rows in points.items()}


@cache
def head_map(scheme: str) -> tuple[np.ndarray, str]:
    """Return how the points of a scheme are compared with the mean head.

    Returns
    -------
    weights : (M, L) float array
        Points on the head = weights @ points of the scheme. The identity where the scheme, or one that maps to it, is
        in the table; else `map_matrix` to the richest scheme of the table that it maps to.
    name : str
        The scheme of the M points, for `mean_head`.

    Raises
    ------
    DataError
        For a scheme that neither is in the table nor maps to or from one that is.
    UnknownNameError
        For an unknown scheme.

    >>> head_map("jd-106")[1], head_map("ibug-49")[1], head_map("kaggle-15")[1]
    ('wflw-98', 'ibug-49', 'mtfl-5')
    """
    known = get_scheme(scheme)
    if any(_weights(source, scheme) is not None for source in _table()):
        return np.eye(known.n_points), scheme
    for target in sorted(_table(), key=lambda name: -len(_table()[name])):
        weights = _weights(scheme, target)
        if weights is not None:
            return weights, target
    allowed = f"one that maps to or from {', '.join(_table())}"
    raise DataError(must_be("head pose", "scheme", scheme, allowed, "see `fldbench show SCHEME`"))


@cache
def mean_head(scheme: str) -> np.ndarray:
    """Return the points of a scheme on the mean head, (L, 3) mm; raise DataError where they are not known.

    >>> mean_head("mtfl-5").tolist()[2]
    [0.0, 35.6, -24.7]
    """
    for source, points in _table().items():
        weights = _weights(source, scheme)
        if weights is not None:
            return weights @ points
    raise DataError(must_be("mean head", "scheme", scheme, f"one that {', '.join(_table())} maps to"))


def _weights(source: str, target: str) -> np.ndarray | None:
    try:
        return map_matrix(source, target)
    except UnknownNameError:
        return None
