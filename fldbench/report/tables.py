"""Leaderboard rows -> LaTeX, Markdown, and the cells that the terminal shows too."""

from __future__ import annotations

import re
from typing import Any

from fldbench.protocols import Protocol
from fldbench.store import Record

Sections = list[tuple[tuple[str, str], list[dict[str, Any]]]]
Captions = dict[tuple[str, str], str]

# heading, decimals, unit; in the order of a printed table; NME, FR and AUC are in percent
SHOWN = {
    "nme": ("NME %", 2, 1),
    "fr08": ("FR@8%", 2, 1),
    "fr10": ("FR@10%", 2, 1),
    "auc08": ("AUC@8%", 2, 1),
    "missed": ("missed", 0, 1),
    "n": ("n of N", 0, 1),
    "fit_seconds": ("fit s", 1, 1),
    "ms_per_face": ("ms/face", 2, 1),
    "ms_one_face": ("ms, one face", 2, 1),
    "model_bytes": ("MB", 1, 1e6),
}
HIGHER_IS_BETTER = {"auc08"}
RANKED = ("nme", "fr08", "fr10", "auc08")

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


def caption(record: Record) -> str:
    """What a table was measured on and trained on, and what was missing."""
    name = record.protocol["name"]
    parts = [f"{name}: {Protocol.from_dict(record.protocol).describe()}."]
    parts.append(_trained_on(record.train))
    if record.test:
        parts.append(_tested_on(record))
    return " ".join(part for part in parts if part)


def _trained_on(train: dict[str, Any]) -> str:
    if train["faces"] is None:
        return "What the methods were trained on is not known here."
    short = [f"{part} {found} of {total}" for part, (found, total) in train["parts"].items() if found < total]
    of = f" of {train['n_expected']}" if train["n_expected"] else ""
    left_out = f"; {train['left_out']} left out for unreadable images" if train["left_out"] else ""
    return f"Trained on {train['faces']}{of} faces of {train['label']}{_listed(short)}{left_out}."


def _tested_on(record: Record) -> str:
    test, total = record.test, record.protocol["n_expected"]
    left_out = f"; {test['left_out']} left out for unreadable images" if test["left_out"] else ""
    if test["complete"]:
        return ""
    why = "not the official list of faces" if test["n"] == total else f"only {test['n']} of {total} test faces"
    return f"Partial: {why}{left_out}."


def _listed(parts: list[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""


def title(place: tuple[str, str]) -> str:
    """Heading of a section, (train, protocol).

    >>> title(("300w-train", "300w-helen"))
    '300w-helen, trained on 300w-train'
    """
    train, protocol = place
    return protocol if train == "unknown" else f"{protocol}, trained on {train}"


def cell(row: dict[str, Any], name: str) -> str:
    """What a printed table shows of a row."""
    value = row[name]
    if name == "n":
        return f"{row['n']} of {row['n_total']}"
    if value is None:
        return "-"
    _, decimals, unit = SHOWN[name]
    text = f"{value / unit:.{decimals}f}" if value == int(value) or name != "missed" else f"{value:.1f}"
    if name == "nme" and row["nme_sd"] is not None:
        text += f" ± {row['nme_sd']:.2f}"
    return text


def columns_of(rows: list[dict[str, Any]]) -> list[str]:
    """The columns that say something: those that some row has."""
    return [name for name in SHOWN if any(row[name] is not None for row in rows)]


def best_cells(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Column -> its best value among the complete rows; only they are ranked."""
    full = [row for row in rows if row["complete"] == "yes"]
    best = {}
    for name in RANKED:
        values = [row[name] for row in full if row[name] is not None]
        if len(values) > 1:
            best[name] = max(values) if name in HIGHER_IS_BETTER else min(values)
    return best


def notes(rows: list[dict[str, Any]]) -> list[str]:
    """A line a row that is not ok."""
    return [f"{row['method']}: {row['status']}: {row['reason']}" for row in rows if row["status"] != "ok"]


def markdown(sections: Sections, captions: Captions) -> str:
    """A Markdown table a section; the best of the complete rows is bold."""
    blocks = []
    for place, rows in sections:
        shown, best = columns_of(rows), best_cells(rows)
        lines = [
            f"### {title(place)}",
            "",
            "| method | " + " | ".join(SHOWN[name][0] for name in shown) + " |",
            "|---|" + "---:|" * len(shown),
        ]
        for row in rows:
            cells = [f"**{cell(row, n)}**" if row[n] == best.get(n, object()) else cell(row, n) for n in shown]
            lines.append(f"| {row['method'].replace('|', chr(92) + '|')} | " + " | ".join(cells) + " |")
        lines += ["", captions[place], *(f"- {note}" for note in notes(rows))]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def latex(sections: Sections, captions: Captions) -> str:
    """A booktabs table a section; the best of the complete rows is bold."""
    blocks = [LATEX_HEAD]
    for place, rows in sections:
        shown, best = columns_of(rows), best_cells(rows)
        # Small and narrow, so that all columns fit into the text of an article.
        lines = [r"\begin{table}", r"\centering\footnotesize\setlength{\tabcolsep}{3pt}"]
        lines += [r"\begin{tabular}{@{}l" + "r" * len(shown) + "@{}}", r"\toprule"]
        lines.append("method & " + " & ".join(_tex(SHOWN[name][0]) for name in shown) + r" \\")
        lines.append(r"\midrule")
        for row in rows:
            texts = {name: _tex(cell(row, name)) for name in shown}
            cells = [rf"\textbf{{{t}}}" if row[n] == best.get(n, object()) else t for n, t in texts.items()]
            lines.append(f"{_tex(row['method'])} & " + " & ".join(cells) + r" \\")
        about = " ".join([captions[place], *notes(rows)])
        label = re.sub(r"[^a-z0-9-]+", "-", f"{place[1]}-{place[0]}".lower()).strip("-")
        lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{_tex(about)}}}", rf"\label{{tab:{label}}}"]
        lines.append(r"\end{table}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks) + "\n\\fldbenchend\n"


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
