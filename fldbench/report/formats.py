"""Printed tables as plain text, Markdown, LaTeX and HTML. Every text passes through `fldbench.escape`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.escape import html as to_html
from fldbench.escape import latex as to_latex
from fldbench.escape import markdown as to_markdown
from fldbench.report.fit import COLUMN_WIDTH, LETTER, beside, fitting, on_pages, width_of, widths_of
from fldbench.report.tables import Cell, Table

WIDTH = 120  # letters of a line of plain text
LATEX_NAME = 34  # letters of a method's name
SHORTEST_NAME = 8  # letters
MOST_FLOATS = 15  # before a \clearpage: LaTeX holds 52 tables that wait for a place, before 2015 18
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
% A name, and the same shortened for a column of a paper.
\providecommand{\fldbenchname}[2]{\ifdim\linewidth<300pt #2\else #1\fi}
"""


def text(tables: Sequence[Table], left_out: Sequence[str], width: int = WIDTH) -> str:
    """Return the tables as plain text, with captions in lines of `width` letters."""
    blocks = []
    for table in tables:
        grid = [table.flat_head, *([cell.text for cell in row] for _, rows in table.parts for row in rows)]
        widths = [max(cell_len(plain(line[i])) for line in grid) for i in range(len(table.head))]
        lines = [plain(table.title), "", _line(table.flat_head, widths), "-" * (sum(widths) + 2 * len(widths) - 2)]
        for part, rows in table.parts:
            lines += [f"-- {part}"] if part else []
            lines += [_line([cell.text for cell in row], widths) for row in rows]
        about = [table.caption, *table.notes]
        lines += ["", *(line for one in about for line in _wrapped(one, width))]
        blocks.append("\n".join(lines))
    blocks += ["\n".join(plain(line) for line in left_out)] if left_out else []
    return "\n\n".join(blocks) + "\n"


def markdown(tables: Sequence[Table], left_out: Sequence[str]) -> str:
    """Return a Markdown table for each; the best of the ranked rows is bold."""
    blocks = []
    for table in tables:
        lines = [f"### {to_markdown(table.title)}", "", "| " + " | ".join(map(to_markdown, table.flat_head)) + " |"]
        lines.append("|---|" + "---:|" * len(table.columns))
        for part, rows in table.parts:
            lines += [f"| *{to_markdown(part)}* |" + " |" * len(table.columns)] if part else []
            lines += ["| " + " | ".join(map(_markdown_cell, row)) + " |" for row in rows]
        lines += ["", to_markdown(table.caption), *(f"- {to_markdown(note)}" for note in table.notes)]
        blocks.append("\n".join(lines))
    blocks += ["\n".join(f"- {to_markdown(line)}" for line in left_out)] if left_out else []
    return "\n\n".join(blocks) + "\n"


def html(tables: Sequence[Table], left_out: Sequence[str]) -> str:
    """Return tables in HTML, without scripts and style sheets."""
    blocks = []
    for table in tables:
        lines = [f"<h4>{to_html(table.title)}</h4>", "<table>", _html_row("th", table.flat_head)]
        for part, rows in table.parts:
            if part:
                lines.append(f'<tr><td colspan="{len(table.head)}"><i>{to_html(part)}</i></td></tr>')
            lines += [_html_row("td", row) for row in rows]
        lines += ["</table>", f"<p>{to_html(table.caption)}</p>"]
        blocks += [*lines, _html_list(table.notes)]
    return "\n".join(filter(None, [*blocks, _html_list(left_out)])) + "\n"


def latex(tables: Sequence[Table], left_out: Sequence[str], fit: bool = True, across: bool = False) -> str:
    """Return booktabs tables.

    With `fit`, each table is made to fit into the text of an article (`fldbench.report.fit`): columns are left out, the
    least telling first, then names are cut; what is still too wide stands below, and what is too tall goes on in
    another table. With `across`, a table stands across both columns of a page (`table*`).
    """
    kind = "table*" if across else "table"
    blocks = [LATEX_HEAD]
    floats = [part for table in tables for part in (on_pages(fitting(table)) if fit else [table])]
    for number, table in enumerate(floats):
        if number and number % MOST_FLOATS == 0:
            blocks.append("\\clearpage\n")
        # Small and narrow, so that all columns fit into the text of an article.
        lines = [rf"\begin{{{kind}}}", r"\centering\footnotesize\setlength{\tabcolsep}{3pt}"]
        for i, part in enumerate(beside(table) if fit else [table]):
            lines += [r"\par\medskip"] if i else []
            lines += _latex_tabular(part, fit)
        about = " ".join([table.caption, *table.notes])
        lines.append(rf"\caption{{{to_latex(about)}}}")
        train, protocol = (cut(name, LONGEST_NAME) for name in table.place)
        label = re.sub(r"[^a-z0-9-]+", "-", f"{protocol}-{train}".lower()).strip("-")
        lines += [rf"\label{{tab:{label}}}", rf"\end{{{kind}}}"]
        blocks.append("\n".join(lines) + "\n")
    blocks += [rf"\noindent {to_latex(line)}\par" for line in left_out]
    return "\n".join(blocks) + "\n\\fldbenchend\n"


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(plain(line), width, subsequent_indent="  ", break_on_hyphens=False)


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    cells = [plain(text) for text in texts]
    blanks = [" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
    first, *rest = zip(cells, blanks, strict=True)
    return "  ".join([first[0] + first[1], *(blank + cell for cell, blank in rest)]).rstrip()


def _markdown_cell(cell: Cell) -> str:
    return f"**{to_markdown(cell.text)}**" if cell.best else to_markdown(cell.text)


def _latex_tabular(table: Table, fit: bool) -> list[str]:
    left = COLUMN_WIDTH - width_of(table) + widths_of(table)[0]
    most = LATEX_NAME + 4 if fit else max(SHORTEST_NAME, int(left / LETTER))  # the mark of a remark has 4 letters
    lines = [r"\begin{tabular}{@{}l" + "r" * len(table.columns) + "@{}}", r"\toprule"]
    lines += _latex_over(table)
    lines.append(" & ".join(map(to_latex, table.head)) + r" \\")
    for part, rows in table.parts:
        lines.append(r"\midrule")
        if part:
            lines.append(rf"\multicolumn{{{len(table.head)}}}{{@{{}}l@{{}}}}{{\emph{{{to_latex(part)}}}}} \\")
        lines += [" & ".join([_latex_name(row[0].text, most), *map(_latex_cell, row[1:])]) + r" \\" for row in rows]
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _latex_cell(cell: Cell) -> str:
    text = to_latex(cell.text)
    return rf"\textbf{{{text}}}" if cell.best else rf"\underline{{{text}}}" if cell.tied else text


def _latex_over(table: Table) -> list[str]:
    """Return the line above the headings, and rules below its parts; nothing for a table without one."""
    if not table.over:
        return []
    cells = [rf"\multicolumn{{{number}}}{{c}}{{{to_latex(text)}}}" for text, number in table.over]
    ends, at = [], 2
    for _, number in table.over:
        ends.append(rf"\cmidrule(lr){{{at}-{at + number - 1}}}")
        at += number
    return ["& " + " & ".join(cells) + r" \\", "".join(ends)]


def _latex_name(name: str, most: int) -> str:
    """Return a method's name, and for a column of a paper one of at most some letters."""
    short = to_latex(cut(name, most))
    return to_latex(name) if len(name) <= most else rf"\fldbenchname{{{to_latex(name)}}}{{{short}}}"


def _html_row(kind: str, cells: Sequence[Cell | str]) -> str:
    shown = []
    for i, cell in enumerate(cells):
        text, best = (cell.text, cell.best) if isinstance(cell, Cell) else (cell, False)
        side = "right" if i else "left"
        content = f"<b>{to_html(text)}</b>" if best else to_html(text)
        shown.append(f'<{kind} style="text-align: {side}">{content}</{kind}>')
    return f"<tr>{''.join(shown)}</tr>"


def _html_list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{to_html(line)}</li>' for line in lines)}</ul>" if lines else ""
