"""The bias of each landmark as an arrow on the mean face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fldbench.faces import FaceSet
from fldbench.protocols import Protocol
from fldbench.schemes import get_scheme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINT, ARROW, LINE = "#444444", "#d55e00", "#bbbbbb"  # vermilion: told apart by colour-blind readers
LONGEST = 0.1  # of the face's width: the wished length of the longest arrow
FACTORS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
WIDTH, DPI = 6.0, 150  # inches


def bias_figure(predictions: np.ndarray, faces: FaceSet, protocol: Protocol) -> Figure:
    """Return the mean of the true shapes, in percent of the normaliser, with the mean of answer minus truth as arrows.

    Parameters
    ----------
    predictions : ndarray of float, (n, L, 2)
        In px; faces that the protocol counts as missed are left out.
    faces : FaceSet
        The protocol's n faces.
    protocol : Protocol
    """
    from matplotlib.figure import Figure

    compared = protocol.compared(predictions, faces)
    counts = np.isfinite(compared.point_errors())[..., None]
    scale = 100 / compared.distance[:, None, None]
    shape, bias = (
        _mean_face(compared.truth * scale, counts),
        _mean(np.where(counts, compared.answers - compared.truth, 0) * scale, counts),
    )
    known = np.isfinite(shape).all(axis=1)
    width = np.ptp(shape[known, 0]) if known.any() else 1.0
    factor = _factor(float(np.linalg.norm(bias[known], axis=1).max(initial=0.0)), LONGEST * width)
    figure = Figure(figsize=(WIDTH, WIDTH), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for a, b in get_scheme(protocol.scheme).edges:
        axes.plot(*shape[[a, b]].T, color=LINE, linewidth=1, zorder=1)
    axes.plot(*shape[known].T, "o", color=POINT, markersize=3, zorder=2)
    arrows: dict[str, Any] = {
        "angles": "xy",
        "scale_units": "xy",
        "scale": 1,
        "color": ARROW,
        "width": 0.004,
        "zorder": 3,
    }
    axes.quiver(*shape[known].T, *(factor * bias[known]).T, **arrows)
    axes.set_aspect("equal")
    axes.margins(0.08)
    axes.invert_yaxis()
    axes.set_axis_off()
    n = int(counts.any(axis=(1, 2)).sum())
    axes.set_title(
        f"Bias of each landmark: answer minus truth, mean of {n} faces\n"
        f"{protocol.name}; arrows are {factor:g} times as long as the bias",
        fontsize=9,
    )
    return figure


def _mean(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean over the faces that count, (L, 2); NaN for a point that never does."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(counts, values, 0).sum(axis=0) / counts.sum(axis=0)


def _mean_face(truth: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean of the shapes, each moved so that the mean of its points lies at the origin."""
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    centre = np.where(counts, truth, 0).sum(axis=1, keepdims=True) / total
    return _mean(truth - centre, counts)


def _factor(longest: float, wished: float) -> float:
    """Return the factor that brings the longest arrow nearest to a length without going beyond it."""
    fitting = [factor for factor in FACTORS if factor * longest <= wished]
    return max(fitting, default=FACTORS[0])
