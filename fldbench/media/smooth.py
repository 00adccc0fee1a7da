"""Smoothing of landmarks over time: the one-euro filter."""

from __future__ import annotations

import numpy as np

from fldbench.errors import DataError, must_be


class OneEuro:
    """The one-euro filter (Casiez, Roussel and Vogel 2012): a low-pass filter that opens when a point moves fast.

    x_k = a X_k + (1 - a) x_{k-1} with a = 1 / (1 + tau / dt), tau = 1 / (2 pi f) and the cutoff f = min_cutoff + beta
    |v|, where v is the speed, itself low-passed at `speed_cutoff`. Distances are in sizes of the face, so that one
    setting suits each resolution, and dt is the true time between frames, which may vary.

    Parameters
    ----------
    min_cutoff : float
        Hz: the lower, the less a still face jitters, and the more a slow one lags.
    beta : float
        Hz per face size a second: the higher, the less a fast one lags.
    speed_cutoff : float
        Hz.

    Raises
    ------
    DataError
        For a parameter that is not positive (`beta` may be 0).

    >>> smooth = OneEuro(min_cutoff=1.0, beta=0.0)
    >>> smooth(np.zeros((1, 2)), 0.0, 100.0).tolist()
    [[0.0, 0.0]]
    >>> smooth(np.ones((1, 2)), 1 / (2 * np.pi), 100.0).tolist()  # tau = dt: half of the way
    [[0.5, 0.5]]
    """

    def __init__(self, min_cutoff: float = 1.0, beta: float = 20.0, speed_cutoff: float = 1.0):
        given = {"min_cutoff": min_cutoff, "beta": beta, "speed_cutoff": speed_cutoff}
        for name, value in given.items():
            if not (np.isfinite(value) and (value > 0 or (name == "beta" and value == 0))):
                raise DataError(must_be("one-euro filter", name, value, "a number above 0 (beta: from 0)"))
        self.min_cutoff, self.beta, self.speed_cutoff = min_cutoff, beta, speed_cutoff
        self._last: tuple[float, np.ndarray, np.ndarray] | None = None

    def __call__(self, points: np.ndarray, time: float, size: float) -> np.ndarray:
        """Return the smoothed points.

        Parameters
        ----------
        points : ndarray
            (L, 2) px. After a frame with points that are not finite the filter begins again.
        time : float
            Seconds. A frame that is not later than the last one is returned as it is.
        size : float
            Of the face, px.
        """
        points = np.asarray(points, float)
        if not np.isfinite(points).all() or not size > 0:
            self._last = None
            return points.copy()
        if self._last is None:
            self._last = (time, points, np.zeros_like(points))
            return points.copy()
        before, smooth, speed = self._last
        dt = time - before
        if dt <= 0:
            return points.copy()
        share = _share(self.speed_cutoff, dt)
        speed = share * (points - smooth) / (dt * size) + (1 - share) * speed
        cutoff = self.min_cutoff + self.beta * np.linalg.norm(speed, axis=1, keepdims=True)
        share = _share(cutoff, dt)
        smooth = share * points + (1 - share) * smooth
        self._last = (time, smooth, speed)
        return smooth.copy()


def _share(cutoff, dt: float):
    return 1 / (1 + 1 / (2 * np.pi * cutoff * dt))
