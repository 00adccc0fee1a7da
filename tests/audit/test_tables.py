"""Tables as they are printed: what is read of them, what is said of the rest, and published values that cannot be."""

import pytest

from fldbench.audit.entries import read_entries
from fldbench.audit.grades import Grade
from fldbench.audit.table_files import MOST_COLUMNS, read_tables
from fldbench.audit.tables import audit_table
from fldbench.errors import DataError

LATEX = r"""
\begin{table*}[t]
\caption{NME (\%) on 300-W, inter-ocular.} % a comment & with \\ marks
\begin{tabular}{@{}l|ccc|cc@{}}
\toprule
\multirow{2}{*}{Method} & \multicolumn{3}{c|}{NME $\downarrow$} & \multirow{2}{*}{FR$_{8\%}$} & AUC$_{8\%}$ \\
 & Common & Challenging & Full & & Full \\
\midrule
LAB~\cite{lab} & 2.98 & 5.19 & \underline{3.41} & -- & n/a \\
Ours & \textbf{2.52} & $4.32_{\pm 0.03}$ & \textbf{2.87} $\pm$ 0.01 & 0.73\,\% & 64.1 \\[2pt]
\bottomrule
\end{tabular}
\end{table*}
"""
MARKDOWN = """# COFW

| method | NME (inter-pupil) | FR@10% | AUC@10% |
|:--|--:|--:|--:|
| **DCFE** | 5.27 | 7.29% | 35.86 |
| ADNet | 4.68 | 0.59 | **53.17** |
| ours | 4.6 / 4.7 | - |
"""


def entries(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return read_entries(read_tables(path))


def seen(reading):
    return [
        (e.line, e.method, e.dataset, e.subset, e.normaliser, e.metric, e.threshold, e.text) for e in reading.entries
    ]


def test_latex_with_rows_of_headings_spans_marks_and_spreads(tmp_path):
    found = entries(tmp_path, "table.tex", LATEX)
    common = "300w", "common", "inter-ocular", "nme", None
    assert seen(found)[0] == (9, "LAB", *common, "2.98")
    assert seen(found)[3] == (10, "Ours", *common, "2.52")
    assert [(e.metric, e.text, e.averaged) for e in found.entries if e.method == "Ours"] == [
        ("nme", "2.52", False),
        ("nme", "4.32", True),
        ("nme", "2.87", True),
        ("fr", "0.73", False),
        ("auc", "64.1", False),
    ]
    assert found.problems == []


def test_markdown_and_what_cannot_be_read(tmp_path):
    found = entries(tmp_path, "table.md", MARKDOWN)
    assert seen(found)[0] == (5, "DCFE", "cofw", "", "inter-pupil", "nme", None, "5.27")
    assert len(found.entries) == 6 and found.entries[0].n == 507
    assert found.problems == ["line 7, NME (inter-pupil): '4.6 / 4.7' cannot be read as a number"]


def test_csv_of_fractions_and_other_columns(tmp_path):
    text = "model;nme;auc08;fr08;fps\nA;0.0298;0.627;0.73;30\nB;0.0310;0.612;0.9;31\n"
    found = entries(tmp_path, "table.csv", text)
    assert [(e.metric, e.text) for e in found.entries[:3]] == [("nme", "2.98"), ("auc", "62.7"), ("fr", "0.73")]
    assert list(found.other_columns) == ["fps"]


def test_rows_of_metrics_under_subsets(tmp_path):
    text = (
        "metric,method,Fullset,Pose,Expression,Blur\nNME,LAB,5.27,10.24,5.51,6.32\nFR@10%,LAB,7.56,28.83,6.37,10.74\n"
    )
    found = entries(tmp_path, "wflw.csv", text)
    assert [(e.metric, e.subset, e.n) for e in found.entries][5:] == [
        ("fr", "pose", 326),
        ("fr", "expression", 314),
        ("fr", "blur", 773),
    ]
    assert [e.subset for e in found.entries].count("pose") == 2


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "method,nme\n", "no table was found"),
        ("a.csv", " ", "the file is empty"),
        ("a.csv", "\x1c", "no table was found"),  # a blank to Python, found by fuzzing
        ("a.tsv", "\x1c\n\x1f", "no table was found"),
        ("a.md", "\x1c", "no table was found"),
        ("a.tex", "\x1c", "no table was found"),
        ("a.md", "# Only words\n", "no table was found"),
        ("a.tex", r"\begin{document}\end{document}", "no table was found"),
        ("a.csv", "method,nme\na,1." + "1" * 5000, r"a\.csv, line 2: 11111111111111111111\.\.\. has too many digits"),
        ("a.csv", "method,nme\n" + "a" * 200_000, r"a\.csv: not a table of cells \(field larger than field limit"),
        ("a.xlsx", "x", "must be one of .csv, .tsv, .md, .tex"),
    ],
)
def test_files_without_a_table_are_refused(tmp_path, name, text, why):
    with pytest.raises(DataError, match=why):
        entries(tmp_path, name, text)


def test_a_column_called_pose_is_not_wflw(tmp_path):
    text = "| method | NME % | pose | smile |\n|---|---|---|---|\n| a | 8.40 | 70.4 | 80.1 |\n"
    found = entries(tmp_path, "a.md", text)
    assert [e.dataset for e in found.entries] == [""]


# The values that protocols of the field name as impossible, each in a table as it is printed.
IMPOSSIBLE = {
    "SPIGA common": ("300W common", "2.587,0.00,44.20,8", Grade.impossible, "must be at least 67.6"),
    "SPIGA outdoor": ("300W private outdoor", "2.027,0.00,37.17,7", Grade.impossible, "must be at least 7"),
    "AWing": ("WFLW expression", "4.58,2.23,51.49,10", Grade.only_with, "must be at least 54.1"),
    "DCFE": ("COFW", "5.27,7.29,35.86,10", Grade.only_with, "the AUC is at 5, 7 or 8 %, not 10 %"),
    "AWing COFW": ("COFW", "4.94,0.99,64.40,10", Grade.only_with, "the 5 failing faces of 507 have a mean error"),
    "TUFA": ("COFW", "3.07,0.02,,10", Grade.only_with, "of points, 3 of 14703, and not of faces"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_the_impossible_values_of_published_tables_are_found(tmp_path, name):
    place, numbers, grade, why = IMPOSSIBLE[name]
    *values, t = numbers.split(",")
    path = tmp_path / "table.csv"
    path.write_text(f"method,{place} NME,{place} FR@{t}%,{place} AUC@{t}%\n{name},{','.join(values)}\n")
    (found,) = audit_table(path).findings
    assert (found.grade, found.lines) == (grade, (2,)) and why in found.text


def test_wording_keeps_to_what_was_tried(tmp_path):
    for name, (place, numbers, grade, _) in IMPOSSIBLE.items():
        *values, t = numbers.split(",")
        path = tmp_path / "table.csv"
        path.write_text(f"method,{place} NME,{place} FR@{t}%,{place} AUC@{t}%\n{name},{','.join(values)}\n")
        for found in audit_table(path).findings:
            assert ("No convention known to fldbench allows it." in found.text) == (grade is Grade.impossible)
            assert ("It can be right only if" in found.text) == (grade is Grade.only_with)
            assert "wrong" not in str(found) and "false" not in str(found)


UNIONS = "method,300W common NME,300W challenging NME,300W full NME\nA,{},{},{}\n"


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        (("2.52", "4.32", "2.87"), None),  # (554 * 2.52 + 135 * 4.32) / 689 = 2.873
        (("2.52", "4.32", "3.42"), "the whole is the plain mean of its parts"),
        (("2.52", "4.32", "4.10"), "full is by another normaliser than its parts"),
        (("4.32", "2.52", "2.87"), "the numbers of common and challenging are exchanged"),
        (("2.52", "4.32", "9.00"), "No convention known to fldbench allows it"),
    ],
)
def test_unions_are_the_weighted_means_of_their_parts(tmp_path, numbers, why):
    path = tmp_path / "table.csv"
    path.write_text(UNIONS.format(*numbers))
    found = audit_table(path).findings
    assert (why is None and not found) or why in found[0].text


def test_a_part_is_at_most_what_its_whole_has(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("method,WFLW NME,WFLW pose NME\nA,4.00,7.00\nB,4.00,31.00\n")
    (found,) = audit_table(path).findings
    assert found.lines == (3,) and "must be at most 30.7" in found.text


def test_several_methods_of_one_name_are_several(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(UNIONS.format("2.52", "4.32", "2.87") + "A,3.00,5.00,3.39\n")
    assert audit_table(path).findings == ()


MIXED = "method,{} NME\nSLPT,3.32\nHIH-B [3],3.21\nLAB,5.58\nours,3.00\n"


def test_a_column_of_two_normalisers_is_known_by_published_numbers(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(MIXED.format("COFW"))
    (found,) = audit_table(path).findings
    assert found.grade is Grade.only_with and found.lines == (2, 3, 4)
    assert (
        "SLPT 3.32 is published by inter-ocular" in found.text and "LAB 5.58 is published by inter-pupil" in found.text
    )
    path.write_text(MIXED.format("COFW inter-ocular"))
    (found,) = audit_table(path).findings
    assert found.lines == (4,) and "NME under inter-ocular: LAB 5.58 is published by inter-pupil" in found.text
    path.write_text(MIXED.replace("LAB,5.58", "LAB,3.92").format("COFW"))
    assert audit_table(path).findings == ()


def test_two_normalisers_of_one_model_have_a_ratio(tmp_path):
    path = tmp_path / "table.csv"
    head = "method,COFW inter-ocular NME,COFW inter-pupil NME\n"
    path.write_text(head + "A,3.21,4.63\nB,4.63,3.21\nC,3.21,3.21\nD,3.21,9.00\n")
    found = {one.lines[0]: one for one in audit_table(path).findings}
    assert set(found) == {3, 4, 5}
    assert "the two normalisers are exchanged" in found[3].text
    assert "both are by the same normaliser" in found[4].text and found[5].grade is Grade.impossible
    path.write_text("method,AFLW box NME,AFLW diagonal NME\nA,1.41,0.94\nB,1.20,0.94\n")
    (one,) = audit_table(path).findings
    assert one.lines == (3,) and "it is at least 1.41" in one.text


def test_a_number_that_is_given_twice_is_said(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("method,NME,NME\nA,3.2,3.4\n")
    assert audit_table(path).problems == (
        "line 2: NME is given twice for the same faces and normaliser; only the first is checked",
    )


def test_a_cell_spans_no_more_columns_than_a_table_has(tmp_path):
    span = r"\multicolumn{999999999999}{c}{300-W}"
    text = rf"\begin{{tabular}}{{lr}} Method & {span} \\\\ \midrule a & 1.0 \\\\ \end{{tabular}}"
    (tmp_path / "a.tex").write_text(text)
    assert [len(grid.headings) for grid in read_tables(tmp_path / "a.tex")] == [MOST_COLUMNS + 1]


def test_lines_of_old_computers_are_lines(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"method,nme\ra,1.5\rb,2.5\r")
    assert [row.cells for row in read_tables(tmp_path / "a.csv")[0].rows] == [["a", "1.5"], ["b", "2.5"]]


def test_tabulars_that_never_end_are_read_once_each(tmp_path):
    """Whoever reads on to the end of the file for each of them takes the square of the time."""
    open_ones = "".join(f"\\begin{{tabular}}{{lr}} Method & NME \\\\ m{i} & {i}.5 \\\\\n" for i in range(200))
    (tmp_path / "a.tex").write_text(open_ones)
    grids = read_tables(tmp_path / "a.tex")
    assert [row.cells for grid in grids for row in grid.rows] == [[f"m{i}", f"{i}.5"] for i in range(200)]
    assert [grid.rows[0].line for grid in grids] == [*range(1, 201)]


@pytest.mark.parametrize("said", ["0", "-1", "1/0", "nan", "1e400", "1e999999999"])
def test_thresholds_are_plain_numbers_above_0(tmp_path, said):
    path = tmp_path / "a.csv"
    path.write_text(f"method,metric,threshold,value\nA,fr,{said},3.1\nA,nme,,3.1\nA,auc,8,99\n")
    found = audit_table(path)
    assert found.problems == (f"line 2: the threshold is {said!r}; it must be a number above 0",)
    assert found.checked == 3


def test_any_threshold_and_any_number_of_faces_take_no_room_and_no_time(tmp_path):
    """AUC@4294967295 asked for terabytes, and missed faces were tried one after another."""
    path = tmp_path / "a.csv"
    path.write_text("method,NME,AUC@4294967295\nA,4.25,50.2\n")
    (finding,) = audit_table(path).findings
    assert "AUC@4294967295% is 50.2; must be at least 100, which is 1 - NME / t" in finding.text
    path.write_text(f"method,n,NME,FR@8,AUC@8\nA,{'1' * 39},4.25,3.10,50.2\nB,100,4.25,40.0,44.0\n")
    (finding,) = audit_table(path).findings
    # 1 - NME / t is at least 46.75 %, and the area at most 44.1 % + 5/3 0.01 % / 8 % = 44.31 %. Of 100 faces, 5 missed
    # ones leave 0.95 * 46.75 % = 44.41 %, which is too much, and 6 leave 43.9 %.
    assert finding.lines == (3,) and "or at least 6 of 100 faces were missed" in finding.text


def test_equal_rows_have_equal_findings_on_lines_of_their_own(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("method,NME,AUC@8\n" + "A,5.27,20\n" + "".join(f"B{i},5.27,20\n" for i in range(5)))
    found = audit_table(path).findings
    assert [one.lines for one in found] == [(line,) for line in range(2, 8)]
    assert len({one.text.partition(": ")[2] for one in found}) == 1
