"""Two normalisers: in the numbers of one model, by their ratio; and in one column, by what is published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

from fldbench.audit.entries import Entry
from fldbench.audit.findings import EYES, NME, Finding, Numbers, Place, graded, lines_of
from fldbench.audit.grades import RATIO, Grade
from fldbench.audit.headings import base_of
from fldbench.identities import Range, number
from fldbench.protocols import Protocol, get_protocol
from fldbench.protocols.published import published

SQRT2 = Fraction(141, 100)  # of each face, the diagonal of a box is at least sqrt(2) sqrt(w h)


def ratios(rows: dict[Place, Numbers]) -> Iterator[Finding]:
    """Yield pairs of NME of one model by two normalisers whose ratio no faces have."""
    for place, numbers in rows.items():
        nme = numbers.get(NME)
        if nme is None:
            continue
        for first, second, least, most in (("inter-ocular", "inter-pupil", *RATIO), ("diagonal", "box", SQRT2, None)):
            other = rows.get(place._replace(normaliser=second), {}).get(NME)
            if place.normaliser != first or other is None:
                continue
            low, high = _ratio(other, nme)
            if low is None or (high >= least and (most is None or low <= most)):
                continue
            limits = f"at least {number(least)}" if most is None else f"{number(least)} to {number(most)}"
            said = f"NME {other.text} by {second} is {float(_quotient(other, nme)):.2f} times {nme.text} by {first}"
            remedies = ["both are by the same normaliser"] if low <= 1 <= high else []
            if not remedies and (most is None or Fraction(1, 2) < 1 / low) and low < 1:
                remedies = ["the two normalisers are exchanged"]
            yield graded(
                place._replace(normaliser=""), (nme, other), f"{said}; of the same answers it is {limits}", remedies
            )


def _quotient(other: Entry, nme: Entry) -> Fraction:
    """Return the quotient of two printed numbers."""
    return Fraction(other.text) / Fraction(nme.text) if Fraction(nme.text) else Fraction(0)


def _ratio(other: Entry, nme: Entry) -> tuple[Fraction, Fraction] | tuple[None, Fraction]:
    one, two = Range.written(other.text), Range.written(nme.text)
    return (one.low / two.high, one.high / two.low) if two.low > 0 else (None, Fraction(0))


def mixed_columns(rows: dict[Place, Numbers]) -> Iterator[Finding]:
    """Yield columns of NME in which some methods have their published number by one eye distance, others by the other.

    A column that says its normaliser is compared with that. A method that is not known, or has another number, does not
    count.
    """
    columns: dict[tuple[str, ...], list[tuple[Place, Entry, set[str]]]] = {}
    for place, numbers in rows.items():
        nme = numbers.get(NME)
        if nme is not None and (found := _published_as(nme, place)):
            key = place.table, place.dataset, place.subset, *place.model[1:-1], place.normaliser
            columns.setdefault(key, []).append((place, nme, found))
    for (*_, said), members in columns.items():
        first, second = EYES
        sides = {name: [one for one in members if one[2] == {name}] for name in EYES}
        if said in EYES:
            sides = {said: [], **{name: [] if name == said else sides[name] for name in EYES}}
            shown = [one for name in EYES for one in sides[name]]
        else:
            shown = [*sides[first], *sides[second]] if sides[first] and sides[second] else []
        if shown:
            texts = [f"{one.method} {one.text} is published by {found.copy().pop()}" for _, one, found in shown]
            column = f"NME under {said}" if said else "NME in one column"
            words = f"{column}: {', '.join(texts)}; by inter-pupil the same answers have 1.39 to 1.44 times the NME"
            where = " ".join(filter(None, shown[0][0][2:4]))
            then = "It can be right only if these are other numbers than the published ones"
            yield Finding(Grade.only_with, lines_of(one for _, one, _ in shown), f"{where}: {words}. {then}.")


def _published_as(entry: Entry, place: Place) -> set[str]:
    """Return the eye normalisers under which this number of this method is published on these faces."""
    base = base_of(place.dataset, place.subset)
    if not base:
        return set()
    faces, value = get_protocol(base), Range.written(entry.text)
    return {
        rules.normaliser
        for rules, printed in _published_by_method().get(_key(entry.method), ())
        if all(getattr(rules, name) == getattr(faces, name) for name in ("dataset", "split", "subset"))
        and Range.written(printed).meets(value)
    }


@cache
def _published_by_method() -> dict[str, list[tuple[Protocol, str]]]:
    """Return what is published as NME by an eye normaliser: the method's key -> protocols and numbers."""
    found: dict[str, list[tuple[Protocol, str]]] = {}
    for one in published():
        if one.metric == "nme" and one.protocol is not None:
            rules = get_protocol(one.protocol)
            if rules.normaliser in EYES:
                found.setdefault(_key(one.method), []).append((rules, one.value))
    return found


def _key(method: str) -> str:
    """Return the name of a method without citations, remarks and signs.

    >>> _key("HRNetV2-W18 (repo)"), _key("LAB [12]")
    ('hrnetv2w18', 'lab')
    """
    return re.sub(r"[^a-z0-9]", "", re.split(r"[(\[]", method.lower())[0])
