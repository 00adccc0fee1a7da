"""Points that lie where other points belong: a part of the face that is numbered backwards, or in another order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fldbench.files import listed
from fldbench.schemes import Scheme
from fldbench.schemes.indices import runs

SAMPLE = 200  # faces, evenly spread
LEFT = 0.5  # at most this share of the error of the points concerned is left
LEAST = 5  # faces
SHOWN = 4  # pairs that a message names


class Renumbering(NamedTuple):
    """What is numbered otherwise, what would mend it, and the point of the file that each point of the truth has."""

    what: str
    remedy: str
    order: tuple[int, ...]


def renumbering(points: np.ndarray, truth: np.ndarray, scheme: Scheme) -> Renumbering | None:
    """Return the order of the points that fits the truth better at every point concerned, or None.

    Each point of the truth takes the point of the answers that is nearest to it over the faces, no point twice. The
    points that would change their number must lose at least half of their error, each of them some.

    Parameters
    ----------
    points, truth : ndarray of float, (n, L, 2)
        In px; NaN for a missed face, and for a point that is not annotated.
    scheme : Scheme
        Of both.
    """
    from scipy.optimize import linear_sum_assignment

    found = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)) & np.isfinite(truth).all(axis=2).any(axis=1))
    if len(found) < LEAST:
        return None
    rows = found[np.linspace(0, len(found) - 1, min(SAMPLE, len(found))).astype(int)]
    known = np.flatnonzero(np.isfinite(truth[rows]).all(axis=2).sum(axis=0) >= LEAST)
    size = np.nanmax(np.ptp(points[rows], axis=1), axis=1)
    usual = np.median(size)
    if not usual > 0:
        return None
    scaled = [array[rows][:, known] / np.maximum(size, usual / 10)[:, None, None] for array in (truth, points)]
    distance = np.array([np.nanmedian(np.linalg.norm(scaled[1] - one[:, None], axis=2), axis=0)
                         for one in scaled[0].transpose(1, 0, 2)])  # fmt: skip
    own = distance.diagonal()
    taken = linear_sum_assignment(distance)[1]
    after = distance[np.arange(len(known)), taken]
    changed = taken != np.arange(len(known))
    if (
        not changed.any()
        or not (after[changed] < own[changed]).all()
        or after[changed].mean() > LEFT * own[changed].mean()
    ):
        return None
    order = np.arange(points.shape[1])
    order[known] = known[taken]
    return Renumbering(*_in_words(order, scheme), tuple(order.tolist()))


def _in_words(order: np.ndarray, scheme: Scheme) -> tuple[str, str]:
    """Return what an order of points looks like, and what would mend it."""
    changed = set(np.flatnonzero(order != np.arange(len(order))).tolist())
    backwards = []
    for region in scheme.regions.values():
        for part in (region, region[1:]):  # a closed outline may keep its first point
            if len(part) > 1 and [int(order[i]) for i in part] == list(part[::-1]):
                backwards.append(part)
                changed -= set(part)
                break
    if backwards and not changed:
        named = listed([_range(part) for part in backwards], SHOWN)
        return f"reversed in {named}", f"taking the points {named} from the last to the first"
    moved = [f"{order[i]} for {i}" for i in np.flatnonzero(order != np.arange(len(order)))]
    return "to be numbered otherwise", f"taking point {listed(moved, SHOWN)}"


def _range(points: tuple[int, ...]) -> str:
    first, last = min(points), max(points)
    together = len(runs(tuple(sorted(points)))) == 1 and len(points) > 1
    return f"{first}-{last}" if together else "+".join(map(str, points))
