"""Captions: what is true of a table is said once, and a row of which it is not true says what is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.records.record import NOT_STATED, OUTSIDE, UNKNOWN, TestFacts, TrainFacts
from fldbench.report.columns import RowRecords
from fldbench.report.ranking import by_auc

ONE_SEED = "One seed."
SAME_BOXES = 0.99  # from this median overlap on, official boxes are the tight boxes of the truth


class Statements(NamedTuple):
    """What a caption says of a row besides the rules; an empty one says nothing."""

    boxes: str
    trained: str
    tested: str
    overlap: str
    seeds: str


def captioned(rows: Sequence[RowRecords]) -> tuple[str, list[RowRecords]]:
    """Return the caption of a table, and its rows with their remarks.

    The caption states the rules, and what most rows have in common: their boxes, their training faces, missing test
    faces, the number of seeds. A row that differs has a remark instead.
    """
    said = [_statements(row) for row in rows]
    known = [one for one, row in zip(said, rows, strict=True) if row.good] or said
    common = Statements(*map(_most_common, zip(*known, strict=True)))
    # Rows of which these say nothing, such as methods without seeds, do not count.
    said_of_some = {kind: list(filter(None, (getattr(one, kind) for one in known))) for kind in ("overlap", "seeds")}
    common = common._replace(**{kind: _most_common(texts) for kind, texts in said_of_some.items() if texts})
    remarks = [_remark(one, common) if row.good else "" for one, row in zip(said, rows, strict=True)]
    name, rules = cut(plain(rows[0].protocol), LONGEST_NAME), rows[0].one.protocol
    sentences = [f"{name}: {rules.describe(common.boxes)}.", *(said for said in common[1:] if said != ONE_SEED)]
    if any(remarks):
        sentences.append("Rows with a letter differ as said below.")
    if by_auc(rows):
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
    return Statements(_boxes(row), _trained_on(row.one.train, seeds), tested, _box_overlap(row), _seeds(row))


def _remark(own: Statements, common: Statements) -> str:
    """Return what is true of a row instead of the caption's statements."""
    said = []
    if own.boxes != common.boxes:
        said.append(f"Boxes {own.boxes}.")
    if own.trained != common.trained:
        said.append(own.trained)
    if own.tested != common.tested:
        said.append(own.tested or "Measured on all faces.")
    pairs = ((own.overlap, common.overlap), (own.seeds, common.seeds))
    said += [one for one, other in pairs if one and one != other]
    return " ".join(said)


def _boxes(row: RowRecords) -> str:
    """Return the boxes that the answers were made with, in words; a run has those of its protocol."""
    if row.one.method.name != OUTSIDE:
        return row.one.protocol.boxes_in_words()
    stated = cut(plain(row.one.boxes))
    return stated if stated == NOT_STATED else f"{stated} (as stated)"


def _box_overlap(row: RowRecords) -> str:
    """Return how much the official boxes of a protocol tell about the truth; nothing for boxes made from it."""
    iou = row.one.test.box_iou
    if iou is None or row.one.protocol.knows_truth:
        return ""
    if iou >= SAME_BOXES:
        return f"The official boxes are the true points' tight boxes (median IoU {iou:.2f})."
    return f"The official boxes overlap the true points' tight boxes with a median IoU of {iou:.2f}."


def _seeds(row: RowRecords) -> str:
    """Return over how many seeds the numbers of a row are means; nothing for a method without seeds."""
    seeds = [record.seed for record in row.good if record.seed is not None]
    return f"Means ± standard deviations over {len(seeds)} seeds." if len(seeds) > 1 else ONE_SEED if seeds else ""


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
    by = "by face, as no groups are known"
    if train.groups is not None and train.groups < train.faces:
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
