"""Which faces a page holds errors of, where it cannot hold those of all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MOST_VALUES = 150_000  # errors in one page, of all tables together
MOST_FACES = 6000  # of one table, since each has an id


class Sample(NamedTuple):
    """Rows of faces: first a random sample of all, then the extreme faces that it does not hold.

    Attributes
    ----------
    faces : ndarray of int, (k,)
    n_random : int
        The number of faces drawn at random; all faces where none had to be left out.
    """

    faces: np.ndarray
    n_random: int


def sampled(errors: np.ndarray, most: int, random_state: int = 0) -> Sample:
    """Return at most `most` faces: all of them, or a random sample and the faces with the largest errors and ranges.

    Parameters
    ----------
    errors : ndarray of float, (m, n)
        Of m methods on n faces; NaN for none.
    most : int
        One tenth of them are the extreme faces.
    random_state : int
        The same numbers give the same faces.

    >>> sampled(np.zeros((2, 5)), 10)
    Sample(faces=array([0, 1, 2, 3, 4]), n_random=5)
    """
    n = errors.shape[1]
    most = min(most, MOST_FACES)
    if n <= most:
        return Sample(np.arange(n), n)
    n_random = most - most // 10
    drawn = np.sort(np.random.default_rng(random_state).choice(n, n_random, replace=False))
    known = np.where(np.isnan(errors), -1.0, errors)
    span = known.max(axis=0) - np.where(np.isnan(errors), np.inf, errors).min(axis=0)
    orders = [np.argsort(-values, kind="stable")[:most] for values in (*known, np.nan_to_num(span, neginf=-1.0))]
    inside = set(drawn.tolist())
    ranked = [face for faces in zip(*orders, strict=True) for face in faces if face not in inside]
    extreme = list(dict.fromkeys(map(int, ranked)))[: most - n_random]
    return Sample(np.concatenate([drawn, np.array(extreme, int)]), n_random)
