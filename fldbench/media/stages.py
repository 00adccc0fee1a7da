"""What each stage of a work costs: seconds of every call, and their percentiles."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Stages:
    """Seconds of the calls of each stage, by name, in the order in which the stages first came.

    >>> stages = Stages()
    >>> with stages("draw"):
    ...     pass
    >>> stages.rows()[0][:2]
    ('draw', 1)
    """

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds.setdefault(stage, []).append(time.perf_counter() - began)

    def rows(self) -> list[tuple[str, int, float, float, float, float]]:
        """Return for each stage: name, calls, 50th, 95th and 99th percentile in ms, and its share of all time."""
        whole = sum(map(sum, self.seconds.values())) or 1.0
        return [
            (name, len(spent), *(1000 * np.percentile(spent, (50, 95, 99))).tolist(), sum(spent) / whole)
            for name, spent in self.seconds.items()
        ]

    def __str__(self) -> str:
        """Return the table as text; no time, no line."""
        lines = [f"{'stage':<10}{'calls':>8}{'median':>10}{'p95':>10}{'p99':>10}{'share':>8}   (ms)"]
        for name, calls, middle, high, higher, share in self.rows():
            lines.append(f"{name:<10}{calls:>8}{middle:>10.2f}{high:>10.2f}{higher:>10.2f}{100 * share:>7.1f}%")
        return "\n".join(lines)
