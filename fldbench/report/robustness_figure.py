"""Curves under harm as figures: a panel for each kind, a line for each method with its name at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fldbench.escape import cut, plain
from fldbench.report.captions import title
from fldbench.report.curves import Section
from fldbench.report.figures import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by colour-blind readers (Okabe and Ito, 2008); beyond them, lines are dashed too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":", "-.")
MARKERS = "osD^vP*"
ACROSS = 4  # panels beside each other
PAGE, HEIGHT, BOXES_HEIGHT = 7.2, 1.75, 3.2  # inches
DPI = 150
NAME_SPACE = 0.62  # of the width of the curves, for the names behind them
LONGEST = 18  # letters of a name
LETTER = 6.5  # pt
TICKS = (0.5, 1, 2, 3, 5, 10, 20, 30, 50, 100)
NME = "NME %, logarithmic"


def harms_figure(sections: Sequence[Section]) -> Figure:
    """Return the figure of all kinds of harm of one training set and protocol: NME by the strength."""
    from matplotlib.figure import Figure

    across = min(ACROSS, len(sections))
    down = -(-len(sections) // across)
    figure = Figure(figsize=(PAGE * across / ACROSS, 0.5 + HEIGHT * down), dpi=DPI, layout="constrained")
    axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    figure.suptitle(words(cut(plain(title((sections[0].train, sections[0].base))), 80)), fontsize=9)
    colours = _styles(sections)
    for axis, section in zip(axes.flat, sections, strict=False):
        _draw(axis, section, colours)
        axis.set_title(words(section.kind), fontsize=8)
    for axis in axes.flat[len(sections) :]:
        axis.set_visible(False)
    for axis in list(axes.flat)[max(0, len(sections) - across) : len(sections)]:
        axis.tick_params(labelbottom=True)  # no panel is below it
    _scale(axes[0, 0], sections)
    doses = "dose" in dict(sections[0].curves[0].steps[0].row.one.protocol.options)
    figure.supxlabel("dose" if doses else "strength of the harm, 0 none", fontsize=8)
    figure.supylabel(NME, fontsize=8)
    _place_names(figure, list(axes.flat)[: len(sections)])
    return figure


def boxes_figure(section: Section) -> Figure:
    """Return the NME by how much the true boxes are jittered, in percent, and on other boxes such as a detector's."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PAGE / 2 + 0.6 * len(section.others), BOXES_HEIGHT), dpi=DPI, layout="constrained")
    axis = figure.subplots()
    _draw(axis, section, _styles([section]))
    axis.set_title(words(cut(plain(title((section.train, section.base))), 60)), fontsize=8)
    _scale(axis, [section])
    axis.set_xlabel("jitter of the true points' boxes, % of their size", fontsize=8)
    axis.set_ylabel(NME, fontsize=8)
    _place_names(figure, [axis])
    return figure


def _styles(sections: Sequence[Section]) -> dict[str, tuple[str, str, str]]:
    methods = dict.fromkeys(curve.method for section in sections for curve in section.curves)
    k = len(COLOURS)
    return {method: (COLOURS[i % k], DASHES[i // k % len(DASHES)], MARKERS[i % k]) for i, method in enumerate(methods)}


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


def _draw(axis: Axes, section: Section, styles: dict[str, tuple[str, str, str]]) -> None:
    """Draw the lines; other boxes stand right of them, as points alone."""
    last = section.strengths[-1]
    gap = last / (len(section.strengths) - 1) if len(section.strengths) > 1 else 1.0
    places = {name: last + gap * (i + 1) for i, name in enumerate(section.others)}
    end = max([last, *places.values()])
    for curve in section.curves:
        colour, dash, marker = styles[curve.method]
        known = [(float(step.strength), step.nme) for step in curve.steps if step.nme is not None]
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 2.5, "linewidth": 1.1}
        axis.plot(*zip(*known, strict=True), linestyle=dash, label=curve.method, **look)
        points = [(places[str(step.strength)], step.nme) for step in curve.others if step.nme is not None]
        axis.plot([x for x, _ in points], [y for _, y in points], linestyle="", **look)
        name = words(cut(plain(curve.method), LONGEST))
        at = points[-1] if points else known[-1]
        axis.annotate(
            name, at, (end + 0.05 * end, at[1]), color=colour, fontsize=LETTER, va="center", annotation_clip=False
        )
    axis.set_xlim(-0.04 * end, end * (1 + NAME_SPACE))
    ticks = [*section.strengths, *places.values()]
    axis.set_xticks(ticks, [*(f"{one:g}" for one in section.strengths), *map(words, places)], fontsize=7)
    axis.tick_params(axis="y", labelsize=7)
    axis.grid(axis="y", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_bounds(0, end)


def _place_names(figure: Figure, axes: Sequence[Axes]) -> None:
    """Move the names of each panel apart, as little as possible and in the order of the curves' ends."""
    figure.draw_without_rendering()
    line = 1.15 * LETTER / 72 * figure.dpi  # px
    for axis in axes:
        names: list[Any] = sorted(axis.texts, key=lambda text: text.xyann[1])
        wanted = axis.transData.transform([text.xyann for text in names])[:, 1]
        places = spread(wanted, line, axis.get_window_extent().y0 + line / 2)
        back = axis.transData.inverted()
        for text, y in zip(names, places, strict=True):
            text.xyann = (text.xyann[0], float(back.transform((0.0, y))[1]))


def spread(wanted: np.ndarray, gap: float, low: float) -> np.ndarray:
    """Return rising places at least `gap` apart, and not below `low`, that are near the wanted ones.

    Neighbours that would overlap are centred together on the mean of their places.

    >>> spread(np.array([1.0, 1.0, 5.0]), 1.0, 0.0).tolist()
    [0.5, 1.5, 5.0]
    """
    blocks: list[list[float]] = []  # the sum of (place - own offset), and how many
    for i, place in enumerate(np.maximum(wanted, low)):
        blocks.append([float(place) - gap * i, 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    starts = [total / count for total, count in blocks for _ in range(int(count))]
    return np.maximum(np.array(starts), low) + gap * np.arange(len(starts))
