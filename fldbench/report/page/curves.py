"""Cumulative error distributions as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from fldbench.escape import html
from fldbench.metrics import ced
from fldbench.report.page.measured import Measured

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 40  # px around the field
STEPS = 100
COLOURED = 5  # lines with a colour of their own; the others are grey


def ced_figure(table: Measured) -> Markup:
    """Return the share of faces whose error is at most x, one line for each method with errors; empty without any.

    A missed face counts as one that never gets there, and the faces of a partial row are its own. x goes up to the
    protocol's largest threshold.
    """
    if not table.with_errors:
        return Markup("")
    end = max(table.records[table.with_errors[0]].one.protocol.thresholds)
    at = np.linspace(0.0, end, STEPS + 1)
    lines = []
    for i, (name, errors, there) in enumerate(zip(table.methods, table.errors, table.there, strict=True)):
        kind = f"line s{i}" if i < COLOURED else "line rest"
        path = _path(ced(errors[there], at))
        lines.append(f'<path class="{kind}" data-m="{i}" d="{path}"><title>{html(name)}</title></path>')
    body = [*_axes(end), *reversed(lines)]
    about = f"Cumulative error: share of faces, over the error up to {100 * end:g} %"
    return Markup(
        f'<svg class="chart ced" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{about}">{"".join(body)}</svg>'
    )


def _path(shares: np.ndarray) -> str:
    xs = LEFT + np.linspace(0, 1, len(shares)) * (WIDTH - LEFT - RIGHT)
    ys = TOP + (1 - shares) * (HEIGHT - TOP - BOTTOM)
    return "M" + "L".join(f"{x:.0f} {y:.1f}" for x, y in zip(xs, ys, strict=True))


def _axes(end: float) -> Sequence[str]:
    parts = []
    for share in (0, 25, 50, 75, 100):
        y = TOP + (1 - share / 100) * (HEIGHT - TOP - BOTTOM)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share}</text>')
    for k in range(6):
        x = LEFT + k / 5 * (WIDTH - LEFT - RIGHT)
        place = f'x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle"'
        parts.append(f'<text class="tick" {place}>{100 * end * k / 5:g}</text>')
    parts.append(f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">error, %</text>')
    parts.append(f'<text class="tick" x="{LEFT}" y="{HEIGHT - 4}">% of faces</text>')
    return parts
