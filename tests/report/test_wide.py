"""LaTeX as a paper takes it: protocols as columns, one or two columns of text, nothing too wide."""

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from made_records import failed, measured_record
from typer.testing import CliRunner

from fldbench.cli.app import app
from fldbench.errors import FldbenchError, UnknownNameError
from fldbench.report import leaderboard
from fldbench.report.wide import _short

IDS = np.array([f"face {i:03d}" for i in range(330)])
RULES = ("300w-helen", "300w-helen@boxes=jittered:0.05", "300w-helen@interpupil")
NAMES = ("hybrid, cnn-small to hog-ridge", "average", "hog-ridge", "mean-shape")


@pytest.fixture(scope="module")
def board():
    rng = np.random.default_rng(0)
    errors = rng.lognormal(-3.4, 0.4, 330)
    records = []
    for k, name in enumerate(NAMES):
        own = errors * rng.lognormal(0.0 if k < 2 else 0.2 * k, 0.1, 330)
        for j, rules in enumerate(RULES):
            records.append(measured_record(own * (1 + j / 5), IDS, rules, method=name, key=f"{name} {j}")[0])
    return leaderboard(records)


def body(text):
    """Name of a method -> its cells, of a LaTeX table."""
    text = re.sub(r"\\fldbenchname\{([^}]*)\}\{.*?\} &", r"\1 &", text)
    lines = [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if line.endswith(r" \\")]
    return {line[0]: line[1:] for line in lines}


def test_protocols_are_columns(board):
    text = board.to_latex(["nme", "fr08"], wide=True)
    cells = body(text)
    above = [rf"\multicolumn{{2}}{{c}}{{{name}}}" for name in ("300w-helen", "@jittered:0.05", "@interpupil")]
    assert f"& {' & '.join(above)} \\\\\n\\cmidrule(lr){{2-3}}" in text
    assert cells["method"] == [r"NME \%", r"FR@8\%"] * 3
    for method in NAMES[1:]:
        rows = {row["protocol"]: row for row in board.rows if row["method"] == method}
        numbers = [f"{rows[rule][name]:.2f}" for rule in RULES for name in ("nme", "fr08")]
        shown = [re.sub(r"\\(textbf|underline)\{([^}]*)\}", r"\2", cell) for cell in cells[method]]
        assert shown == numbers


def test_the_best_of_each_protocol_is_bold_and_ties_are_underlined(board):
    cells = body(board.to_latex(wide=True))
    marks = {name: {"textbf" in cell or 2 * ("underline" in cell) for cell in row} for name, row in cells.items()}
    both = [marks[name] for name in marks if name in NAMES[:2]]
    assert len(both) == 2 and set().union(*both) == {True, 2}
    assert marks["hog-ridge"] == marks["mean-shape"] == {0}
    assert "Underlined: not told apart from the best by paired tests." in board.to_latex(wide=True)


def test_the_caption_says_the_rules_once_and_then_what_differs(board):
    (caption,) = re.findall(r"\\caption\{(.*)\}", board.to_latex(wide=True))
    assert caption.count("a missed face is a failure") == 1 and caption.count("Trained on 5 of 9 faces of t") == 1
    assert "95" not in caption and "letter" not in caption and "Times" not in caption
    (caption,) = re.findall(r"\\caption\{(.*)\}", board.to_latex(["nme", "nme:low", "ties"], wide=True))
    assert r"95 \%: interval" in caption and "share a letter" in caption
    assert "@interpupil: errors divided by the inter-pupil distance (points 36-41 to 42-47)." in caption


def test_a_method_that_lacks_a_protocol_or_failed_stands_apart(board):
    records = [record for row in board.records for record in row.records]
    some = [one for one in records if not (one.method.label == "average" and one.protocol.name.endswith("interpupil"))]
    lost = failed("lost", records[0].protocol, reason="it fell")
    text = leaderboard([*some, lost]).to_latex(wide=True)
    below = text.partition(r"\emph{not ranked under every protocol}")[2]
    cells = body(below)
    assert cells["average"][2] == "-" and cells["lost"] == ["-", "-", "-"] and "hog-ridge" not in cells


def test_rows_that_differ_in_more_than_times_have_their_letter(board):
    records = [record for row in board.records for record in row.records]
    train = replace(records[0].train, left_out=3)
    changed = [replace(one, train=train) if one.method.label == "hog-ridge" else one for one in records]
    text = leaderboard(changed).to_latex(wide=True)
    assert "hog-ridge (a)" in text and "3 left out for unreadable images" in text


def test_names_above_columns():
    assert list(_short(["a@t=0.07", "b"]).values()) == ["a@t=0.07", "b"]
    assert list(_short(["a", "a@boxes=tight,mdm"]).values()) == ["a", "@tight,mdm"]


def test_an_unknown_column_is_refused(board):
    with pytest.raises(UnknownNameError, match="no column named 'fr07'"):
        board.to_latex(["fr07"], wide=True)


def test_table_star(board):
    text = board.to_latex(across=True)
    assert text.count(r"\begin{table*}") == text.count(r"\end{table*}") == 3 and r"\begin{table}" not in text


def test_wide_is_of_latex(tmp_path):
    done = CliRunner().invoke(app, ["leaderboard", str(tmp_path), "--wide"])
    assert isinstance(done.exception, FldbenchError) and "add --format latex" in str(done.exception)


@pytest.mark.parametrize("options", ["", "twocolumn"])
def test_no_table_is_too_wide_for_an_article(board, options, tmp_path):
    """Default tables for one column of text; in two columns wide tables, chosen columns, and whole tables across."""
    tables = {"wide": board.to_latex(wide=True), "chosen": board.to_latex(["nme", "nme:low", "fr08", "auc08"])}
    tables["whole"] = board.to_latex(across=bool(options))
    tables["intervals"] = board.to_latex(["nme", "nme:low"], wide=True, across=bool(options))
    paper = rf"\documentclass[{options}]{{article}}\usepackage[T1]{{fontenc}}\usepackage{{booktabs}}\begin{{document}}A"
    for name, text in tables.items():
        (tmp_path / f"{name}.tex").write_text(text)
        paper += f"\n\\input{{{name}}}\n"
    (tmp_path / "paper.tex").write_text(paper + "\nZ\\end{document}\n")
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed: the LaTeX was written but not compiled")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"Overfull \\hbox.*", done.stdout)
