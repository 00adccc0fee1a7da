"""Rows of an ablation -> printed tables: which variant helps, each landmark, each attribute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.report.ablation_words import answer, baseline_of, interval_text, short
from fldbench.report.captions import title
from fldbench.report.columns import Column, headed
from fldbench.report.comparisons import HELPS, HURTS, Measured, VariantRow
from fldbench.report.tables import Cell, Table, names_of, notes_of
from fldbench.stats import LEVEL

TOLD = ("remark", "status", "reason", "overlap")  # below a table
MOST_LANDMARKS, MOST_IN_LATEX = 10, 4  # of more, a table shows the parts of the face
PERCENT = f"{100 * LEVEL:g} %"
DECIDED = "*"  # behind a difference whose interval does not contain 0
NO_CORRECTION = "Where nothing has an effect, one in 20 such intervals leaves out 0."


def tables_of(
    rows: Sequence[VariantRow], caption: str, failures: Column, most_landmarks: int = MOST_LANDMARKS
) -> list[Table]:
    """Return the tables of one method, training set and protocol.

    Parameters
    ----------
    rows : sequence of VariantRow
    caption : str
        With the rules, for the first table.
    failures : Column
        The failure rate to show.
    most_landmarks : int
        Of more landmarks than these, the parts of the face are shown.
    """
    label, place = cut(plain(rows[0].label), LONGEST_NAME), (rows[0].train, rows[0].protocol)
    about, place = f"{label} on {title(place)}", (place[0], f"{place[1]} {label}")
    comparison = rows[0].comparison
    to, decided = baseline_of(comparison), f"{DECIDED} where its interval of {PERCENT} does not contain 0"
    found = [_first(rows, place, about, caption, failures)]
    attributes = [key for key in _keys(rows) if key.startswith("balanced_accuracy:")]
    landmarks = [key for key in _keys(rows) if key.startswith("nme@")]
    if len(landmarks) > most_landmarks:
        landmarks = [key for key in _keys(rows) if key.startswith("region@")]
    if landmarks:
        what = f"NME in %, and in brackets the difference to {to}; {decided}. {NO_CORRECTION}"
        found.append(_of_keys(rows, (place[0], f"{place[1]} landmarks"), f"{about}: each landmark", what, landmarks))
    if attributes:
        others = to if comparison.parameter else "landmarks with this attribute alone"
        harm = "" if comparison.parameter else ": below 0 the other tasks harm the attribute"
        what = f"Balanced accuracy in %, and in brackets the difference to {others}; {decided}{harm}."
        found.append(_of_keys(rows, (place[0], f"{place[1]} attributes"), f"{about}: attributes", what, attributes))
    return found


def _first(rows: Sequence[VariantRow], place: tuple[str, str], about: str, caption: str, failures: Column) -> Table:
    columns = (
        headed("nme", "NME %"),
        headed("nme:diff", "difference"),
        headed("nme:effect", "effect"),
        failures,
        headed(f"{failures.name}:diff", "difference"),
        headed("fit_seconds:ratio", "fit time"),
        headed("parameters:ratio", "parameters"),
        headed("seeds", "seeds"),
    )
    counts = {f"{len(row.good)} of {len(row.records)}" for row in rows}
    same = ["seeds"] if len(counts) == 1 else []
    lines = []
    for row in rows:
        nme, rate = row.measures["nme"], row.measures[failures.name]
        found = "† " if row.good and row.n_nme < row.one.test.n else ""
        lines.append(
            [
                Cell(found + _with_sd(nme)),
                Cell(_difference(nme)),
                Cell(nme.effect or "-"),
                Cell(_with_sd(rate)),
                Cell(_difference(rate)),
                Cell(_ratio(row, "fit_seconds")),
                Cell(_ratio(row, "parameters")),
                Cell(f"{len(row.good)} of {len(row.records)}"),
            ]
        )
    known = [one for row in rows if (one := row.measures["nme"].difference) is not None]
    over = f" over {'faces and trainings' if all(one.over_seeds for one in known) else 'faces'}" if known else ""
    about_them = (
        f"Differences are to {baseline_of(rows[0].comparison)}, with {PERCENT} intervals{over}. {NO_CORRECTION}"
    )
    text = f"{answer(rows)} {about_them} {caption}"
    shown = _table(rows, place, about, text, columns, lines, _notes(rows))
    return replace(shown, spare=(*same, f"{failures.name}:diff", "nme:effect", failures.name, "seeds"))


def _of_keys(
    rows: Sequence[VariantRow], place: tuple[str, str], about: str, caption: str, keys: Sequence[str]
) -> Table:
    columns = tuple(headed(key, key.partition("@")[2] or key.partition(":")[2]) for key in keys)
    # The remarks stand below the first table.
    shown = [replace(row, remark="") for row in rows if any(key in row.measures for key in keys)]
    lines = [[Cell(_short(row.measures.get(key))) for key in keys] for row in shown]
    return _table(shown, place, about, caption, columns, lines, [])


def _table(
    rows: Sequence[VariantRow],
    place: tuple[str, str],
    about: str,
    caption: str,
    columns: tuple[Column, ...],
    lines: Sequence[list[Cell]],
    more: Sequence[str],
) -> Table:
    facts = [{"method": row.variant} | {name: getattr(row, name) for name in TOLD} for row in rows]
    names = names_of(facts, LONGEST_NAME)
    cells = [[Cell(name), *line] for name, line in zip(names, lines, strict=True)]
    notes = (*notes_of(facts, names), *more)
    return Table(place, about, caption, columns, (("", cells),), notes, first=rows[0].comparison.parameter or "tasks")


def _notes(rows: Sequence[VariantRow]) -> list[str]:
    lines = [
        f"{short(row.variant)}, difference to {row.comparison.second[row.variant]}: "
        f"{interval_text(row.to_all)} points of NME."
        for row in rows
        if row.to_all is not None
    ]
    apart = [short(row.variant) for row in rows if row.other_conditions]
    if apart:
        lines.append(
            f"Times marked ≈ were measured with other jobs, load or machine than those of "
            f"{baseline_of(rows[0].comparison)}: {', '.join(apart)}."
        )
    fewer = [row for row in rows if row.good and row.n_compared is not None and row.n_compared < row.one.test.n]
    lines += [f"{short(row.variant)}: compared on the {row.n_compared} faces that all have." for row in fewer]
    reused = sum(record.other_code for row in rows for record in row.records)
    return lines + ([f"{reused} results of other code were reused."] if reused else [])


def _with_sd(one: Measured) -> str:
    if one.value is None:
        return "-"
    return f"{one.value:.2f}" + ("" if one.sd is None else f" ± {one.sd:.2f}")


def _difference(one: Measured) -> str:
    return "-" if one.difference is None or math.isnan(one.difference.low) else interval_text(one.difference)


def _short(one: Measured | None) -> str:
    if one is None or one.value is None:
        return "-"
    if one.difference is None or math.isnan(one.difference.value):
        return f"{one.value:.2f}"
    return f"{one.value:.2f} ({one.difference.value:+.2f}{DECIDED if one.effect in (HELPS, HURTS) else ''})"


def _ratio(row: VariantRow, name: str) -> str:
    if name not in row.ratios:
        return "-"
    about = "≈ " if row.other_conditions and name != "parameters" else ""
    return f"{about}{row.ratios[name]:.2f}×" if not row.is_baseline else "1"


def _keys(rows: Sequence[VariantRow]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row.measures))
