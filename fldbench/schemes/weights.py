"""How a map between two schemes is written down: one row of weights for each target point."""

from __future__ import annotations

Rows = list[dict[int, float]]  # row i: {source point: weight} of target point i; weights >= 0 that sum to 1


def mean(*points: int) -> dict[int, float]:
    """Return the row of a target point that is the mean of some source points.

    >>> mean(3, 5)
    {3: 0.5, 5: 0.5}
    """
    return dict.fromkeys(points, 1 / len(points))
