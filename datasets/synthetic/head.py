"""The 3-D head: coefficients -> vertices and 68 landmarks, by a linear model over the mean mesh.

    vertices = neutral + sum_k identity_k B_k + sum_j expression_j E_j        (mm, head frame of `template`)

The first 68 vertices are the landmarks, in the iBUG order, so landmarks and surface cannot come apart.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fldbench.datasets.synthetic.deform import EXPRESSION, IDENTITY, expression_fields, identity_fields
from fldbench.datasets.synthetic.template import template

NEUTRAL = {"lips_part": -1.0, "smile": -0.2}  # from the mean 300-W face, which smiles, to a face at rest
TYPICAL = {"face_length": -0.75}  # so that the mean of many drawn faces, seen by the camera, is the mean of 300-W


class Model(NamedTuple):
    """neutral (V, 3) mm; fields (31 + 12, V, 3) mm; faces (F, 3)."""

    neutral: np.ndarray
    fields: np.ndarray
    faces: np.ndarray


@lru_cache(maxsize=1)
def model():
    """The linear model, built once a process (about half a second)."""
    mean = template()
    p = mean.vertices
    expression = expression_fields(p, p[:68])
    neutral = p + sum(c * expression[EXPRESSION.index(name)] for name, c in NEUTRAL.items())
    identity = identity_fields(neutral)  # of shut lips, which so stay shut in every identity
    neutral = neutral + sum(c * identity[IDENTITY.index(name)] for name, c in TYPICAL.items())
    fields = np.concatenate([identity, expression])
    return Model(neutral, fields, mean.faces)


def coefficients(**named):
    """(43,) coefficients, identity then expression, zero unless named: `coefficients(jaw_open=1.0)`.

    >>> coefficients(face_width=2.0)[:2].tolist()
    [2.0, 0.0]
    """
    names = IDENTITY + EXPRESSION
    out = np.zeros(len(names))
    for name, value in named.items():
        if name not in names:
            raise ValueError(f"no head coefficient named {name!r}; must be one of {', '.join(names)}")
        out[names.index(name)] = value
    return out


def head_vertices(coef, subset=None):
    """Vertices of one head. coef (43,) -> (V, 3) mm; with `subset`, an index array, only those vertices.

    >>> head_vertices(coefficients(), np.arange(68)).shape
    (68, 3)
    """
    m = model()
    neutral, fields = (m.neutral, m.fields) if subset is None else (m.neutral[subset], m.fields[:, subset])
    return neutral + np.einsum("k,kvc->vc", coef, fields)  # no BLAS: the same bits with any number of threads


def head_landmarks(coef):
    """The 68 landmarks of one head, (68, 3) mm in the head frame; equal to `head_vertices(coef)[:68]`."""
    return head_vertices(coef, slice(0, 68))
