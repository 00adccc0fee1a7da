"""Curves under harm as figures: a panel for each kind, a line for each method with its name at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fldbench.report.captions import title
from fldbench.report.curves import Section
from fldbench.report.figures import LABEL, MARKERS, PAGE, TITLE, label_ends, look, name_in_figure, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 4  # panels beside each other
HEIGHT, BOXES_HEIGHT = 1.75, 3.2  # inches
TICKS = (0.5, 1, 2, 3, 5, 10, 20, 30, 50, 100)
NME = "NME %, logarithmic"


def harms_figure(sections: Sequence[Section]) -> Figure:
    """Return the figure of all kinds of harm of one training set and protocol: NME by the strength."""
    across = min(ACROSS, len(sections))
    down = -(-len(sections) // across)
    figure = new_figure(PAGE * across / ACROSS, 0.5 + HEIGHT * down)
    axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    figure.suptitle(name_in_figure(title((sections[0].train, sections[0].base)), 80), fontsize=TITLE)
    looks = _looks(sections)
    for axis, section in zip(axes.flat, sections, strict=False):
        _draw(axis, section, looks)
        axis.set_title(name_in_figure(section.kind), fontsize=LABEL)
    for axis in axes.flat[len(sections) :]:
        axis.set_visible(False)
    for axis in list(axes.flat)[max(0, len(sections) - across) : len(sections)]:
        axis.tick_params(labelbottom=True)  # no panel is below it
    _scale(axes[0, 0], sections)
    figure.supxlabel("dose" if sections[0].doses else "strength of the harm, 0 none", fontsize=LABEL)
    figure.supylabel(NME, fontsize=LABEL)
    figure.draw_without_rendering()  # which decides the sizes of the panels
    for axis, section in zip(axes.flat, sections, strict=False):
        label_ends(axis, _ends(section, looks))
    return figure


def boxes_figure(section: Section) -> Figure:
    """Return the NME by how much the true boxes are jittered, in percent, and on other boxes such as a detector's."""
    figure = new_figure(PAGE / 2 + 0.6 * len(section.others), BOXES_HEIGHT)
    axis = figure.subplots()
    looks = _looks([section])
    _draw(axis, section, looks)
    axis.set_title(name_in_figure(title((section.train, section.base)), 60), fontsize=LABEL)
    _scale(axis, [section])
    axis.set_xlabel("jitter of the true points' boxes, % of their size", fontsize=LABEL)
    axis.set_ylabel(NME, fontsize=LABEL)
    figure.draw_without_rendering()  # which decides the size of the panel
    label_ends(axis, _ends(section, looks))
    return figure


def _looks(sections: Sequence[Section]) -> dict[str, dict[str, Any]]:
    methods = dict.fromkeys(curve.method for section in sections for curve in section.curves)
    return {
        method: look(i) | {"marker": MARKERS[i % len(MARKERS)], "markersize": 2.5, "linewidth": 1.1}
        for i, method in enumerate(methods)
    }


def _ends(section: Section, looks: dict[str, dict[str, Any]]) -> list[tuple[float, float, str, str]]:
    """Return where each curve ends, its name and its colour."""
    ends = []
    for curve in section.curves:
        known = [step.nme for step in (*curve.steps, *curve.others) if step.nme is not None]
        ends.append((0.0, known[-1], curve.method, str(looks[curve.method]["color"])))
    return ends


def _scale(axis: Axes, sections: Sequence[Section]) -> None:
    """Give an axis a logarithmic scale, on which a rise by half looks alike for good and bad methods."""
    steps = [step for section in sections for curve in section.curves for step in (*curve.steps, *curve.others)]
    values = [step.nme for step in steps if step.nme]
    axis.set_yscale("log")
    axis.set_ylim(0.85 * min(values), 1.15 * max(values))
    low, high = axis.get_ylim()
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_yticks([], minor=True)


def _draw(axis: Axes, section: Section, looks: dict[str, dict[str, Any]]) -> None:
    """Draw the lines; other boxes stand right of them, as points alone."""
    last = section.strengths[-1]
    gap = last / (len(section.strengths) - 1) if len(section.strengths) > 1 else 1.0
    places = {name: last + gap * (i + 1) for i, name in enumerate(section.others)}
    for curve in section.curves:
        known = [(float(step.strength), step.nme) for step in curve.steps if step.nme is not None]
        axis.plot(*zip(*known, strict=True), label=curve.method, **looks[curve.method])
        points = [(places[str(step.strength)], step.nme) for step in curve.others if step.nme is not None]
        axis.plot([x for x, _ in points], [y for _, y in points], **looks[curve.method] | {"linestyle": ""})
    end = max([last, *places.values()])
    axis.set_xlim(-0.04 * end, 1.04 * end)
    ticks = [*section.strengths, *places.values()]
    named = [name_in_figure(name).replace(":", ":\n", 1) for name in places]  # detected:dlib-hog stands beside others
    axis.set_xticks(ticks, [*(f"{one:g}" for one in section.strengths), *named])
    tidy(axis, "y")
