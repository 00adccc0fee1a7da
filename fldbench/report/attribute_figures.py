"""Figures of attributes: for each method a confusion matrix and a reliability diagram of each attribute."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fldbench.attribute_metrics import AttributeCounts
from fldbench.escape import cut, plain
from fldbench.report.attributes import Attributes, Counted
from fldbench.report.captions import title
from fldbench.report.figures import words, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 4  # attributes beside each other
PAGE, NARROWEST = 7.2, 3.6  # inches
LETTERS = 14  # of a title in an inch
MATRIX, DIAGRAM = 2.5, 2.0  # inches: heights of the panels
DPI = 150
LONGEST, LONGEST_CLASS = 90, 16  # letters of a title and of a class
NUMBERS_UP_TO = 7  # classes; cells of more are too small for counts, and show shares alone
NOBODY = "no answer"
RIGHT, ALL, LINE = "#2166ac", "#bbbbbb", "#333333"


def attribute_figure(place: tuple[str, str], counted: Counted) -> Figure:
    """Return the figure of one row of a table.

    Above are confusion matrices: faces of each true class, a row, by the class answered; and their share of the row,
    which is also its shade. Below are reliability diagrams: the share of right answers by the top probability. Counts
    are sums over the seeds.
    """
    from matplotlib.figure import Figure

    names = list(counted.counts)
    lines = [names[i : i + ACROSS] for i in range(0, len(names), ACROSS)]
    wide = max(sum(_width(counted.counts[name]) for name in line) for line in lines)
    figure = Figure(
        figsize=(min(PAGE, max(NARROWEST, wide)), 0.6 + (MATRIX + DIAGRAM) * len(lines)), dpi=DPI, layout="constrained"
    )
    seeds = f", {counted.seeds} seeds together" if counted.seeds > 1 else ""
    about = cut(plain(f"{counted.method}: {title(place)}"), LONGEST) + seeds
    figure.suptitle(words(textwrap.fill(about, int(LETTERS * figure.get_figwidth()))), fontsize=9)
    for part, line in zip(figure.subfigures(len(lines), 1, squeeze=False)[:, 0], lines, strict=True):
        widths = [_width(counted.counts[name]) for name in line]
        spare = [min(widths)] * (ACROSS - len(line) if len(lines) > 1 else 0)  # so that all lines look alike
        grid = part.subplots(
            2, len(line) + len(spare), width_ratios=[*widths, *spare], height_ratios=[MATRIX, DIAGRAM], squeeze=False
        )
        for column, name in enumerate(line):
            _draw_matrix(grid[0, column], name, counted)
            _draw_reliability(grid[1, column], name, counted)
        grid[0, 0].set_ylabel("true", fontsize=7)
        grid[1, 0].set_ylabel("share", fontsize=7)
        for axis in grid[:, len(line) :].flat:
            axis.set_visible(False)
    part.legend(*grid[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7, frameon=False)
    return figure


def write_attribute_figures(attributes: Mapping[tuple[str, str], Attributes], folder: str | Path) -> list[Path]:
    """Write a PNG for each row that answers attributes, each whole or not at all; return the paths.

    Raises
    ------
    StoreError
        When a file cannot be written.
    """
    written: list[Path] = []
    for place, about in attributes.items():
        for counted in about.counted:
            slug = re.sub("[^A-Za-z0-9.]+", "-", f"{place[1]}-{place[0]}-{counted.method}")[:100].strip("-.")
            names = (f"attributes-{slug}{more}.png" for more in chain([""], (f"-{i}" for i in count(2))))
            path = next(one for name in names if (one := Path(folder) / name) not in written)
            written.append(write_figure(attribute_figure(place, counted), path))
    return written


def _draw_matrix(axis: Axes, name: str, counted: Counted) -> None:
    counts = counted.counts[name]
    table = np.array(counts.confusion)
    classes = _classes(counts)
    answers = classes
    if any(counts.missed):
        table, answers = np.column_stack([table, counts.missed]), [*classes, NOBODY]
    of_row = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, of_row, out=np.zeros(table.shape), where=of_row > 0)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    small = 7 if len(classes) <= 3 else 5.5
    for (i, k), share in np.ndenumerate(shares):
        if of_row[i, 0]:
            percent = f"{100 * share:.0f} %"
            text = percent if len(classes) > NUMBERS_UP_TO else f"{table[i, k]}\n{percent}"
            axis.text(k, i, text, ha="center", va="center", fontsize=small, color="white" if share > 0.55 else "black")
    axis.set_xticks(range(len(answers)), answers, fontsize=6.5, rotation=45, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(classes)), classes, fontsize=6.5)
    axis.tick_params(length=0, pad=2)
    axis.set_xlabel("answered", fontsize=7)
    told = [
        f"{word} {value:.1f} %"
        for word, key in (("acc.", "accuracy"), ("bal.", "balanced_accuracy"))
        if (value := counted.metrics.get(f"{key}:{name}")) is not None
    ]
    axis.set_title("\n".join([words(cut(plain(name), 30)), ", ".join(told) or "no face is known"]), fontsize=7.5)


def _draw_reliability(axis: Axes, name: str, counted: Counted) -> None:
    bins = counted.counts[name].reliability
    width, total = 1 / len(bins), sum(one.faces for one in bins)
    middles = (np.arange(len(bins)) + 0.5) * width
    shares = [one.faces / total if total else 0.0 for one in bins]
    axis.bar(middles, shares, width, color=ALL, label="share of faces")
    axis.plot([0, 1], [0, 1], "--", color=LINE, linewidth=0.8, label="calibrated")
    there = [one for one in bins if one.faces]
    points = [one.confidence for one in there], [one.accuracy for one in there]
    axis.plot(*points, "o-", color=RIGHT, markersize=2.5, linewidth=1, label="right answers")  # type: ignore[arg-type]
    axis.set(xlim=(0, 1), ylim=(0, 1.02))
    axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axis.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axis.tick_params(labelsize=6.5)
    axis.set_xlabel("top probability", fontsize=7)
    error = counted.metrics.get(f"ece:{name}")
    axis.set_title("" if error is None else f"ECE {error:.1f} %", fontsize=7.5)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _width(counts: AttributeCounts) -> float:
    """Return the width of a panel in inches, before all of them are fitted to the page."""
    return 1.0 + 0.29 * len(counts.classes)


def _classes(counts: AttributeCounts) -> Sequence[str]:
    return [words(cut(plain(one), LONGEST_CLASS)) for one in counts.classes]
