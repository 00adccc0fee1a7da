"""Whether the numbers of attributes in a record follow from the probabilities that are kept beside it."""

from __future__ import annotations

import math

import numpy as np

from fldbench.attribute_metrics import Bin, count_answers, improper, measure_attribute
from fldbench.identities import TOLERANCE
from fldbench.records.record import Record

RELATIVE = 1e-9  # of a number; other versions of numpy may sum in another order


def attributes_differ(record: Record, arrays: dict[str, np.ndarray]) -> str:
    """Return in what the attributes of a record differ from its arrays, or nothing."""
    measured = record.attributes.measured
    unknown = {one.of for one in record.metrics.values_ if one.of is not None} - measured.keys()
    if unknown:
        return f"numbers of {', '.join(sorted(unknown))} are there; nothing was counted of it"
    for name, counts in measured.items():
        if not {f"probabilities:{name}", f"codes:{name}"} <= arrays.keys():
            return f"no probabilities and codes of {name} are kept"
        probabilities, codes = arrays[f"probabilities:{name}"], arrays[f"codes:{name}"]
        shape = (record.test.n, len(counts.classes))
        if codes.shape != shape[:1] or codes.dtype.kind != "i":
            return f"{name} has {shape[0]} faces and {shape[1]} classes; its codes are {codes.dtype} {codes.shape}"
        if probabilities.shape != shape or probabilities.dtype.kind != "f":
            return (
                f"{name} has {shape[0]} faces and {shape[1]} classes; probabilities of {probabilities.shape} are kept"
            )
        if improper(probabilities).any():
            return f"numbers are kept for {name} that are no probabilities"
        again = count_answers(codes, probabilities, counts.classes, counts.ordered)
        for what in ("known", "confusion", "missed"):
            if getattr(again, what) != getattr(counts, what):
                return f"{what} of {name} is {getattr(counts, what)}; the kept answers give {getattr(again, what)}"
        if not _same_bins(counts.reliability, again.reliability):
            return f"the reliability bins of {name} are not those that the kept answers give"
        for metric in measure_attribute(name, codes, probabilities, counts.ordered):
            if not follows(record.metrics.get(metric.key), metric.value):
                return f"{metric.key} is {record.metrics.get(metric.key)}; the kept answers give {metric.value}"
    return ""


def follows(known: float | None, found: float) -> bool:
    """Return whether a number of a record is the one found again; None stands for NaN.

    >>> follows(3.0, 3.0 + 1e-12), follows(3.0, 3.1), follows(None, math.nan)
    (True, False, True)
    """
    return math.isnan(found) if known is None else abs(known - found) <= TOLERANCE + RELATIVE * abs(known)


def _same_bins(known: tuple[Bin, ...], found: tuple[Bin, ...]) -> bool:
    return len(known) == len(found) and all(
        one.faces == other.faces
        and follows(one.confidence, math.nan if other.confidence is None else other.confidence)
        and follows(one.accuracy, math.nan if other.accuracy is None else other.accuracy)
        for one, other in zip(known, found, strict=True)
    )
