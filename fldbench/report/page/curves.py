"""Curves of a page: cumulative error distributions, NME under harm, and error beside cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from fldbench.escape import cut, html
from fldbench.metrics import ced
from fldbench.report.page.chart import Axis, Field, colour
from fldbench.report.page.measured import Measured

STEPS = 100
ROW = 24  # px, of a line of text with some room
NAME = 120  # px, of a method's name


class Forest(Field):
    """A field with room for names at its left."""

    left = 240

    def upright(self) -> list[str]:
        """Return the grid lines of the horizontal axis alone, with its numbers and name."""
        return self.axes(levels=False)


def ced_figure(table: Measured) -> Markup:
    """Return the share of faces whose error is at most x, one line for each method with errors; empty without any.

    A missed face counts as one that never gets there, and the faces of a partial row are its own. x goes up to the
    protocol's largest threshold.
    """
    if not table.with_errors:
        return Markup("")
    end = 100 * max(table.records[table.with_errors[0]].one.protocol.thresholds)
    at = np.linspace(0.0, end, STEPS + 1)
    field = Field(Axis(0.0, end, "error, %"), Axis(0.0, 100.0, "% of faces"))
    lines = []
    for i, (name, errors, there) in enumerate(zip(table.methods, table.errors, table.there, strict=True)):
        shares = 100 * ced(errors[there], at / 100)
        lines.append(field.line(list(zip(at, shares, strict=True)), i, name))
    about = f"Cumulative error: share of faces, over the error up to {end:g} %"
    return field.svg([*field.axes(), *reversed(lines)], about, "ced")


def curves_figure(curves: Sequence[tuple[str, int, Sequence[tuple[float, float]]]], across: str, about: str) -> Markup:
    """Return the NME of methods, on a logarithmic axis, over something that gets worse; empty without any number.

    Parameters
    ----------
    curves : sequence of (str, int, sequence of (float, float))
        Name of a method, the number of its colour, and its points: strength and NME in percent, above 0.
    across : str
        What the strengths are.
    about : str
        What a screen reader says.
    """
    points = [point for _, _, own in curves for point in own]
    if not points:
        return Markup("")
    xs, ys = zip(*points, strict=True)
    y = Axis(min(ys) / 1.1, max(ys) * 1.1, "NME, %", logarithmic=True)
    field = Field(Axis(min(xs), max(xs), across), y, 420, 260)
    lines = [field.line(own, number, name) for name, number, own in curves if own]
    return field.svg([*field.axes(), *reversed(lines)], about, "lines")


def cost_figure(points: Sequence[tuple[str, float, float, bool]], across: str) -> Markup:
    """Return methods by cost, on a logarithmic axis, and NME; those that no other beats are named and joined.

    Parameters
    ----------
    points : sequence of (str, float, float, bool)
        Name, cost, NME in percent, and whether it is on the front.
    across : str
        What the cost is.
    """
    points = [one for one in points if one[1] > 0]
    if len(points) < 2:
        return Markup("")
    cost, error = [one[1] for one in points], [one[2] for one in points]
    x = Axis(min(cost) / 1.5, max(cost) * 1.5, across, logarithmic=True)
    field = Field(x, Axis(0.0, max(error) * 1.05, "NME, %"))
    front = sorted((one for one in points if one[3]), key=lambda one: one[1])
    joined = [field.at(price, loss) for _, price, loss, _ in front]
    parts = field.axes()
    if len(joined) > 1:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in joined)
        parts.append(f'<path class="line front" d="M{path}"/>')
    named: list[tuple[float, float]] = []
    for name, price, loss, best in sorted(points, key=lambda one: (one[3], one[1])):
        left, top = field.at(price, loss)
        title = f"<title>{html(f'{name}: {price:.3g}, {loss:.2f} %')}</title>"
        kind = "best" if best else "other"
        parts.append(f'<circle class="{kind}" cx="{left:.1f}" cy="{top:.1f}" r="5">{title}</circle>')
        if best:
            side, away = ("end", -9) if left > 0.7 * field.width else ("start", 9)
            near = any(abs(left - x) < NAME and abs(top - y) < ROW for x, y in named)
            place = f'x="{left + away:.1f}" y="{top + (19 if near else -7):.1f}" text-anchor="{side}"'
            parts.append(f'<text class="named" {place}>{html(cut(name, 28))}</text>')
            named += [] if near else [(left, top)]
    return field.svg(parts, f"Methods by {across} and NME; the numbers are in the table", "cost")


def forest_figure(lines: Sequence[tuple[str, float, float | None, float | None]]) -> Markup:
    """Return values with their intervals, one below the other; empty without any.

    lines are (name, value, low, high), in percent; an interval that is not known is not drawn.
    """
    if not lines:
        return Markup("")
    ends = [end for _, value, low, high in lines for end in (value, low, high) if end is not None]
    field = Forest(Axis(0.0, 1.05 * max(ends), "NME, %"), Axis(0.0, 1.0), 640, 60 + ROW * len(lines))
    parts = field.upright()
    for i, (name, value, low, high) in enumerate(lines):
        y = field.top + (i + 0.5) * ROW
        place = f'x="{field.left - 10}" y="{y + 4}" text-anchor="end"'
        parts.append(f'<text class="named" {place}>{html(cut(name, 34))}</text>')
        if low is not None and high is not None:
            ends_at = " ".join(f'x{k}="{field.at(end, 0)[0]:.1f}"' for k, end in ((1, low), (2, high)))
            parts.append(f'<line class="whisker" {ends_at} y1="{y}" y2="{y}"/>')
        text = f"<title>{html(f'{name}: {value:.2f} %')}</title>"
        parts.append(f'<circle class="best" cx="{field.at(value, 0)[0]:.1f}" cy="{y}" r="4">{text}</circle>')
    return field.svg(parts, f"NME of {len(lines)} slices with intervals; the numbers are in the table", "forest")


def legend(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the class and the name of each coloured series.

    >>> legend(["a", "b"])
    [('s0', 'a'), ('s1', 'b')]
    """
    return [(colour(i), name) for i, name in enumerate(names) if colour(i) != "rest"]
