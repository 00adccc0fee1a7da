"""Curves -> printed tables: an overview of all kinds of harm, every strength of each, and the boxes."""

from __future__ import annotations

from collections.abc import Sequence

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.protocols.harms import kinds, meaning
from fldbench.report.captions import title
from fldbench.report.columns import Column
from fldbench.report.curves import BOXES, Curve, Reversal, Section
from fldbench.report.tables import Cell, Table
from fldbench.stats import LEVEL, Interval

PERCENT = f"{100 * LEVEL:g} %"
MEAN = (
    "The mean is the area under the curve by its width, so it counts the NME without harm and the rise; the lowest is "
    "bold. Beside it stands by how many percentage points it is above the NME without harm. A method that looks little "
    "at the image has a small rise and a high NME"
)

PLACES = (
    f"pairs of methods that change places are named where both differences have intervals of {PERCENT} without 0, not "
    "corrected for the number of pairs"
)


def tables_of(sections: Sequence[Section], rules: str, reversals: Sequence[Reversal]) -> list[Table]:
    """Return the tables of one training set and base; `rules` is the caption of its table without harm."""
    harms, boxes = ([one for one in sections if (one.kind == BOXES) == of_boxes] for of_boxes in (False, True))
    found = [_overview(harms, rules)] if len(harms) > 1 else []
    if harms:
        found.append(_strengths(harms, "" if found else rules, [one for one in reversals if one.kind != BOXES]))
    return [*found, *(_boxes(one, "" if harms else rules, reversals) for one in boxes)]


def in_words(one: Reversal) -> str:
    """Return a change of places in a sentence."""
    lower, higher = (one.first, one.second) if one.before.value < 0 else (one.second, one.first)
    at = f"{one.strength:g} % jitter" if one.kind == BOXES else f"{one.kind} {one.strength:g}"
    sign = -1 if one.before.value > 0 else 1
    return (
        f"{plain(lower)} is better than {plain(higher)} without harm ({_interval(one.before, sign)}) and worse at "
        f"{at} ({_interval(one.after, sign)})."
    )


def _place(section: Section, more: str) -> tuple[str, str]:
    return section.train, f"{section.base} {more}"


def _headed(name: str, heading: str) -> Column:
    """Return a column that is printed here alone, where the text of each cell is put together."""
    return Column(name, lambda row: None, heading)


def _overview(sections: Sequence[Section], rules: str) -> Table:
    first = sections[0]
    methods = dict.fromkeys(curve.method for section in sections for curve in section.curves)
    means = {(c.method, section.kind): _whole_mean(c, section) for section in sections for c in section.curves}
    plain_nme = {c.method: c.steps[0].nme for section in sections for c in section.curves}
    doses = first.doses
    shown = {one.kind: {method: means.get((method, one.kind)) for method in methods} for one in sections}
    if not doses:  # of doses, each kind has its own faces without
        shown = {"none": plain_nme} | shown
    columns = tuple(_headed(kind, kind) for kind in shown)
    lines = [[Cell(_name(method))] for method in methods]
    for values in shown.values():
        best = _least([values[method] for method in methods])
        for line, method in zip(lines, methods, strict=True):
            line.append(Cell(_number(values[method]), _is(values[method], best)))
    what = "doses of each cause" if doses else "strengths 0 to 5 of each kind of harm"
    about = f"Mean NME in % over the {what}: the area under the curve by its width."
    name = f"{title((first.train, first.base))}: mean NME {'by dose' if doses else 'under harm'}"
    return Table(_place(first, "robustness"), name, f"{rules} {about}".strip(), columns, (("", lines),), ())


def _strengths(sections: Sequence[Section], rules: str, reversals: Sequence[Reversal]) -> Table:
    first, strengths = sections[0], sorted({one for section in sections for one in section.strengths})
    columns = [_headed(f"nme@{one:g}", f"{one:g}" if one or first.doses else "none") for one in strengths]
    columns += [_headed("mean", "mean"), _headed("worst", "greatest rise"), _headed("ranks", "rank")]
    parts = []
    for section in sections:
        means = _means(section)
        lines = [
            [Cell(_name(curve.method)), *_values(curve, strengths), mean, Cell(_worst(curve)), Cell(_ranks(curve))]
            for curve, mean in zip(section.curves, means, strict=True)
        ]
        parts.append((section.kind, lines))
    own = {section.kind for section in sections}
    told = "; ".join(f"{kind} {meaning(kind)}" for kind in kinds() if kind in own)
    if first.doses:
        told = f"see `fldbench show {first.curves[0].steps[0].row.one.protocol.dataset}`"
    about = (
        f"NME in % at each strength of harm. {MEAN}. The greatest rise has the strength where it is, and in brackets "
        f"its interval of {PERCENT} over faces, if it is at the greatest strength. Ranks are those without harm and at "
        f"the greatest strength; {PLACES}. What the strengths are: {told}."
    )
    if first.doses:
        for of_harm, of_doses in (("strength of harm", "dose"), ("strength", "dose"), ("without harm", "at dose 0")):
            about = about.replace(of_harm, of_doses)
    name = f"{title((first.train, first.base))}: NME {'by dose' if first.doses else 'under harm'}"
    notes = tuple(map(in_words, reversals))
    caption = f"{rules} {about}".strip()
    place = _place(first, "strengths")
    return Table(place, name, caption, tuple(columns), tuple(parts), notes, spare=("worst", "ranks"))


def _boxes(section: Section, rules: str, reversals: Sequence[Reversal]) -> Table:
    columns = [_headed(f"nme@{one:g}", "tight" if not one else f"{one:g} %") for one in section.strengths]
    columns += [_headed(name, name) for name in section.others]
    columns += [_headed("mean", "mean"), _headed("worst", "greatest rise"), _headed("ranks", "rank")]
    lines = []
    for curve, mean in zip(section.curves, _means(section), strict=True):
        others = {str(step.strength): step.nme for step in curve.others}
        cells = [*_values(curve, section.strengths), *(Cell(_number(others.get(name))) for name in section.others)]
        lines.append([Cell(_name(curve.method)), *cells, mean, Cell(_worst(curve)), Cell(_ranks(curve))])
    about = (
        "NME in % on the true points' tight boxes, and on the same boxes shifted and scaled at random by so many "
        f"percent of their size. {MEAN}."
    )
    name = f"{title((section.train, section.base))}: NME by the box"
    notes = tuple(in_words(one) for one in reversals if one.kind == BOXES)
    caption = f"{rules} {about}".strip()
    place = _place(section, "boxes")
    return Table(place, name, caption, tuple(columns), (("", lines),), notes, spare=("worst", "ranks"))


def _whole_mean(curve: Curve, section: Section) -> float | None:
    """Return the mean of a curve that has all strengths of its section: others are not comparable."""
    return curve.mean if curve.strengths == section.strengths else None


def _means(section: Section) -> list[Cell]:
    means = [_whole_mean(curve, section) for curve in section.curves]
    best = _least(means)
    rises = [None if mean is None else curve.mean_rise for curve, mean in zip(section.curves, means, strict=True)]
    texts = ["-" if rise is None else f"{mean:.2f} ({rise:+.2f})" for mean, rise in zip(means, rises, strict=True)]
    return [Cell(text, _is(mean, best)) for text, mean in zip(texts, means, strict=True)]


def _values(curve: Curve, strengths: Sequence[float]) -> list[Cell]:
    known = dict(zip(curve.strengths, curve.steps, strict=True))
    texts = []
    for one in strengths:
        step = known.get(one)
        fewer = step is not None and step.row.n_nme < step.row.one.test.n
        texts.append(("† " if fewer else "") + _number(None if step is None else step.nme))
    return list(map(Cell, texts))


def _worst(curve: Curve) -> str:
    if curve.worst is None:
        return "-"
    value, strength = curve.worst
    if curve.rise is None or strength != curve.strengths[-1]:
        return f"{value:+.2f} at {strength:g}"
    return f"{_interval(curve.rise)} at {strength:g}"


def _ranks(curve: Curve) -> str:
    before, after = ("-" if rank is None else str(rank) for rank in curve.ranks)
    return before if before == after else f"{before} → {after}"


def _interval(one: Interval, sign: int = 1) -> str:
    low, high = sorted((sign * one.low, sign * one.high))
    return f"{sign * one.value:+.2f} [{low:.2f}, {high:.2f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _least(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return min(known) if len(known) > 1 else None


def _is(value: float | None, best: float | None) -> bool:
    return value is not None and value == best


def _name(method: str) -> str:
    return cut(plain(method), LONGEST_NAME)
