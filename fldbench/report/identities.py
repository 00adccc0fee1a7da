"""Identities of every table: records that are not sound, contradict themselves or contradict each other are named."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from fldbench.identities import TOLERANCE, Range, Result, contradictions, mean_of_parts
from fldbench.metrics import Metric
from fldbench.records.record import Record

PERCENT = ("fr", "auc")  # metrics from 0 to 100 under fldbench's own rules
SHARES = ("accuracy", "balanced_accuracy", "average_precision", "ece")  # of attributes, from 0 to 100 under all rules


def problem_of(record: Record) -> str:
    """Return why the numbers of a successful record cannot be true, or nothing.

    Numbers must be finite and within their limits, counts possible, and AUC, FR and NME true at once. Records of legacy
    rules, for which identities and limits may not hold, need only finite numbers and possible counts.
    """
    if record.status != "ok" or record.edited:
        return ""
    n, missed = record.test.n, record.test.missed
    if not 0 <= missed <= n or not n:
        return f"{missed} of {n} faces missed"
    found = {metric.key: metric for metric in record.metrics.values_}
    if "nme" not in found:
        return "it has no NME"
    for name, counts in record.attributes.measured.items():
        if not counts.known == sum(map(sum, counts.confusion)) + sum(counts.missed) <= n:
            return f"{name} is known for {counts.known} of {n} faces, and its counts do not add up to that"
    for metric in found.values():
        if metric.name in PERCENT and metric.of is None and not (metric.threshold and metric.threshold > 0):
            return f"{metric.key} has no threshold above 0"
        wrong = _out_of_limits(metric, record)
        if wrong:
            return wrong
    return "" if record.protocol.legacy else _contradiction(record)


def _out_of_limits(metric: Metric, record: Record) -> str:
    if math.isnan(metric.value) and _nothing_to_measure(metric, record):
        return ""
    if not math.isfinite(metric.value):
        return f"{metric.key} is not finite"
    limited = metric.name in SHARES or (metric.name in PERCENT and not record.protocol.legacy)
    beyond = metric.value > 100 + TOLERANCE and limited
    below = metric.value < -TOLERANCE and not (metric.name == "auc" and record.protocol.legacy)
    return f"{metric.key} {metric.value:g} is out of its limits" if beyond or below else ""


def _nothing_to_measure(metric: Metric, record: Record) -> bool:
    """Return whether a number may be absent: no face was found, or too few classes of an attribute are known."""
    if metric.of is None:
        return metric.name == "nme" and record.test.missed == record.test.n
    counts = record.attributes.measured.get(metric.of)
    return counts is not None and counts.occurring < (2 if metric.name == "average_precision" else 1)


def _contradiction(record: Record) -> str:
    values = [metric for metric in record.metrics.values_ if metric.of is None]
    nme = record.metrics["nme"]
    result = Result(
        n=record.test.n,
        missed=record.test.missed,
        nme=None if nme is None else Range.around(nme),
        rates={_percent(one): Range.around(one.value) for one in values if one.name == "fr"},
        areas={_percent(one): Range.around(one.value) for one in values if one.name == "auc"},
    )
    wrong = [one.text for one in contradictions(result)]
    return f"contradicts itself: {'; '.join(wrong)}" if wrong else ""


def _percent(metric: Metric) -> Fraction:
    return 100 * Fraction(str(metric.threshold))


def union_problems(records: Iterable[Record]) -> dict[str, str]:
    """Return key -> contradiction for results on a union that are not the weighted mean of those on its subsets.

    n, found faces x NME and n x FR of the subsets must add up to those of the union, as for 300-W full = common +
    challenging. Only complete sets of records of the same model under the same rules, without legacy rules, are
    compared. Which of them is wrong is not known, so union and subsets are all named.
    """
    found: dict[tuple[Any, ...], dict[str | None, Record]] = {}
    for record in records:
        method = record.method
        if record.protocol.legacy or not (record.protocol.union_of or record.protocol.subset):
            continue
        model = method.label, str(method.params), method.code_digest, record.train.label, record.train.fingerprint
        found.setdefault((*model, record.seed, record.protocol.family), {})[record.protocol.subset] = record
    wrong: dict[str, str] = {}
    for subsets in found.values():
        for whole in subsets.values():
            names = whole.protocol.union_of
            parts = [subsets[name] for name in names if name in subsets]
            if parts and len(parts) == len(names) and sum(part.test.n for part in parts) == whole.test.n:
                why = _broken_union(whole, parts)
                wrong |= dict.fromkeys((one.key for one in (whole, *parts)), why) if why else {}
    return wrong


def _broken_union(whole: Record, parts: list[Record]) -> str:
    for name in (metric.key for metric in whole.metrics.values_ if metric.of is None):
        weighed, n = [(_value(part, name), _weight(part, name)) for part in parts], _weight(whole, name)
        same = sum(weight for _, weight in weighed) == n
        if not same or (n and not mean_of_parts(weighed).meets(_value(whole, name))):
            numbers = ", ".join(f"{part.protocol.name} {part.metrics.get(name)}" for part in parts)
            return f"{whole.protocol.name} {name} {whole.metrics[name]} is not the weighted mean of {numbers}"
    return ""


def _value(record: Record, name: str) -> Range:
    return Range.around(record.metrics.get(name) or 0.0)


def _weight(record: Record, metric: str) -> int:
    """Return the number of faces behind a mean: the found ones for the NME, else all."""
    return record.test.n - (record.test.missed if metric == "nme" else 0)
