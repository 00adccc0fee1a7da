"""Captions: what is true of a table is said once, and a row of which it is not true says what is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.protocols.boxes import is_detected
from fldbench.records.record import NOT_STATED, OUTSIDE, UNKNOWN, TestFacts, TrainFacts
from fldbench.report.columns import RowRecords
from fldbench.report.ranking import by_auc

WITH_LETTER = "Rows with a letter differ as said below."
ONE_SEED = "One seed."
FREE = "Times without other work on the machine."
BUSY = 1.5  # from this load average for each usable core on, other work took part of them
SAME_BOXES = 0.99  # from this median overlap on, official boxes are the tight boxes of the truth


class Statements(NamedTuple):
    """What a caption says of a row besides the rules; an empty one says nothing."""

    boxes: str
    trained: str
    tested: str
    overlap: str
    seeds: str
    machine: str
    load: str


Row = TypeVar("Row", bound=RowRecords)


def captioned(rows: Sequence[Row], ranked: bool = True) -> tuple[str, list[Row]]:
    """Return the caption of a table, ranked or not, and its rows with their remarks.

    The caption states the rules, and what most rows have in common: their boxes, their training faces, missing test
    faces, the number of seeds, the machine of the times. A row that differs has a remark instead.
    """
    said = [_statements(row) for row in rows]
    known = [one for one, row in zip(said, rows, strict=True) if row.good] or said
    common = Statements(*map(_most_common, zip(*known, strict=True)))
    # Rows of which these say nothing, such as methods without seeds, do not count.
    kinds = ("overlap", "seeds", "machine", "load")
    said_of_some = {kind: list(filter(None, (getattr(one, kind) for one in known))) for kind in kinds}
    common = common._replace(**{kind: _most_common(texts) for kind, texts in said_of_some.items() if texts})
    remarks = [_remark(one, common) if row.good else "" for one, row in zip(said, rows, strict=True)]
    name, rules = cut(plain(rows[0].protocol), LONGEST_NAME), rows[0].one.protocol
    usual = {ONE_SEED, FREE} | ({common.machine} if len(set(said_of_some["machine"])) < 2 else set())
    sentences = [f"{name}: {rules.describe(common.boxes)}.", *(text for text in common[1:] if text not in usual)]
    if any(remarks):
        sentences.append(WITH_LETTER)
    if ranked and by_auc(rows):
        sentences.append(
            "Ranked by AUC, because some rows missed faces; their NME (†) is over the faces found and is never bold."
        )
    elif any(row.good and row.n_nme < row.one.test.n for row in rows):
        sentences.append("NME with † is over the faces found.")
    marked = [replace(row, remark=remark) for row, remark in zip(rows, remarks, strict=True)]
    return " ".join(filter(None, sentences)), marked


def title(place: tuple[str, str]) -> str:
    """Return the heading of a section, (train, protocol).

    >>> title(("300w-train", "300w-helen"))
    '300w-helen, trained on 300w-train'
    """
    train, protocol = (cut(plain(name), LONGEST_NAME) for name in place)
    return protocol if train == UNKNOWN else f"{protocol}, trained on {train}"


def _most_common(said: Sequence[str]) -> str:
    return Counter(said).most_common(1)[0][0]


def _statements(row: RowRecords) -> Statements:
    test, protocol = row.one.test, row.one.protocol
    drawn_by = {record.train.partition_seed for record in row.records} - {None}
    seeds = sorted(seed for seed in drawn_by if seed is not None)
    tested = _tested_on(test, protocol.n_expected) if test.n else ""
    return Statements(
        _boxes(row), _trained_on(row.one.train, seeds), tested, _box_overlap(row), _seeds(row), *_times(row)
    )


def _remark(own: Statements, common: Statements) -> str:
    """Return what is true of a row instead of the caption's statements."""
    said = []
    if own.boxes != common.boxes:
        said.append(f"Boxes {own.boxes}.")
    if own.trained != common.trained:
        said.append(own.trained)
    if own.tested != common.tested:
        said.append(own.tested or "Measured on all faces.")
    said += [one for one, other in zip(own[3:], common[3:], strict=True) if one and one != other]
    return " ".join(said)


def _boxes(row: RowRecords) -> str:
    """Return the boxes that the answers were made with, in words; a run has those of its protocol."""
    if row.one.method.name != OUTSIDE:
        return row.one.protocol.boxes_in_words()
    stated = cut(plain(row.one.boxes))
    return stated if stated == NOT_STATED else f"{stated} (as stated)"


def _box_overlap(row: RowRecords) -> str:
    """Return how much the boxes of a protocol tell about the truth; nothing for boxes made from it."""
    iou, rules = row.one.test.box_iou, row.one.protocol
    if iou is None or rules.knows_truth:
        return ""
    whose = "The detector's" if is_detected(rules.box_source) else "The official"
    if iou >= SAME_BOXES:
        return f"{whose} boxes are the true points' tight boxes (median IoU {iou:.2f})."
    return f"{whose} boxes overlap the true points' tight boxes with a median IoU of {iou:.2f}."


def _seeds(row: RowRecords) -> str:
    """Return over how many seeds the numbers of a row are means; nothing for a method without seeds."""
    seeds = [record.seed for record in row.good if record.seed is not None]
    return f"Means ± standard deviations over {len(seeds)} seeds." if len(seeds) > 1 else ONE_SEED if seeds else ""


def _times(row: RowRecords) -> tuple[str, str]:
    """Return on which machine the times of a row were measured, and what else it had to do; nothing without times."""
    timed = [one for one in row.good if one.timings.fit_seconds is not None or one.timings.ms_per_face is not None]
    if not timed:
        return "", ""
    machine, timings = timed[0].machine, [one.timings for one in timed]
    gpu = machine.gpu if (timings[0].device or "cpu") != "cpu" else ""
    cores = "" if machine.cores_usable is None else f"{machine.cores_usable} cores"
    place = ", ".join(filter(None, [machine.cpu, cores, gpu]))
    jobs = max((one.jobs for one in timings if one.jobs is not None), default=None)
    loads = [load for one in timings for load in (one.load, one.fit_load) if load is not None]
    rest = ", at rest while one measured its latency" if all(one.latency_alone for one in timings) else ""
    said = [f"Times with {jobs} models fitted at once{rest}."] if jobs is not None and jobs > 1 else []
    if loads and machine.cores_usable and max(loads) > BUSY * machine.cores_usable:
        said.append("Times while the machine had more work than cores.")
    if any(one.resumed for one in timings):
        said.append("The fit was continued, and the time is that of its last part.")
    known = jobs is not None or loads
    return f"Times on {place}." if place else "", " ".join(said) or (FREE if known else "")


def _trained_on(train: TrainFacts, seeds: Sequence[int]) -> str:
    if train.faces is None and train.label == UNKNOWN:
        return "What the methods were trained on is not known here."
    if train.faces is None:
        return "What the methods were trained on is what their users say."
    label = cut(plain(train.label), LONGEST_NAME)
    short = [f"{part} {found} of {total}" for part, (found, total) in train.parts.items() if found < total]
    of = f" of {train.n_expected}" if train.n_expected else ""
    left_out = f"; {train.left_out} left out for unreadable images" if train.left_out else ""
    if train.folds is None:
        return f"Trained on {train.faces}{of} faces of {label}{_listed(short)}{left_out}."
    if train.groups is None:
        return f"No cross-validation: {label} could not be parted into {train.folds} folds."
    by = "by face, as no groups are known"
    if train.groups < train.faces:
        by = f"by group ({train.groups} persons, clips or photos)"
    drawn = f", drawn by seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}" if seeds else ""
    return (
        f"Cross-validation in {train.folds} folds {by}{drawn}: each face is answered by a model trained on "
        f"the other folds. {train.faces}{of} faces of {label}{_listed(short)}{left_out}."
    )


def _tested_on(test: TestFacts, total: int) -> str:
    left_out = f"; {test.left_out} left out for unreadable images" if test.left_out else ""
    if test.complete:
        return ""
    why = f"only {test.n} of {total} test faces" if test.n < total else "not the official list of faces"
    return f"Partial: {why}{left_out}."


def _listed(parts: list[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""
