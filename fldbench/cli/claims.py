"""`fldbench audit --claim` and `--table`: published numbers, judged by what must hold between them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import complain, say

Claim = Annotated[
    str | None,
    typer.Option(
        "--claim",
        help="Published numbers, such as '300w-full nme 2.98 fr 0.73 auc 62.7': which conventions give them.",
        show_default=False,
    ),
]
Faces = Annotated[
    int | None,
    typer.Option(
        "--n",
        min=1,
        help="Number of faces behind the claim; default that of its protocol.",
        show_default=False,
    ),
]
Table = Annotated[
    Path | None,
    typer.Option(
        "--table",
        help="Table of results, .csv, .tex or .md: numbers that contradict each other. Status 1 if there are any.",
        show_default=False,
    ),
]


def print_claim(text: str, n: int | None) -> None:
    """Print what is behind a claim; exit with status 1 unless it is consistent."""
    from fldbench.audit.claims import audit_claim, parse_claim
    from fldbench.audit.grades import Grade

    claim = parse_claim(text, n)
    found = audit_claim(claim)
    if claim.fractions:
        complain("--claim: the numbers were taken as fractions; 0.0298 is 2.98 %")
    for fact in found.facts:
        say(f"  {fact}")
    for sentence in found.sentences:
        say(f"{found.grade.value}: {sentence}")
    if found.grade is not Grade.consistent:
        raise typer.Exit(1)


def print_table_audit(path: Path) -> None:
    """Print the contradictions of a table, and what could not be read of it; exit with status 1 if there are any."""
    from fldbench.audit.tables import audit_table

    found = audit_table(path)
    for problem in found.problems:
        complain(f"{path}, {problem}")
    if found.other_columns:
        complain(f"{path}: columns without NME, FR or AUC, not checked: {', '.join(found.other_columns)}")
    for finding in found.findings:
        say(finding)
    contradictions = f"{len(found.findings)} contradiction{'s' * (len(found.findings) != 1)}"
    say(f"{found.checked} numbers read: {contradictions if found.findings else 'no contradiction'}")
    if not found.checked:
        complain(f"{path}: no number was read; columns need headings such as NME, FR@8% and AUC@8%")
    if found.findings or not found.checked:
        raise typer.Exit(1)
