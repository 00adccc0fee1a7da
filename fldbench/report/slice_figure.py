"""A forest plot: the error on each slice with its interval, a panel for each of the best methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fldbench.report.figures import COLOURS, GREY, INK, LABEL, PAGE, TICK, TITLE, name_in_figure, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 3  # methods
LINE, MARGINS = 0.19, 1.0  # inches: height of a slice, and of what is above and below
LOOKS = {"harder": (COLOURS[1], ">"), "easier": (COLOURS[0], "<"), "undecided": (GREY, "o"), "small": (GREY, "d")}


def slice_figure(about: str, tested: Mapping[str, Sequence[Any]]) -> Figure:
    """Return the figure of one section; `tested` are method -> its `SliceError`, the best method first."""
    shown = {method: own for method, own in tested.items() if own}
    methods = list(shown)[:PANELS]
    names = [(one.attribute, one.name) for one in shown[methods[0]]]
    places = _places(names)
    figure = new_figure(PAGE, MARGINS + LINE * (max(places.values()) + 1))
    figure.suptitle(name_in_figure(about, 100), fontsize=TITLE)
    axes = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    for axis, method in zip(axes, methods, strict=True):
        _draw(axis, shown[method], places)
        axis.set_title(name_in_figure(method), fontsize=LABEL)
    first = axes[0]
    of = {(one.attribute, one.name): one for one in shown[methods[0]]}
    labels = [f"{name_in_figure(f'{a}: {n}', 34)}  ({of[a, n].n})" for a, n in names]
    first.set_yticks([places[name] for name in names], labels, fontsize=TICK)
    first.set_ylim(max(places.values()) + 0.7, -0.7)
    handles = [
        first.plot([], [], mark, color=colour, markersize=4, linestyle="none", label=verdict)[0]
        for verdict, (colour, mark) in LOOKS.items()
    ]
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=TICK, frameon=False)
    legend.set_title("NME %, with 95 % intervals; the line is the mean of all faces; (n) faces")
    legend.get_title().set_fontsize(LABEL)
    return figure


def _places(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Return the height of each slice, with a gap between attributes."""
    found: dict[tuple[str, str], float] = {}
    height = 0.0
    for before, name in zip([names[0], *names], names, strict=False):
        height += 0.6 if before[0] != name[0] else 0.0
        found[name] = height
        height += 1
    return found


def _draw(axis: Axes, own: Sequence[Any], places: Mapping[tuple[str, str], float]) -> None:
    for one in own:
        place = places.get((one.attribute, one.name))
        if place is None:
            continue
        colour, mark = LOOKS[one.verdict]
        if one.nme.low == one.nme.low:
            axis.plot([one.nme.low, one.nme.high], [place, place], color=colour, linewidth=1.2)
        axis.plot([one.nme.value], [place], mark, color=colour, markersize=4)
    axis.axvline(own[0].whole, color=INK, linewidth=0.8)
    tidy(axis, "x")
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=5)
