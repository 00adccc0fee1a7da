"""Folds: sets of faces to leave out together, so that no person is on both sides."""

from __future__ import annotations

import heapq
from typing import Literal

import numpy as np

from fldbench.errors import DataError, must_be


def fold_of(
    groups: np.ndarray, k: int, rng: np.random.Generator, balance: Literal["faces", "groups"] = "faces"
) -> np.ndarray:
    """Return the number of each face's fold; no group (a person or a clip) is in two folds.

    Parameters
    ----------
    groups : ndarray of shape (n,)
        The group of each face.
    k : int
        Number of folds, from 1 to the number of groups.
    rng : numpy.random.Generator
        One permutation of the groups is drawn from it.
    balance : {"faces", "groups"}
        "faces": the groups, the largest first and equal ones in random order, each go to the fold that has the fewest
        faces so far, so that two folds differ by at most the largest group. "groups": the groups are dealt out in
        random order, so that two folds differ by at most one group.

    Returns
    -------
    ndarray of shape (n,), int
        From 0 to k - 1; every fold has a face.

    Raises
    ------
    DataError
        For another k.

    >>> fold_of(np.array(["a", "b", "a", "c"]), 2, np.random.default_rng(0)).tolist()
    [0, 1, 0, 1]
    """
    _, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if not 1 <= k <= len(sizes):
        raise DataError(must_be("folds", "their number", k, f"from 1 to {len(sizes)}, the number of groups of faces"))
    order = rng.permutation(len(sizes))
    if balance == "groups":
        return (order % k)[which]
    filled = [(0, fold) for fold in range(k)]
    folds = np.empty(len(sizes), int)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        size, fold = heapq.heappop(filled)
        folds[group] = fold
        heapq.heappush(filled, (size + int(sizes[group]), fold))
    return folds[which]
