"""Tables on the pages of an article: names cut, columns below each other, rows on further pages, and it compiles."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import made_record as record

from fldbench.report import formats, leaderboard
from fldbench.report.columns import Column
from fldbench.report.fit import LEAST_NAME, TEXT_HEIGHT, TEXT_WIDTH, beside, fitting, on_pages, width_of
from fldbench.report.tables import Cell, Table

ROOT = Path(__file__).parents[2]
HEAD = r"\documentclass[{}]{{article}}\usepackage[T1]{{fontenc}}\usepackage{{booktabs}}\begin{{document}}A"


def table(names, columns, text="8.51 (+0.86*)", caption="About.", parts=1):
    """Return a table of so many parts, each with all names, whose columns cannot be spared."""
    about = tuple(Column(f"c{i}", None, f"left_eye {i}") for i in range(columns))
    lines = [[Cell(name), *(Cell(f"{text}{i}") for i in range(columns))] for name in names]
    rows = tuple((f"part {k}" if parts > 1 else "", [list(line) for line in lines]) for k in range(parts))
    return Table(("train", "rules"), "rules, trained on train", caption, about, rows, ())


def compiled(folder, paper):
    """Return what LaTeX says about sizes and labels of a paper that has no errors."""
    (folder / "paper.tex").write_text(paper)
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed: the LaTeX was written but not compiled")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    return re.findall(r"Overfull \\hbox.*|.*Float too large.*|.*multiply defined.*", done.stdout)


def test_names_are_cut_no_further_than_they_must():
    whole = table(["a method with a name of fifty letters, near enough", "short"], 3)
    long, short = (row[0].text for row in fitting(whole).parts[0][1])
    assert len(whole.parts[0][1][0][0].text) > len(long) >= LEAST_NAME and "…" in long and short == "short"
    assert width_of(whole) > TEXT_WIDTH >= width_of(fitting(whole)) > TEXT_WIDTH - 10


def test_names_that_would_become_equal_stay():
    names = [f"the same beginning of a name {i} and the same end of all the names" for i in range(2)]
    assert [row[0].text for row in fitting(table(names, 3)).parts[0][1]] == names


def test_columns_that_do_not_fit_stand_below():
    whole = table(["landmarks", "landmarks + glasses"], 9)
    parts = beside(whole)
    assert [len(part.columns) for part in parts] == [3, 3, 3]
    assert [column for part in parts for column in part.columns] == list(whole.columns)
    assert all(width_of(part) <= TEXT_WIDTH for part in parts)
    for i, row in enumerate(whole.parts[0][1]):
        assert [cell for part in parts for cell in part.parts[0][1][i][1:]] == row[1:]
    text = formats.latex([whole], ())
    assert text.count(r"\begin{tabular}") == 3 and text.count(r"\caption") == text.count(r"\begin{table}") == 1
    assert beside(table(["a"], 2)) == [table(["a"], 2)]


def test_rows_that_do_not_fit_go_on_in_another_table():
    whole = table(["a", "b", "c", "d"], 2, caption="Long. " * 300, parts=12)
    first, *others = on_pages(whole)
    assert first.caption == whole.caption and others
    assert {one.caption for one in others} == {"rules, trained on train, continued."}
    assert [one.place for one in others] == [("train", f"rules-{i}") for i in range(2, len(others) + 2)]
    rows = [(part, row) for one in (first, *others) for part, lines in one.parts for row in lines]
    assert rows == [(part, row) for part, lines in whole.parts for row in lines]
    assert on_pages(table(["a"] * 40, 2)) == [table(["a"] * 40, 2)]
    assert len(on_pages(table(["a"] * int(TEXT_HEIGHT / 9), 2))) == 2


def test_latex_is_given_room_between_many_tables():
    text = formats.latex([table(["a"], 2)] * 31, ())
    assert [part.count(r"\begin{table}") for part in text.split(r"\clearpage")] == [15, 15, 1]
    assert r"\clearpage" not in formats.latex([table(["a"], 2)] * 15, ())


@pytest.mark.parametrize("options", ["", "twocolumn"])
def test_tables_of_any_size_fit_onto_pages(options, tmp_path):
    names = [f"a method, its name {'is longer and ' * 3} ends in {i}" for i in range(4)]
    made = [table(names, 4), table(["landmarks", "landmarks + glasses"], 9), table(names, 3, parts=15)]
    made += [table(["wwww", "MMMM"], 5, text="88.88 ± 0.88"), table(["a"], 2, caption="Long. " * 400, parts=20)]
    made += [table([f"method {i}"], 2) for i in range(60)]
    made = [replace(one, place=("train", f"rules {i}")) for i, one in enumerate(made)]
    text = formats.latex(made, (), across=bool(options))
    (tmp_path / "tables.tex").write_text(text)
    found = compiled(tmp_path, HEAD.format(options) + "\n\\input{tables}\nZ\\end{document}\n")
    assert found == []


@pytest.mark.parametrize("options", ["", "twocolumn"])
def test_committed_tables_compile_in_a_paper(options, tmp_path):
    """As they are in one column of text, and as `--across` writes them in two."""
    paper = HEAD.format(options)
    for i, path in enumerate(sorted(ROOT.glob("results/**/*.tex"))):
        text = path.read_text(encoding="utf-8").replace("tab:", f"tab:{i}-")
        text = text.replace("{table}", "{table*}") if options else text
        (tmp_path / f"t{i}.tex").write_text(text)
        paper += f"\n\\input{{t{i}}}\\clearpage\n"
    assert paper.count(r"\input") > 20
    assert compiled(tmp_path, paper + "Z\\end{document}\n") == []


def test_a_board_of_many_methods_is_split():
    board = leaderboard([record(f"method {i}") for i in range(70)])
    assert board.to_latex().count(r"\begin{table}") > 1 and board.to_latex().count("continued") >= 1
