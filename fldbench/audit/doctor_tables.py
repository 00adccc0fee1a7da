"""A diagnosis in sentences and tables, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from fldbench.audit.contour import error_split
from fldbench.audit.doctor import Diagnosis, about_shift
from fldbench.audit.misread import Read
from fldbench.audit.variant_tables import split_table, table
from fldbench.protocols import Protocol
from fldbench.report.formats import WIDTH, markdown, text
from fldbench.report.tables import Cell, Table

LEFT = (
    "Hypotheses, one or two at once, and what would be left of the error; only those that leave far less are findings."
)


def to_text(read: Read, diagnosis: Diagnosis, protocol: Protocol, width: int = WIDTH) -> str:
    """Return a diagnosis for a terminal: findings, hypotheses, and the bias of each region."""
    tables = [_tried(diagnosis, protocol), *_bias(read, protocol)[:1]]
    return "\n".join([*summary(read, diagnosis, protocol), "", text(tables, [], width)])


def to_markdown(read: Read, diagnosis: Diagnosis, protocol: Protocol) -> str:
    """Return a diagnosis as Markdown, with the bias of each landmark."""
    return markdown([_tried(diagnosis, protocol), *_bias(read, protocol)], summary(read, diagnosis, protocol))


def summary(read: Read, diagnosis: Diagnosis, protocol: Protocol) -> list[str]:
    """Return what was found, in one line each: the findings and their remedies in order, and the common shift."""
    n = len(read.faces)
    lines = [f"{n} faces under {protocol.name}: NME {diagnosis.nme:.2f} %, median {diagnosis.median:.2f} %."]
    findings = [*read.findings, *diagnosis.findings]
    if not findings:
        lines.append("No fault found.")
    for number, one in enumerate(findings, 1):
        lines.append(f"{number}. {str(one)[0].upper()}{str(one)[1:]}.")
    return [*lines, about_shift(diagnosis, n)]


def _tried(diagnosis: Diagnosis, protocol: Protocol) -> Table:
    rows = [[Cell("as it is"), *_numbers(diagnosis.median, diagnosis.nme)]]
    rows += [[Cell(one.what), *_numbers(one.median, one.nme)] for one in diagnosis.tried]
    return table(protocol, "what would be left", "the points look", ["median", "NME"], [("", rows)], LEFT)


def _numbers(*values: float) -> Sequence[Cell]:
    return [Cell(f"{value:.2f}") for value in values]


def _bias(read: Read, protocol: Protocol) -> list[Table]:
    """Return the errors and the bias by region and by landmark, of the file as it is."""
    regions, landmarks = error_split(read.predictions, read.faces, protocol)
    return [split_table(protocol, "region", regions), split_table(protocol, "landmark", landmarks)]
