"""The one style of figures: colours that colour-blind readers tell apart, labels beside what they name, three formats.

Figures are made without pyplot, so that nothing global changes:

    figure = new_figure(COLUMN, 2.4)
    axis = figure.subplots()
    axis.plot(x, y, **look(0))
    tidy(axis)
    label_ends(axis, [(x[-1], y[-1], "hog-ridge", look(0)["color"])])
    write_figures(figure, folder / "ced")  # ced.png, ced.svg, ced.pdf
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fldbench.escape import cut, plain
from fldbench.files import written_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

COLUMN, PAGE = 3.5, 7.2  # inches: a column of a paper with two, and its whole text
DPI = 150
TITLE, LABEL, TICK = 9.0, 8.0, 7.0  # pt: sizes of letters
FORMATS = ("png", "svg", "pdf")
# Okabe and Ito, Color Universal Design, 2008, without the yellow, which is too pale on white; black stands last.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY, PALE, INK = "#666666", "#dddddd", "#222222"  # what is undecided, lines behind, text
GAP = 1.15  # heights of a letter between the middles of two labels
# The dates and random ids of files would make two files of one figure differ.
_RC = {"svg.hashsalt": "fldbench", "svg.fonttype": "path", "pdf.fonttype": 42}
_METADATA: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
# Where the label of a point may lie, in steps from the point: the best places first.
_AROUND = ((1, 1), (1, 0), (1, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (0, -1))


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this many inches, whose layout keeps its parts apart."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def look(i: int) -> dict[str, Any]:
    """Return the colour and the dashes of line i; 28 lines differ.

    >>> look(0), look(7)["linestyle"]
    ({'color': '#0072b2', 'linestyle': '-'}, '--')
    """
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i // len(COLOURS) % len(DASHES)]}


def tidy(axis: Axes, grid: str = "both") -> None:
    """Give an axis the letters of the style, a pale grid along `grid` (x, y or both), and no frame at top and right."""
    axis.tick_params(labelsize=TICK, length=2.5)
    for label in (axis.xaxis.label, axis.yaxis.label):
        label.set_fontsize(LABEL)
    axis.title.set_fontsize(TITLE)
    axis.grid(axis=grid, color=PALE, linewidth=0.6)  # type: ignore[arg-type]  # a literal in the stubs
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def words(text: str) -> str:
    """Return text that matplotlib takes as it is, and not as a formula."""
    return text.replace("$", r"\$")


def name_in_figure(text: object, most: int = 40) -> str:
    """Return a name as a figure shows it: one line of at most `most` letters, and no formula."""
    return words(cut(plain(text), most))


def spread(places: Sequence[float], gap: float) -> np.ndarray:
    """Return places that keep their order, lie at least `gap` apart, and moved as little as possible (least squares).

    >>> spread([0.0, 5.0, 5.0, 20.0], 2.0).tolist()
    [0.0, 4.0, 6.0, 20.0]
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(order))
    moved = np.empty(len(order))
    if len(order):
        moved[order] = isotonic_regression(np.asarray(places, float)[order] - steps).x + steps
    return moved


def label_ends(axis: Axes, ends: Iterable[tuple[float, float, str, str]]) -> list[Text]:
    """Write the name of each line right of its end, in its colour, none over another. Limits must be set before.

    `ends` are (x, y, name, colour). The names lie right of the axis; a constrained layout makes room for them.
    """
    found = list(ends)
    if not found:
        return []
    height = GAP * TICK / 72 * axis.figure.dpi
    tall = axis.bbox.height
    at = [axis.transData.transform((x, y))[1] for x, y, _, _ in found]
    shown = spread(at, min(height, tall / len(found)))
    right = axis.get_xlim()[1]
    texts: list[Text] = []
    for (_, _, name, colour), place in zip(found, shown, strict=True):
        y = axis.transData.inverted().transform((0.0, place))[1]
        texts.append(
            axis.annotate(
                name_in_figure(name),
                (right, y),
                (4, 0),
                textcoords="offset points",
                color=colour,
                fontsize=TICK,
                va="center",
                annotation_clip=False,
            )
        )
    return texts


def label_points(axis: Axes, points: Iterable[tuple[float, float, str, str]]) -> list[Text]:
    """Write a name beside each point (x, y, name, colour), where it covers no point and no other name, if it can.

    Limits must be set before. A name without room is written right of its point all the same.
    """
    found = list(points)
    figure: Any = axis.figure
    scale = figure.dpi / 72
    spots = [axis.transData.transform((x, y)) for x, y, _, _ in found]
    taken = [_box(x - 3 * scale, y - 3 * scale, 6 * scale, 6 * scale) for x, y in spots]
    frame = axis.bbox
    texts: list[Text] = []
    for (x, y, name, colour), spot in zip(found, spots, strict=True):
        shown = name_in_figure(name)
        wide, high = 0.62 * TICK * scale * len(shown), GAP * TICK * scale
        best = None
        for step, (right, up) in product((5, 9, 14, 20), _AROUND):
            dx, dy = step * right * scale, step * up * scale
            left = spot[0] + dx - {1: 0, 0: wide / 2, -1: wide}[right]
            box = _box(left, spot[1] + dy - high / 2, wide, high)
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            if inside and not any(_meet(box, other) for other in taken):
                best = (right, dx, dy, box)
                break
        right, dx, dy, box = best or (1, 5 * scale, 0.0, _box(spot[0] + 5 * scale, spot[1] - high / 2, wide, high))
        taken.append(box)
        far = np.hypot(dx, dy) > 12 * scale
        texts.append(
            axis.annotate(
                shown,
                (x, y),
                (dx / scale, dy / scale),
                textcoords="offset points",
                color=colour,
                fontsize=TICK,
                va="center",
                ha={1: "left", 0: "center", -1: "right"}[right],
                arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5} if far else None,
            )
        )
    return texts


def write_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure in the format of the path's ending, whole or not at all; the same figure gives the same bytes.

    Raises
    ------
    StoreError
        When the file cannot be written.
    """
    import matplotlib

    path = Path(path)
    kind = path.suffix.lstrip(".")
    with matplotlib.rc_context(_RC), written_whole(path, "wb") as file:  # type: ignore[arg-type]  # names as literals
        figure.savefig(file, format=kind, metadata=_METADATA[kind])
    return path


def write_figures(figure: Figure, stem: str | Path) -> list[Path]:
    """Write a figure as PNG, SVG and PDF: `stem` is the path without an ending.

    Raises
    ------
    StoreError
        When a file cannot be written.
    """
    return [write_figure(figure, Path(f"{stem}.{kind}")) for kind in FORMATS]


def _box(x: float, y: float, wide: float, high: float) -> tuple[float, float, float, float]:
    return x, y, x + wide, y + high


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
