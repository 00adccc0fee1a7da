"""Records -> curves: the NME of a method as its images or boxes get worse, and how the ranks change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from fldbench.errors import ProtocolError
from fldbench.protocols import Protocol
from fldbench.protocols.harms import kinds
from fldbench.report.columns import RowRecords, value_of
from fldbench.report.ranking import ordered
from fldbench.stats import Interval

BOXES = "boxes"  # the kind of a curve whose strengths are those of jittered boxes, in percent


Difference = Callable[[np.ndarray, np.ndarray], Interval]


class Step(NamedTuple):
    """One point of a curve: the strength, or the jitter in percent, or the name of other boxes; and its row."""

    strength: float | str
    row: RowRecords

    @property
    def nme(self) -> float | None:
        """In percent."""
        return value_of(self.row, "nme")


@dataclass(frozen=True)
class Curve:
    """One method under one kind of harm.

    Attributes
    ----------
    method, train : str
    base : str
        The protocol without this harm.
    kind : str
        Of harm, BOXES, or the cause that a dataset varies by its options `cause` and `dose`, as `synthetic` does.
    steps : tuple of Step
        By rising strength or dose; the first is that without harm, 0.
    others : tuple of Step
        On other boxes than the true ones, such as those of a detector; only of BOXES.
    rise : Interval or None
        Of the NME from no harm to the greatest, in percentage points, with an interval; None where errors are not kept.
    """

    method: str
    train: str
    base: str
    kind: str
    steps: tuple[Step, ...]
    others: tuple[Step, ...] = ()
    rise: Interval | None = None

    @property
    def strengths(self) -> tuple[float, ...]:
        """Those of the steps."""
        return tuple(float(step.strength) for step in self.steps)

    @property
    def mean(self) -> float | None:
        """The area under the curve by its width: the mean NME in percent, by the trapezoidal rule.

        None where a step has no number.
        """
        values = [step.nme for step in self.steps]
        if len(values) < 2 or any(value is None for value in values):
            return None
        return float(np.trapezoid(np.array(values, float), self.strengths) / self.strengths[-1])

    @property
    def mean_rise(self) -> float | None:
        """By how much that is above the NME without harm, in percentage points."""
        mean, first = self.mean, self.steps[0].nme
        return None if mean is None or first is None else mean - first

    @property
    def worst(self) -> tuple[float, float] | None:
        """The greatest rise of the NME, in percentage points, and the strength where it is; None without numbers."""
        first = self.steps[0].nme
        rises = [
            (step.nme - first, float(step.strength))
            for step in self.steps[1:]
            if step.nme is not None and first is not None
        ]
        return max(rises) if rises else None

    @property
    def ranks(self) -> tuple[int | None, int | None]:
        """The rank without harm, and with the greatest harm."""
        return self.steps[0].row.rank, self.steps[-1].row.rank


class Section(NamedTuple):
    """The curves of one training set and one kind, in the order of the ranks without harm."""

    train: str
    base: str
    kind: str
    curves: tuple[Curve, ...]
    doses: bool = False  # whether the dataset varies the kind, which is then a cause and no harm

    @property
    def strengths(self) -> tuple[float, ...]:
        """All strengths that some curve has."""
        return tuple(sorted({one for curve in self.curves for one in curve.strengths}))

    @property
    def others(self) -> tuple[str, ...]:
        """All other boxes that some curve has."""
        return tuple(dict.fromkeys(str(step.strength) for curve in self.curves for step in curve.others))


def with_ranks(rows: Iterable[RowRecords]) -> list[RowRecords]:
    """Return the rows with their standing and rank in the table of their training set and protocol."""
    tables: dict[tuple[str, str], list[RowRecords]] = {}
    for row in rows:
        tables.setdefault((row.train, row.protocol), []).append(row)
    return [row for table in tables.values() for row in ordered(table)]


def sections_of(rows: Sequence[RowRecords]) -> tuple[list[Section], list[str]]:
    """Return the curves that the rows hold, and what no curve could be made of, one line each.

    A curve needs the protocol without its harm. All its points are on the same faces.
    """
    sound = [row for row in rows if row.good]
    plain = {(row.train, row.one.protocol.hash, row.method): row for row in sound}
    found: dict[tuple[str, str, str, bool], dict[str, list[Step]]] = {}
    bases: dict[tuple[str, str, str, bool], str] = {}
    left_out: dict[str, None] = {}
    for row in sound:
        for kind, strength, base, doses in _places(row.one.protocol):
            first = plain.get((row.train, base.hash, row.method))
            if first is None:
                left_out[f"{row.method} under {row.protocol}: no curve, because there is no result without {kind}"] = (
                    None
                )
            elif first.one.test.ids_sha256 != row.one.test.ids_sha256:
                left_out[f"{row.method} under {row.protocol}: not on the faces of {first.protocol}"] = None
            else:
                place = row.train, base.hash, kind, doses
                bases[place] = f"{base.dataset}-{base.split}, one cause varied" if doses else first.protocol
                found.setdefault(place, {}).setdefault(row.method, [Step(0.0, first)]).append(Step(strength, row))
    sections = []
    for place, methods in found.items():
        train, _, kind, doses = place
        curves = [_curve(method, train, bases[place], kind, steps) for method, steps in methods.items()]
        curves.sort(key=lambda curve: (curve.ranks[0] is None, curve.ranks[0] or 0, curve.method))
        sections.append(Section(train, bases[place], kind, tuple(curves), doses))
    order = [*kinds(), BOXES]
    sections.sort(key=lambda one: (one.train, one.base, 0 if one.doses else order.index(one.kind), one.kind))
    return sections, list(left_out)


def _curve(method: str, train: str, base: str, kind: str, steps: Sequence[Step]) -> Curve:
    known = sorted(
        (step for step in steps if not isinstance(step.strength, str)), key=lambda step: float(step.strength)
    )
    others = tuple(step for step in steps if isinstance(step.strength, str))
    return Curve(method, train, base, kind, tuple(known), others)


def _places(protocol: Protocol) -> list[tuple[str, float | str, Protocol, bool]]:
    """Return the curves that a protocol is a point of: kind, strength, the protocol without that, whether by doses."""
    found: list[tuple[str, float | str, Protocol, bool]] = []
    for kind, much in protocol.harms:
        rest = tuple(one for one in protocol.harms if one[0] != kind)
        found.append((kind, float(much), replace(protocol, harms=rest), False))
    options = dict(protocol.options)
    if options.get("dose"):
        base = replace(protocol, options=tuple((options | {"dose": 0}).items()))
        found.append((str(options.get("cause")), float(options["dose"]), base, True))
    if protocol.box_source != "tight":
        source, _, spread = protocol.box_source.partition(":")
        strength: float | str = round(100 * float(spread), 6) if source == "jittered" else protocol.box_source
        with suppress(ProtocolError):  # of one that divides by the dataset's own box
            found.append((BOXES, strength, replace(protocol, box_source="tight"), False))
    return found


class Reversal(NamedTuple):
    """Two methods that change places: the differences of their NME, first minus second, before and after."""

    kind: str
    first: str
    second: str
    before: Interval
    after: Interval
    strength: float


def with_intervals(
    section: Section, errors: Mapping[str, np.ndarray | None], difference: Difference
) -> tuple[Section, list[Reversal]]:
    """Return a section with the intervals of the rises, and the pairs that change places with certainty.

    Parameters
    ----------
    section : Section
    errors : mapping of str to ndarray or None
        Run key -> what each face counts, as fractions in the order of the ids.
    difference : Difference
        (errors, errors) -> Interval of the second minus the first, in percentage points; arrays (trainings, n).
    """

    def of(step: Step) -> np.ndarray | None:
        arrays = [errors.get(record.key) for record in step.row.good]
        known = [array for array in arrays if array is not None]
        return np.array(known) if len(known) == len(arrays) and len({a.shape for a in known}) == 1 else None

    curves: list[Curve] = []
    ends: list[tuple[Curve, np.ndarray, np.ndarray]] = []
    for curve in section.curves:
        before, after = of(curve.steps[0]), of(curve.steps[-1])
        if before is None or after is None or before.shape[1] != after.shape[1] or len(curve.steps) < 2:
            curves.append(curve)
            continue
        curves.append(replace(curve, rise=difference(before, after)))
        if curve.strengths[-1] == section.strengths[-1]:
            ends.append((curve, before, after))
    found = []
    for (one, *own), (other, *theirs) in combinations(ends, 2):
        first, last = ((one.steps[k].nme or 0.0) - (other.steps[k].nme or 0.0) for k in (0, -1))
        if first * last < 0 and own[0].shape[1] == theirs[0].shape[1]:
            sides = [difference(b, a) for a, b in zip(own, theirs, strict=True)]
            if sides[0].sign * sides[1].sign < 0:
                found.append(Reversal(section.kind, one.method, other.method, sides[0], sides[1], one.strengths[-1]))
    return section._replace(curves=tuple(curves)), found
