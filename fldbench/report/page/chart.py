"""Small charts as inline SVG: lines and labelled points in a field with round numbers on its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fldbench.escape import html

COLOURED = 5  # series with a colour of their own; the others are grey
ROUND = (1, 2, 5)


@dataclass(frozen=True)
class Axis:
    """One axis: from, to, and whether it is logarithmic; its name stands at its end."""

    low: float
    high: float
    name: str = ""
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Return where a value stands, 0 at the beginning and 1 at the end.

        >>> Axis(1, 100, logarithmic=True).share(10.0), Axis(0, 4).share(1.0)
        (0.5, 0.25)
        """
        low, high = (self._scaled(end) for end in (self.low, self.high))
        return (self._scaled(value) - low) / (high - low) if high > low else 0.5

    def ticks(self, most: int = 6) -> list[float]:
        """Return round numbers on the axis, at most about `most`.

        >>> Axis(0, 10).ticks(), Axis(0.5, 60, logarithmic=True).ticks()
        ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0])
        """
        if self.logarithmic:
            first, last = (math.floor(math.log10(end)) for end in (self.low, self.high))
            fine = [digit * 10.0**power for power in range(first, last + 1) for digit in ROUND]
            inside = [value for value in fine if self.low <= value <= self.high]
            return inside if len(inside) <= most + 2 else [v for v in inside if math.log10(v) % 1 == 0]
        width = (self.high - self.low) / most
        unit = 10.0 ** math.floor(math.log10(width)) if width > 0 else 1.0
        step = next(digit * unit for digit in (*ROUND, 10) if digit * unit >= width * (1 - 1e-9))
        count = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return [round(i * step, 10) for i in count]

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value


@dataclass(frozen=True)
class Field:
    """A field of a chart in px, with room for its numbers at the left and below."""

    x: Axis
    y: Axis
    width: int = 640
    height: int = 320

    left, right, top, bottom = 44, 14, 12, 40

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point stands, px."""
        across = self.left + self.x.share(x) * (self.width - self.left - self.right)
        return across, self.top + (1 - self.y.share(y)) * (self.height - self.top - self.bottom)

    def axes(self, levels: bool = True) -> list[str]:
        """Return grid lines, their numbers and the names of the axes; without levels, of the horizontal axis alone."""
        parts = []
        for value in self.y.ticks() if levels else ():
            y = self.at(self.x.low, value)[1]
            parts.append(
                f'<line class="grid" x1="{self.left}" x2="{self.width - self.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            parts.append(f'<text x="{self.left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        for value in self.x.ticks():
            x = self.at(value, self.y.low)[0]
            place = f'x="{x:.1f}" y="{self.height - self.bottom + 18}" text-anchor="middle"'
            parts.append(f"<text {place}>{value:g}</text>")
        low = self.height - 4
        parts.append(f'<text x="{self.width - self.right}" y="{low}" text-anchor="end">{html(self.x.name)}</text>')
        parts.append(f'<text x="{self.left}" y="{low}">{html(self.y.name)}</text>')
        return parts

    def svg(self, parts: Sequence[str], about: str, kind: str = "") -> Markup:
        """Return the chart; `about` is what a screen reader says of it."""
        size = f'viewBox="0 0 {self.width} {self.height}"'
        return Markup(f'<svg class="chart {kind}" {size} role="img" aria-label="{html(about)}">{"".join(parts)}</svg>')

    def line(self, points: Sequence[tuple[float, float]], number: int, name: str) -> str:
        """Return a line with its name, in the colour of its number."""
        path = "L".join("{:.1f} {:.1f}".format(*self.at(x, y)) for x, y in points)
        return f'<path class="line {colour(number)}" data-m="{number}" d="M{path}"><title>{html(name)}</title></path>'


def colour(number: int) -> str:
    """Return the class of the colour of a series."""
    return f"s{number}" if number < COLOURED else "rest"
