"""Risk-coverage curves: the error of the faces answered with the most confidence, by their share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fldbench.report.figures import LABEL, PAGE, TITLE, label_ends, look, name_in_figure, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT = 3.4  # inches
FROM = 5.0  # % of the faces: the mean of fewer is mostly chance


def confidence_figure(about: str, curves: Sequence[Any]) -> Figure:
    """Return the figure of one section; `curves` are its `Curve`."""
    figure = new_figure(0.75 * PAGE, HEIGHT)
    axis = figure.subplots()
    top = 0.0
    for i, one in enumerate(curves):
        share = 100 * np.arange(1, len(one.risks) + 1) / len(one.risks)
        there = share >= FROM
        axis.plot(share[there], one.risks[there], **look(i), linewidth=1.3)
        top = max(top, float(one.risks[there].max()))
    axis.set(xlim=(0, 100), ylim=(0, 1.05 * top))
    axis.set_xlabel("answered with the most confidence, % of the faces", fontsize=LABEL)
    axis.set_ylabel("their NME %", fontsize=LABEL)
    axis.set_title(name_in_figure(about, 80), fontsize=TITLE)
    tidy(axis)
    figure.draw_without_rendering()  # so that the names know how tall the panel is
    label_ends(axis, [(100.0, one.nme, one.method, look(i)["color"]) for i, one in enumerate(curves)])
    return figure
