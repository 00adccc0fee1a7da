"""Tables of papers and programs as grids of text: CSV, Markdown and LaTeX, each row with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fldbench.errors import DataError, must_be
from fldbench.files import read_text

LARGEST = 20_000_000  # bytes
MOST_COLUMNS = 1000  # that one cell may span
NO_NUMBER = re.compile(r"\d{40}")  # longer than any number of a table
_RULE_OF_MARKDOWN = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*")
_TABULAR = re.compile(r"\\begin\{(tabular[xy*]?|longtable)\}")
# Commands without a text, with their arguments.
_SILENT = re.compile(
    r"\\(?:toprule|midrule|bottomrule|hline|centering|small|footnotesize|scriptsize|rowstyle|noalign|addlinespace"
    r"|cmidrule|cline|specialrule|arrayrulecolor|rowcolor|cellcolor|color|label|cite[a-z]*|vspace|hspace|rule|newline)\b\*?"
    r"(?:\s*(?:\[[^\]]*\]|\([^)]*\)|\{[^{}]*\}))*"
)
_STYLE = re.compile(
    r"\\(?:textbf|textit|texttt|textrm|textsc|textsuperscript|textsubscript|emph|underline|uline|mathbf|mathrm|mathit"
    r"|boldsymbol|bm|text|mbox|makecell|thead|best|second|num|ul|bf|it|em|rm|tt|bfseries|itshape|fldbenchname)\b\s*"
)
_SYMBOLS = {
    r"\pm": "±",
    r"\dagger": "",
    r"\ddagger": "",
    r"\ast": "",
    r"\star": "",
    r"\downarrow": "",
    r"\uparrow": "",
    r"\times": "x",
    r"\sqrt": "sqrt",
    r"\textendash": "-",
    r"\textemdash": "-",
    r"\%": "%",
    r"\_": "_",
    r"\&": "&",
    r"\#": "#",
    r"\,": " ",
    r"\ ": " ",
    r"\\": " ",
    "~": " ",
    "---": "-",
    "--": "-",
}
_MARKS = re.compile(r"[*_`]{2}|[†‡§¶↓↑*`]|<[^<>]*>|\[\^?\d+\]|\^\{?[a-z*\d]\}?")


class Row(NamedTuple):
    """The cells of a row, without markup, and its line in the file."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Grid:
    """One table: its caption, the heading of each column (all rows of headings joined), and its rows."""

    line: int
    caption: str
    headings: list[str]
    rows: list[Row]


def read_tables(path: str | Path) -> list[Grid]:
    """Return the tables of a .csv, .tsv, .md or .tex file.

    Raises
    ------
    DataError
        For another ending, a file that is not UTF-8 text, one without any table, and a number of 40 digits.
    """
    readers = {".csv": _csv, ".tsv": _csv, ".md": _markdown, ".markdown": _markdown, ".tex": _latex}
    ending = Path(path).suffix.lower()
    if ending not in readers:
        raise DataError(must_be(path, "the ending", ending, "one of .csv, .tsv, .md, .tex", "for a table of numbers"))
    text = read_text(path, most=LARGEST)
    if long := NO_NUMBER.search(text):
        line = text.count("\n", 0, long.start()) + 1
        raise DataError(f"{long[0][:20]}... has too many digits for a number of a table; correct it", path, line)
    try:
        grids = [grid for grid in readers[ending](text) if grid.rows]
    except csv.Error as error:
        raise DataError(f"not a table of cells ({error}); correct it", path) from error
    if not grids:
        raise DataError("no table was found; it must have a row of headings and at least one row of numbers", path)
    return grids


def plain_cell(text: str) -> str:
    r"""Return the text of a cell without the markup of LaTeX, Markdown and HTML.

    >>> plain_cell(r"\textbf{2.98}\,\%"), plain_cell(r"$4.21_{\pm 0.03}$"), plain_cell("**3.01**<sup>a</sup>")
    ('2.98 %', '4.21_± 0.03', '3.01a')
    """
    text = re.sub(r"\\multirow\s*(\[[^\]]*\])?\{[^{}]*\}(\[[^\]]*\])?\{[^{}]*\}", "", text)
    text = _STYLE.sub("", _SILENT.sub(" ", text))
    for symbol, plain in _SYMBOLS.items():
        text = text.replace(symbol, plain)
    text = _MARKS.sub("", text.replace("$", "").replace("{", "").replace("}", ""))
    return " ".join(text.split())


def _csv(text: str) -> Iterator[Grid]:
    first = next(iter(text.lstrip().splitlines()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter)
    headings: list[str] = []
    rows: list[Row] = []
    start = 1
    for cells in reader:
        if not any(cell.strip() for cell in cells) or (not headings and cells[0].startswith("#")):
            continue
        if not headings:
            headings, start = [plain_heading(cell) for cell in cells], reader.line_num
        else:
            rows.append(Row(reader.line_num, [cell.strip() for cell in cells]))
    yield Grid(start, "", headings, rows)


def plain_heading(text: str) -> str:
    """Return a heading of a CSV file, in which underlines part words.

    >>> plain_heading(" failure_rate ")
    'failure_rate'
    """
    return " ".join(text.strip().split())


def _markdown(text: str) -> Iterator[Grid]:
    lines = text.splitlines()
    about, i = "", 0
    while i < len(lines):
        line = lines[i]
        rule = i + 1 < len(lines) and "|" in line and "-" in lines[i + 1] and _RULE_OF_MARKDOWN.fullmatch(lines[i + 1])
        if not rule:
            about = line.strip("# *") if line.strip() else about
            i += 1
            continue
        head, start = _pipes(line), i + 1
        rows, i = [], i + 2
        while i < len(lines) and "|" in lines[i]:
            rows.append(Row(i + 1, _pipes(lines[i])))
            i += 1
        yield Grid(start, plain_cell(about), *_headed(head, rows))


def _pipes(line: str) -> list[str]:
    inner = re.sub(r"^\s*\||\|\s*$", "", line)
    return [plain_cell(cell.replace("\\|", "|").replace("\\", "")) for cell in re.split(r"(?<!\\)\|", inner)]


def _latex(text: str) -> Iterator[Grid]:
    text = re.sub(r"(?<!\\)%.*", "", text)  # comments; lines stay
    captions, around = list[str](), (0, 0)
    begins = list(_TABULAR.finditer(text))
    for begin, following in zip(begins, [*begins[1:], None], strict=False):
        end = text.find(rf"\end{{{begin[1]}}}", begin.end())
        # A tabular inside another is read as one of its own: what both hold would be read once for each of them.
        body = text[begin.end() : min(len(text) if end < 0 else end, following.start() if following else len(text))]
        skipped = _arguments(body)
        place = text.rfind(r"\begin{table", 0, begin.start()), text.find(r"\end{table", begin.end())
        if place != around:  # several tabulars may be in one table
            captions, around = _CAPTION.findall(text[place[0] : place[1]]), place
        line = text.count("\n", 0, begin.end()) + 1
        rows = list(_latex_rows(body[skipped:], line + body.count("\n", 0, skipped)))
        if rows:
            yield Grid(line, plain_cell(" ".join(captions)), *_headed(rows[0].cells, rows[1:]))


def _arguments(body: str) -> int:
    """Return where the arguments of a tabular end: its width and the kinds of its columns."""
    place = 0
    while match := _ARGUMENT.match(body, place):
        place = match.end()
    return place


def _latex_rows(body: str, line: int) -> Iterator[Row]:
    depth, start, place = 0, 0, 0
    while place < len(body):
        char = body[place]
        if char == "\\" and body[place + 1 : place + 2] == "\\" and depth == 0:
            yield from _latex_row(body[start:place], line)
            skipped = _AFTER_ROW.match(body, place + 2)
            place = skipped.end() if skipped else place + 2
            line += body.count("\n", start, place)
            start = place
            continue
        depth += {"{": 1, "}": -1}.get(char, 0) if body[place - 1 : place] != "\\" else 0
        place += 1
    yield from _latex_row(body[start:], line)


def _latex_row(text: str, line: int) -> Iterator[Row]:
    cells: list[str] = []
    for raw in re.split(r"(?<!\\)&", text):
        span = re.search(r"\\multicolumn\s*\{\s*(\d+)\s*\}\s*\{(?:[^{}]|\{[^{}]*\})*\}", raw)
        cell = plain_cell(raw[: span.start()] + raw[span.end() :] if span else raw)
        cells += [cell] * (min(int(span[1]), MOST_COLUMNS) if span else 1)
    if any(cells):
        lead = re.match(rf"(?:\s|{_SILENT.pattern})*", text)
        yield Row(line + text.count("\n", 0, lead.end() if lead else 0), cells)


def _headed(head: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
    """Return the headings, with further rows of headings joined to them, and the rows of numbers."""
    heads, first = [head], 0
    for row in rows:
        if any(_NUMBER.match(cell) for cell in row.cells[1:]) or len(set(row.cells)) <= 1:
            break
        heads.append(row.cells)
        first += 1
    words: list[dict[str, None]] = [{} for _ in range(max(map(len, heads)))]
    for cells in heads:
        for own, cell in zip(words, cells, strict=False):
            own |= {cell: None} if cell else {}
    return [" ".join(own) for own in words], rows[first:]


_NUMBER = re.compile(r"[.\d-]|n/?a", re.IGNORECASE)
_CAPTION = re.compile(r"\\caption(?:\[[^\]]*\])?\{((?:[^{}]|\{[^{}]*\})*)\}")
_ARGUMENT = re.compile(r"\s*(\[[^\]]*\]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})")
_AFTER_ROW = re.compile(r"\*?(\[[^\]]*\])?")
