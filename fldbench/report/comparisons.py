"""Variants of a method compared with one of them: differences with intervals over faces and trainings; costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from statistics import fmean, median, stdev
from typing import NamedTuple

import numpy as np

from fldbench.metrics import Metric
from fldbench.protocols import Protocol
from fldbench.records.variant_runs import Comparison, FaceValues, VariantRun
from fldbench.report.captions import BUSY
from fldbench.report.columns import RowRecords
from fldbench.stats import Interval, paired_difference, paired_differences

LANDMARKS = "landmarks"
HELPS, HURTS, UNDECIDED = "helps", "hurts", "undecided"
ONE_TRAINING = "one training"  # which says nothing about how trainings differ by chance


class Measured(NamedTuple):
    """One number of a variant, in percent: its mean over the seeds, their standard deviation, and the difference.

    The difference is to the baseline: see `fldbench.records.variant_runs.Comparison`.
    Effect is one of helps, hurts (negative transfer), undecided and one training; empty without a difference.
    """

    value: float | None
    sd: float | None = None
    difference: Interval | None = None
    effect: str = ""


@dataclass(frozen=True)
class VariantRow(RowRecords):
    """The records behind one row of an ablation, one for each seed.

    Attributes
    ----------
    label, variant : str
        Of the method in the suite, and of the variant.
    tasks : tuple of str
    comparison : Comparison
    measures : dict of str to Measured
        Key of a metric, such as `nme`, `fr10` and `balanced_accuracy:pose`; `nme@NAME` of a landmark and `region@NAME`
        of a part of the face.
    to_all : Interval or None
        The difference of its NME to that of the second variant that it is compared with. Of a variant with all tasks
        but one attribute that is the one with all; the difference is above zero where the attribute helps beside the
        others.
    ratios : dict of str to float
        fit_seconds, parameters and ms_per_face: their medians over the seeds, divided by those of the baseline.
    other_conditions : bool
        Whether its times were measured under other conditions than those of the baseline.
    n_compared : int or None
        The faces that the differences are over.
    """

    label: str = ""
    variant: str = ""
    tasks: tuple[str, ...] = (LANDMARKS,)
    comparison: Comparison = field(default_factory=lambda: Comparison(LANDMARKS))
    measures: dict[str, Measured] = field(default_factory=dict)
    to_all: Interval | None = None
    ratios: dict[str, float] = field(default_factory=dict)
    other_conditions: bool = False
    n_compared: int | None = None

    @property
    def is_baseline(self) -> bool:
        """Whether all others are compared with this one."""
        return self.variant == self.comparison.baseline


def compared(runs: Sequence[VariantRun]) -> list[VariantRow]:
    """Return the rows of one method, training set and protocol, in the order of the runs."""
    variants: dict[str, list[VariantRun]] = {}
    for run in runs:
        variants.setdefault(run.variant, []).append(run)
    comparison = runs[0].comparison
    base = variants.get(comparison.baseline, [])
    rows = []
    for variant, own in variants.items():
        measures = dict(_landmark_measures(own, base))
        for task in own[0].tasks:
            other = variants.get(comparison.of_attributes.get(task, comparison.baseline), [])
            measures |= _attribute_measures(task, own, other)
        both = _together(own, variants.get(comparison.second.get(variant, ""), []))
        rows.append(
            VariantRow(
                records=tuple(run.record for run in own),
                method=own[0].record.method.label,
                train=own[0].record.train.label,
                protocol=own[0].record.protocol.name,
                label=own[0].method,
                variant=variant,
                tasks=own[0].tasks,
                comparison=comparison,
                measures=measures,
                to_all=None if both is None else _nme_difference(both),
                ratios=_ratios(own, base),
                other_conditions=_differ(own, base),
                n_compared=None if (pair := _together(own, base)) is None else len(pair.faces.ids),
            )
        )
    return rows


class Pair(NamedTuple):
    """Two variants on the faces that all their runs have: the runs' values, and those of one run for what is shared."""

    first: list[FaceValues]
    second: list[FaceValues]
    faces: FaceValues
    protocol: Protocol
    draws: bool


def _together(own: Sequence[VariantRun], other: Sequence[VariantRun]) -> Pair | None:
    """Return two variants on their common faces, the other one first; None if one of them has no numbers."""
    first, second = (_good(runs) for runs in (other, own))
    if not first or not second or own is other:
        return None
    ids = reduce(np.intersect1d, [one.ids for one in (*first, *second)])
    first, second = ([_on(one, ids) for one in values] for values in (first, second))
    return Pair(first, second, first[0], own[0].record.protocol, own[0].record.seed is not None)


def _good(runs: Sequence[VariantRun]) -> list[FaceValues]:
    return [run.faces for run in runs if run.faces is not None]


def _on(values: FaceValues, ids: np.ndarray) -> FaceValues:
    """Return what was measured on some of the faces, in their order."""
    order = np.argsort(values.ids)
    rows = order[np.searchsorted(values.ids, ids, sorter=order)]
    return FaceValues(
        ids,
        values.groups[rows],
        values.charged[rows],
        values.counts[rows],
        {name: one[rows] for name, one in values.landmarks.items()},
        values.regions,
        {name: one[rows] for name, one in values.codes.items()},
        {name: one[rows] for name, one in values.right.items()},
    )


def _landmark_measures(own: Sequence[VariantRun], base: Sequence[VariantRun]) -> Iterator[tuple[str, Measured]]:
    """Yield NME, failure rates, and the NME of each landmark and of each part of the face."""
    protocol, pair, good = own[0].record.protocol, _together(own, base), _good(own)
    rates = {Metric("fr", 0.0, one).key: _failing(protocol, one) for one in protocol.thresholds}
    parts: dict[str, Of] = {}
    for one in good[:1]:
        parts = {f"nme@{name}": _of_landmarks([name]) for name in one.landmarks}
        parts |= {f"region@{name}": _of_landmarks(points) for name, points in one.regions.items() if points}
        parts = {key: of for key, of in parts.items() if np.isfinite(of(one)).any()}
    found: dict[str, Interval] = {}
    if pair is not None:
        both = rates | parts
        first, second = (np.stack(one) for one in zip(*(_values(pair, of) for of in both.values()), strict=True))
        found = dict(zip(both, paired_differences(first, second, pair.faces.groups), strict=True))
        found["nme"] = _nme_difference(pair)
    for key in ("nme", *rates):
        yield key, _measured([run.record.metrics.get(key) for run in own if run.faces], found.get(key), pair)
    for key, of in parts.items():
        yield key, _measured([float(np.nanmean(of(one))) for one in good], found.get(key), pair)


Of = Callable[[FaceValues], np.ndarray]


def _values(pair: Pair, of: Of) -> tuple[np.ndarray, np.ndarray]:
    """Return the values (trainings, n) of the other variant and of the variant itself."""
    return np.array([of(one) for one in pair.first], float), np.array([of(one) for one in pair.second], float)


def _failing(protocol: Protocol, threshold: float) -> Of:
    """Return which faces fail, in percent; NaN for a missed face that is left out of every number."""

    def of(values: FaceValues) -> np.ndarray:
        good = values.charged < threshold if protocol.strict else values.charged <= threshold
        left_out = np.isnan(values.charged) & (protocol.missed == "skipped")
        return np.where(left_out, np.nan, 100.0 * ~good)

    return of


def _of_landmarks(names: Sequence[str]) -> Of:
    """Return the mean error of some landmarks, in percent; NaN where none of them counts."""

    def of(values: FaceValues) -> np.ndarray:
        errors = np.array([values.landmarks[name] for name in names])
        counted = np.isfinite(errors).sum(axis=0)
        return np.where(counted, 100 * np.nansum(errors, axis=0) / np.maximum(counted, 1), np.nan)

    return of


def _of_attribute(task: str) -> Of:
    return lambda values: np.where(values.codes[task] < 0, np.nan, 100.0 * values.right[task])


def _nme_difference(pair: Pair) -> Interval:
    first, second = _values(pair, lambda values: 100 * values.charged)
    weights = pair.faces.counts if pair.protocol.reduction == "micro" else None
    return paired_difference(first, second, pair.faces.groups, weights=weights)


def _attribute_measures(
    task: str, own: Sequence[VariantRun], other: Sequence[VariantRun]
) -> Iterator[tuple[str, Measured]]:
    """Yield the accuracies of an attribute, beside those of another variant."""
    pair = _together(own, other)
    there = pair is not None and all(task in one.right for one in (*pair.first, *pair.second))
    for name in ("balanced_accuracy", "accuracy"):
        key = f"{name}:{task}"
        values = [run.record.metrics[key] for run in own if key in run.record.metrics]
        difference = None
        if pair is not None and there:
            first, second = _values(pair, _of_attribute(task))
            strata = pair.faces.codes[task] if name == "balanced_accuracy" else None
            difference = paired_difference(first, second, pair.faces.groups, strata)
        if values:
            yield key, _measured(values, difference, pair, higher_is_better=True)


def _measured(
    values: Sequence[float | None], difference: Interval | None, pair: Pair | None, higher_is_better: bool = False
) -> Measured:
    numbers = [value for value in values if value is not None]
    effect = ""
    if difference is not None and pair is not None and not np.isnan(difference.low):
        better = difference.sign if higher_is_better else -difference.sign
        effect = {1: HELPS, -1: HURTS}.get(better, UNDECIDED)
        effect = ONE_TRAINING if pair.draws and not difference.over_seeds else effect
    sd = stdev(numbers) if len(numbers) > 1 else None
    return Measured(fmean(numbers) if numbers else None, sd, difference, effect)


def _ratios(own: Sequence[VariantRun], base: Sequence[VariantRun]) -> dict[str, float]:
    found = {}
    for name in ("fit_seconds", "parameters", "ms_per_face"):
        mine, theirs = (_usual_cost(runs, name) for runs in (own, base))
        if mine is not None and theirs:
            found[name] = mine / theirs
    return found


def _usual_cost(runs: Sequence[VariantRun], name: str) -> float | None:
    """Return the median of a cost over the runs with numbers, since the first fit of a process takes longer.

    A continued fit has no time.
    """
    records = [run.record for run in runs if run.faces is not None]
    if name == "parameters":
        known: list[float | None] = [record.method.parameters for record in records]
    else:
        known = [getattr(r.timings, name) for r in records if name != "fit_seconds" or not r.timings.resumed]
    values = [value for value in known if value is not None]
    return median(values) if values else None


def _differ(own: Sequence[VariantRun], base: Sequence[VariantRun]) -> bool:
    """Return whether times of two variants cannot be compared: other machines, jobs or loads."""
    mine, theirs = ([run.record for run in runs if run.faces is not None] for runs in (own, base))
    if not mine or not theirs:
        return False
    if len({(r.machine.cpu, r.timings.device, r.timings.jobs) for r in (*mine, *theirs)}) > 1:
        return True
    loads = [[r.timings.fit_load for r in records if r.timings.fit_load is not None] for records in (mine, theirs)]
    cores = theirs[0].machine.cores_usable
    return bool(all(loads) and cores and abs(fmean(loads[0]) - fmean(loads[1])) > (BUSY - 1) * cores)
