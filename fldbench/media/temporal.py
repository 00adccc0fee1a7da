"""How well landmarks follow a face over time: jitter, lag, and recovery after a loss. Pure functions.

Landmarks of n frames are (n, L, 2) px, their times (n,) s; NaN where a face is not shown, or not there.
"""

from __future__ import annotations

import numpy as np

STEP, LONGEST = 0.002, 0.5  # s


def jitter(landmarks: np.ndarray, size: float) -> float:
    """Return how much the landmarks of a still face move: root mean square distance from their means over time.

    Parameters
    ----------
    landmarks : (n, L, 2) array
        px; frames that are not finite are left out.
    size : float
        What it is a share of, px, such as the inter-ocular distance.

    Returns
    -------
    float
        As a share of `size`; NaN for fewer than two frames.

    >>> jitter(np.array([[[0.0, 3.0]], [[0.0, 5.0]]]), 10.0)
    0.1
    """
    points = landmarks[np.isfinite(landmarks).all(axis=(1, 2))]
    if len(points) < 2:
        return float("nan")
    return float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=2).mean()) / size)


def lag(landmarks: np.ndarray, truth: np.ndarray, times: np.ndarray) -> float:
    """Return by how many seconds landmarks follow the truth late: the shift of the truth that fits them best.

    For each shift from 0 to 0.5 s the truth is interpolated in time; what counts is the variance of the difference of
    each coordinate, so that landmarks which are always off by the same do not lag. A negative lag cannot be found.

    Returns
    -------
    float
        Seconds, in steps of 2 ms; NaN for a face that does not move or is shown in fewer than three frames.

    >>> times = np.arange(50) / 25
    >>> truth = np.stack([np.sin(6 * times), 0 * times], axis=1)[:, None]
    >>> late = np.stack([np.sin(6 * (times - 0.08)), 0 * times], axis=1)[:, None]
    >>> round(lag(late, truth, times), 3)
    0.08
    """
    there = np.isfinite(truth).all(axis=(1, 2))
    if there.sum() < 3 or np.ptp(truth[there], axis=0).max() < 1e-6:
        return float("nan")
    flat = truth[there].reshape(there.sum(), -1)
    judged = np.isfinite(landmarks).all(axis=(1, 2)) & (times >= times[there][0] + LONGEST)
    if judged.sum() < 3:
        return float("nan")
    shown = landmarks[judged].reshape(judged.sum(), -1)
    shifts = np.arange(0, LONGEST, STEP)
    spread = []
    for shift in shifts:
        earlier = np.stack([np.interp(times[judged] - shift, times[there], column) for column in flat.T], axis=1)
        spread.append((shown - earlier).var(axis=0).sum())
    return float(shifts[int(np.argmin(spread))])


def recovery(errors: np.ndarray, times: np.ndarray, back: float, good: float) -> float:
    """Return the seconds from `back`, when a face is there again, to the first frame from which its error stays good.

    Parameters
    ----------
    errors : (n,) array
        Of each frame; NaN where no face is shown.
    times : (n,) array
        s.
    back : float
        s.
    good : float
        The largest error that is good.

    Returns
    -------
    float
        Infinite if the last frame is not good.

    >>> recovery(np.array([0.03, np.nan, 0.2, 0.04, 0.05]), np.arange(5) / 10, back=0.1, good=0.08)
    0.2
    """
    bad = np.flatnonzero(~(errors <= good))
    first = int(bad[-1]) + 1 if len(bad) else 0
    return float(max(times[first] - back, 0.0)) if first < len(times) else float("inf")
