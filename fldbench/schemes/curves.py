"""Curves that schematic faces are drawn with: the templates of the schemes are made of these.

A face lies in u from -0.5 (image-left) to 0.5 and v from 0 (forehead) down to 1 (chin).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BROW, EYE, LIPS, INNER = 0.12, 0.27, 0.75, 0.755  # heights v


def arc(n: int, u0: float, u1: float, v: float, rise: float) -> np.ndarray:
    """Return n points (n, 2) on a parabola from (u0, v) to (u1, v) whose middle lies `rise` higher."""
    s = np.linspace(-1.0, 1.0, n)
    return np.stack([(u0 + u1) / 2 + s * (u1 - u0) / 2, v - rise * (1 - s * s)], axis=1)


def loop(u0: float, u1: float, v: float, there: float, back: float, n_there: int, n_back: int) -> np.ndarray:
    """Return a closed outline: corner u0, n_there points risen by `there`, corner u1, n_back points risen by `back`."""
    return np.vstack([arc(n_there + 2, u0, u1, v, there), arc(n_back + 2, u1, u0, v, back)[1:-1]])


def jaw(n: int, reach: float = 1.0) -> np.ndarray:
    """Return n points from image-left over the chin to image-right; reach 1 starts at the height of the eyes."""
    angle = np.linspace(-1.0, 1.0, n) * reach * np.pi / 2
    wide = np.sign(angle) * np.abs(np.sin(angle)) ** 0.8  # squarer than an ellipse
    return np.stack([0.5 * wide, EYE + (1 - EYE) * np.cos(angle)], axis=1)


def nose(*side: tuple[float, float]) -> np.ndarray:
    """Return an open outline: down the image-left side, through the centre of the base, up the image-right side."""
    left = np.array(side)
    return np.vstack([left, [(0.0, 0.59)], left[::-1] * (-1, 1)])


def middle(*heights: float) -> np.ndarray:
    """Return points of the middle line at some heights."""
    return np.array([(0.0, v) for v in heights])


def place(*parts: np.ndarray | Sequence[tuple[float, float]]) -> np.ndarray:
    """Return the template (L, 2) of parts in the order of the numbering: in the unit box, rounded so that 1 - x is
    exact."""
    template = np.round((np.vstack(parts) * 0.9 + (0.0, 0.04)) * 4096) / 4096 + (0.5, 0.0)
    template.setflags(write=False)
    return template
