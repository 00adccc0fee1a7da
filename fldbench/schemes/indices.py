"""Numbers of points as runs without a gap."""

from __future__ import annotations

from collections.abc import Iterable


def runs(points: Iterable[int]) -> list[list[int]]:
    """Return numbers in their order, cut where the next is not one more.

    >>> runs([36, 37, 38, 45])
    [[36, 37, 38], [45]]
    """
    found: list[list[int]] = []
    for point in points:
        if found and point == found[-1][-1] + 1:
            found[-1].append(point)
        else:
            found.append([point])
    return found
