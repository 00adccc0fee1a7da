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


class Model(NamedTuple):
    """neutral (V, 3) mm; fields (30 + 12, V, 3) mm; faces (F, 3); near_faces (N, 3) and near (M,), the triangles that
    touch a landmark (numbered inside `near`) and their vertices, landmarks first."""

    neutral: np.ndarray
    fields: np.ndarray
    faces: np.ndarray
    near: np.ndarray
    near_faces: np.ndarray


@lru_cache(maxsize=1)
def model():
    """The linear model, built once a process (about half a second)."""
    mean = template()
    p = mean.vertices
    expression = expression_fields(p, p[:68])
    neutral = p + sum(c * expression[EXPRESSION.index(name)] for name, c in NEUTRAL.items())
    fields = np.concatenate([identity_fields(neutral), expression])  # shut lips must stay shut in every identity
    touching = mean.faces[(mean.faces < 68).any(1)]
    near = np.union1d(np.arange(68), touching)
    return Model(neutral, fields, mean.faces, near, np.searchsorted(near, touching))


def coefficients(**named):
    """(42,) coefficients, identity then expression, zero unless named: `coefficients(jaw_open=1.0)`.

    >>> coefficients(face_width=2.0)[:2].tolist()
    [2.0, 0.0]
    """
    names = IDENTITY + EXPRESSION
    out = np.zeros(len(names))
    for name, value in named.items():
        if name not in names:
            raise ValueError(f"no head coefficient named {name!r}; allowed: {', '.join(names)}")
        out[names.index(name)] = value
    return out


def head_vertices(coef, subset=None):
    """Vertices of one head. coef (42,) -> (V, 3) mm; with `subset`, an index array, only those vertices.

    >>> head_vertices(coefficients(), np.arange(68)).shape
    (68, 3)
    """
    m = model()
    neutral, fields = (m.neutral, m.fields) if subset is None else (m.neutral[subset], m.fields[:, subset])
    return neutral + np.einsum("k,kvc->vc", coef, fields)  # no BLAS: the same bits with any number of threads


def head_landmarks(coef):
    """The 68 landmarks of one head, (68, 3) mm in the head frame; equal to `head_vertices(coef)[:68]`."""
    return head_vertices(coef, slice(0, 68))


def head_near(coef):
    """Only what the landmarks' visibility needs: (vertices (M, 3) mm, landmarks first; faces (N, 3))."""
    m = model()
    return m.neutral[m.near] + np.einsum("k,kvc->vc", coef, near_fields()), m.near_faces


@lru_cache(maxsize=1)
def near_fields():
    """The rows of the fields that `head_near` uses, (42, M, 3) mm, laid out once."""
    m = model()
    return np.ascontiguousarray(m.fields[:, m.near])
