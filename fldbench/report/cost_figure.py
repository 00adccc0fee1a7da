"""Error against cost, with the Pareto front: a panel for each cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fldbench.report.figures import (
    COLOURS,
    GREY,
    LABEL,
    PAGE,
    TICK,
    TITLE,
    label_points,
    name_in_figure,
    new_figure,
    tidy,
)
from fldbench.report.ranking import RANKED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 3.0  # inches
FRONT = COLOURS[0]
ROOM = 0.12  # of the axis, free at each end, for names
FAR = 2.5  # from this quotient of the largest error and the median on, the axis of errors is logarithmic
LONGEST_TITLE = 100


def cost_figure(about: str, rows: Sequence[Mapping[str, Any]], fronts: Mapping[str, tuple[str, str]]) -> Figure:
    """Return the figure of one section.

    Parameters
    ----------
    about : str
        Its title.
    rows : sequence of mapping
        Of the table of costs; the ranked ones are drawn.
    fronts : mapping of str to (str, str)
        Name of a cost -> its name in the column `pareto`, and on its axis.
    """
    ranked = [row for row in rows if row["standing"] == RANKED and row["nme"] is not None and row["n_nme"] == row["n"]]
    shown = {name: names for name, names in fronts.items() if sum(row[name] is not None for row in ranked) > 1}
    figure = new_figure(PAGE, HEIGHT)
    figure.suptitle(name_in_figure(about, LONGEST_TITLE), fontsize=TITLE)
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    points = {
        name: [
            (row[name], row["nme"], row["method"], FRONT if short in row["pareto"].split(", ") else GREY)
            for row in ranked
            if row[name]
        ]
        for name, (short, _) in shown.items()
    }
    for axis, (name, (_, heading)) in zip(axes, shown.items(), strict=True):
        _draw(axis, points[name])
        axis.set_xlabel(heading, fontsize=LABEL)
    axes[0].set_ylabel("NME %", fontsize=LABEL)
    figure.draw_without_rendering()  # so that the names know how large the panels are
    for axis, name in zip(axes, shown, strict=True):
        label_points(axis, points[name])
    return figure


def _draw(axis: Axes, points: Sequence[tuple[float, float, str, str]]) -> None:
    costs, errors = [one[0] for one in points], [one[1] for one in points]
    front = sorted((cost, error) for cost, error, _, colour in points if colour == FRONT)
    axis.set_xscale("log")
    if max(errors) > FAR * sorted(errors)[len(errors) // 2]:
        axis.set_yscale("log", subs=(1, 2, 3, 4, 6, 8))
        for which in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
            which("{x:g}")
        axis.tick_params(axis="y", which="minor", labelsize=TICK)
    if front:
        axis.step(*zip(*front, strict=True), where="post", color=FRONT, linewidth=1, alpha=0.6)
    for cost, error, _, colour in points:
        axis.plot([cost], [error], "o" if colour == FRONT else "s", color=colour, markersize=4)
    low, high = min(costs), max(costs)
    spread = (high / low) ** ROOM if high > low else 2.0
    axis.set_xlim(low / spread, high * spread**4)  # names lie mostly at the right of their points
    axis.margins(y=ROOM)
    tidy(axis)
