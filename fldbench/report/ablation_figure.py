"""The differences of an ablation with their intervals, as a figure: a row a variant, a panel a part of the face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fldbench.escape import cut, plain
from fldbench.report.ablation_words import baseline_of
from fldbench.report.captions import title
from fldbench.report.comparisons import HELPS, HURTS, VariantRow
from fldbench.report.figures import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {HELPS: "#1b7837", HURTS: "#b2182b"}  # told apart by colour-blind readers too: they lie on two sides of 0
UNDECIDED_COLOUR = "#666666"
PANEL, LINE = 2.1, 0.32  # inches: width of a panel, height of a variant
MARGINS = 1.3  # inches above and below the panels of a section
NAMES = 2.0  # inches for the names
DPI = 120
LONGEST = 90  # letters of a title


def figure_of(sections: Sequence[Sequence[VariantRow]]) -> Figure:
    """Return the figure of some sections, one below the other."""
    from matplotlib.figure import Figure

    shown = [[row for row in rows if not row.is_baseline] for rows in sections]
    keys = [
        ["nme", *dict.fromkeys(k for row in rows for k in row.measures if k.startswith("region@"))] for rows in shown
    ]
    panels = max(map(len, keys), default=1)
    heights = [MARGINS + LINE * max(len(rows), 1) for rows in shown]
    figure = Figure(figsize=(NAMES + PANEL * panels, sum(heights)), dpi=DPI, layout="constrained")
    parts = figure.subfigures(len(shown), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, rows, own in zip(parts, shown, keys, strict=True):
        if not rows:
            continue
        about = f"{rows[0].label} on {title((rows[0].train, rows[0].protocol))}"
        part.suptitle(words(cut(plain(about), LONGEST)), fontsize=10)
        axes = part.subplots(1, panels, sharex=True, sharey=True, squeeze=False)[0]
        for axis, key in zip(axes, own, strict=False):
            _draw(axis, rows, key)
        for axis in axes[len(own) :]:
            axis.set_visible(False)
        to = words(baseline_of(rows[0].comparison))
        part.supxlabel(
            f"NME minus that of {to}, percentage points, with 95 % intervals; left of 0 is better", fontsize=9
        )
    return figure


def _draw(axis: Axes, rows: Sequence[VariantRow], key: str) -> None:
    axis.axvline(0, color="black", linewidth=0.8)
    for place, row in enumerate(rows):
        measured = row.measures.get(key)
        if measured is None or measured.difference is None or measured.difference.low != measured.difference.low:
            continue
        one, colour = measured.difference, COLOURS.get(measured.effect, UNDECIDED_COLOUR)
        axis.plot([one.low, one.high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        axis.plot([one.value], [place], "o", color=colour, markersize=5)
    axis.set_yticks(range(len(rows)), [words(cut(plain(row.variant), 40)) for row in rows], fontsize=9)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.tick_params(axis="x", labelsize=8)
    axis.locator_params(axis="x", nbins=4)
    axis.grid(axis="x", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_title("NME" if key == "nme" else words(key.partition("@")[2].replace("_", " ")), fontsize=9)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="y", length=0)
