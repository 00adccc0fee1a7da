"""Rows of a leaderboard as LaTeX and Markdown, and the cells that the terminal shows too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from fldbench.records.record import NOT_STATED, OUTSIDE, UNKNOWN, Record, TrainFacts
from fldbench.report.columns import Column, RowRecords, printed_columns

Sections = list[tuple[tuple[str, str], list[dict[str, Any]]]]
Captions = dict[tuple[str, str], str]

LATEX_HEAD = r"""% Tables written by fldbench. Compiles as it is; \input it into a document that loads booktabs.
\makeatletter
\ifx\documentclass\@notprerr\let\fldbenchend\relax\else
\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\begin{document}
\def\fldbenchend{\end{document}}
\fi
\makeatother
"""


def caption(record: Record, protocol: str, boxes: str = "", seeds: Sequence[int] = ()) -> str:
    """Return the caption of a table: rules, training faces and missing parts, in sentences.

    `boxes` are those of the table's rows (see `boxes_of`), if not those of the protocol. `seeds` are those that folds
    were drawn by.
    """
    parts = [f"{protocol}: {record.protocol.describe(boxes)}.", _trained_on(record.train, seeds)]
    if record.test.n:
        parts.append(_tested_on(record))
    return " ".join(part for part in parts if part)


def _trained_on(train: TrainFacts, seeds: Sequence[int]) -> str:
    if train.faces is None and train.label == UNKNOWN:
        return "What the methods were trained on is not known here."
    if train.faces is None:
        return "What the methods were trained on is what their users say."
    short = [f"{part} {found} of {total}" for part, (found, total) in train.parts.items() if found < total]
    of = f" of {train.n_expected}" if train.n_expected else ""
    left_out = f"; {train.left_out} left out for unreadable images" if train.left_out else ""
    if train.folds is None:
        return f"Trained on {train.faces}{of} faces of {train.label}{_listed(short)}{left_out}."
    by = "by face, as no groups are known"
    if train.groups is not None and train.groups < train.faces:
        by = f"by group ({train.groups} persons, clips or photos)"
    drawn = f", drawn by seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}" if seeds else ""
    return (
        f"Cross-validation in {train.folds} folds {by}{drawn}: each face is answered by a model trained on "
        f"the other folds. {train.faces}{of} faces of {train.label}{_listed(short)}{left_out}."
    )


def _tested_on(record: Record) -> str:
    test, total = record.test, record.protocol.n_expected
    left_out = f"; {test.left_out} left out for unreadable images" if test.left_out else ""
    if test.complete:
        return ""
    why = "not the official list of faces" if test.n == total else f"only {test.n} of {total} test faces"
    return f"Partial: {why}{left_out}."


def boxes_of(rows: Iterable[RowRecords]) -> str:
    """Return the boxes that the answers of a table's rows were made with, in words; a run has those of its protocol."""
    methods: dict[str, list[str]] = {}
    for row in rows:
        outside = row.one.method.name == OUTSIDE
        stated = row.one.boxes if row.one.boxes == NOT_STATED else f"{row.one.boxes} (as stated)"
        methods.setdefault(stated if outside else row.one.protocol.boxes_in_words(), []).append(row.method)
    if len(methods) == 1:
        return next(iter(methods))
    return ", ".join(f"{boxes} for {' and '.join(names)}" for boxes, names in methods.items())


def _listed(parts: list[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""


def title(place: tuple[str, str]) -> str:
    """Return the heading of a section, (train, protocol).

    >>> title(("300w-train", "300w-helen"))
    '300w-helen, trained on 300w-train'
    """
    train, protocol = place
    return protocol if train == UNKNOWN else f"{protocol}, trained on {train}"


def cell(row: dict[str, Any], column: Column) -> str:
    """Return the cells of a row in a printed table."""
    value = row.get(column.name)
    if column.name == "n":
        return f"{row['n']} of {row['n_total']}"
    if value is None:
        return "-"
    decimals = 1 if column.name == "missed" and value != int(value) else column.decimals
    text = f"{value / column.unit:.{decimals}f}"
    if column.name == "nme" and row["nme_sd"] is not None:
        text += f" ± {row['nme_sd']:.2f}"
    return text


def best_cells(rows: list[dict[str, Any]], columns: Sequence[Column]) -> dict[str, float]:
    """Return column -> its best value among the rows that are ranked (see `is_ranked`)."""
    ranked = [row for row in rows if is_ranked(row)]
    best = {}
    for column in columns:
        values = [row[column.name] for row in ranked if row.get(column.name) is not None]
        if column.higher_is_better is not None and len(values) > 1:
            best[column.name] = max(values) if column.higher_is_better else min(values)
    return best


def is_ranked(row: dict[str, Any]) -> bool:
    """Return whether a row can be the best: measured on all faces, none of them trained on, not superseded."""
    return row["complete"] == "yes" and row["other_code"] != "superseded" and not row["overlap"]


def notes(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each row that is not ok, and one for each reason why rows are contaminated."""
    lines = [f"{row['method']}: {row['status']}: {row['reason']}" for row in rows if row["status"] != "ok"]
    for why in dict.fromkeys(row["overlap"] for row in rows if row["overlap"]):
        methods = [row["method"] for row in rows if row["overlap"] == why]
        lines.append(f"Not ranked, because {why}: {', '.join(methods)}.")
    return lines


def markdown(sections: Sections, captions: Captions) -> str:
    """Return a Markdown table for each section; the best of the complete rows is bold."""
    blocks = []
    for place, rows in sections:
        shown = printed_columns(list(rows[0]), rows)
        best = best_cells(rows, shown)
        lines = [
            f"### {title(place)}",
            "",
            "| method | " + " | ".join(column.heading for column in shown) + " |",
            "|---|" + "---:|" * len(shown),
        ]
        for row in rows:
            cells = [f"**{cell(row, c)}**" if _is_best(row, c, best) else cell(row, c) for c in shown]
            lines.append(f"| {row['method'].replace('|', chr(92) + '|')} | " + " | ".join(cells) + " |")
        lines += ["", captions[place], *(f"- {note}" for note in notes(rows))]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def latex(sections: Sections, captions: Captions) -> str:
    """Return a booktabs table for each section; the best of the complete rows is bold."""
    blocks = [LATEX_HEAD]
    for place, rows in sections:
        shown = printed_columns(list(rows[0]), rows)
        best = best_cells(rows, shown)
        # Small and narrow, so that all columns fit into the text of an article.
        lines = [r"\begin{table}", r"\centering\footnotesize\setlength{\tabcolsep}{3pt}"]
        lines += [r"\begin{tabular}{@{}l" + "r" * len(shown) + "@{}}", r"\toprule"]
        lines.append("method & " + " & ".join(_tex(column.heading) for column in shown) + r" \\")
        lines.append(r"\midrule")
        for row in rows:
            texts = [(column, _tex(cell(row, column))) for column in shown]
            cells = [rf"\textbf{{{text}}}" if _is_best(row, column, best) else text for column, text in texts]
            lines.append(f"{_tex(row['method'])} & " + " & ".join(cells) + r" \\")
        about = " ".join([captions[place], *notes(rows)])
        label = re.sub(r"[^a-z0-9-]+", "-", f"{place[1]}-{place[0]}".lower()).strip("-")
        lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{_tex(about)}}}", rf"\label{{tab:{label}}}"]
        lines.append(r"\end{table}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks) + "\n\\fldbenchend\n"


def _is_best(row: dict[str, Any], column: Column, best: dict[str, float]) -> bool:
    return column.name in best and row.get(column.name) == best[column.name] and is_ranked(row)


_TEX = {
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
} | {char: f"\\{char}" for char in "%&#_{}$"}


def _tex(text: str) -> str:
    """Text for LaTeX: its special characters escaped, and any other beyond ASCII as a question mark.

    >>> _tex("50 % of a_b")
    '50 \\\\% of a\\\\_b'
    """
    return "".join(_TEX.get(char, char if ord(char) < 0x250 else "?") for char in text)
