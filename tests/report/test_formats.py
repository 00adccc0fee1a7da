"""Printed tables: nothing in a name is syntax, tables fit a page, and what is printed reads well."""

import csv
import io
import re
from collections import Counter
from html.parser import HTMLParser

import pandas
import pytest
from hostile_names import HOSTILE
from made_records import NUMBERS, failed
from made_records import made_record as record

from fldbench import escape
from fldbench.records.record import MethodFacts, TestFacts, Timings, TrainFacts
from fldbench.report import formats, leaderboard
from fldbench.report.fit import TEXT_WIDTH, fitting, width_of

NAMES = [name for name in HOSTILE if name]
# The longest labels of the suites in results/.
SHIPPED = ["hybrid, cnn-small to hog-ridge", "ert, 150 trees a level, 2 copies", "resnet50-wing, 112 px", "fld-net"]


@pytest.fixture(scope="module")
def hostile():
    """Labels, reasons, training sets and stated boxes that are syntax somewhere."""
    records = []
    for i, name in enumerate(NAMES):
        records.append(record(MethodFacts(name, name, code={"a": "1"}), key=f"ok{i}"))
        records.append(failed(MethodFacts(f"f{i}", f"f{i}"), reason=name, key=f"failed{i}"))
        test = TestFacts(n=330, complete=True, boxes=name)
        outside = MethodFacts("outside", f"theirs {i}")
        records.append(record(outside, key=f"out{i}", test=test, train=TrainFacts(name, fingerprint=str(i))))
    return leaderboard(records)


def test_every_line_of_every_format_is_printable(hostile):
    for text in (hostile.to_text(), hostile.to_markdown(), hostile.to_latex(), hostile.to_csv(), hostile._repr_html_()):
        assert all(line.isprintable() for line in text.split("\n"))
        assert text.encode("utf-8")


def test_long_names_are_cut_in_printed_tables_and_not_in_csv(hostile):
    assert "x" * 5000 in hostile.to_csv()
    for text in (hostile.to_text(), hostile.to_markdown(), hostile.to_latex(), hostile._repr_html_()):
        assert "x" * (escape.LONGEST + 1) not in text


def test_csv_reads_back_with_the_same_labels(hostile):
    text = hostile.to_csv()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(text.splitlines()) == len(rows) + 1 == len(hostile.rows) + 1
    frame = pandas.read_csv(io.StringIO(text), keep_default_na=False)
    methods = frame["method"].tolist()
    assert methods == [row["method"] for row in rows]
    harmless = [name for name in NAMES if escape.csv_cell(name) == name]
    assert len(harmless) > 15 and set(harmless) <= set(methods) and set(harmless) <= set(frame["reason"])
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row.values())


def test_negative_numbers_in_csv_stay_numbers():
    values = leaderboard([record(train=TrainFacts("-t", fingerprint="f"))])
    assert ",'-t," in values.to_csv()
    from fldbench.report.columns import NME, csv_cell

    assert csv_cell(NME, -1.5) == "-1.5000"


def test_markdown_has_no_element_of_a_name(hostile):
    parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable(["table", "strikethrough"])
    found = Counter()
    for token in parser.parse(hostile.to_markdown()):
        found[token.type.removesuffix("_open")] += 1
        found.update(child.type.removesuffix("_open") for child in token.children or ())
    tables, rows = len(hostile.sections()), len(hostile.rows)
    parts = sum(len({row["standing"] for row in rows} - {"ranked"}) for _, rows in hostile.sections())
    assert found["table"] == tables and found["tr"] == rows + tables + parts and found["em"] == parts
    known = {"table", "thead", "tbody", "tr", "th", "td", "inline", "text", "paragraph", "heading", "strong", "em"}
    assert {name.removesuffix("_close") for name in found} <= known | {"bullet_list", "list_item"}
    assert found["strong"] <= 4 * len(NAMES)


def test_html_has_no_element_of_a_name(hostile):
    seen = Counter()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen[tag] += 1
            assert {name for name, _ in attrs} <= {"style", "colspan"}

    Reader().feed(hostile._repr_html_())
    assert set(seen) <= {"h4", "table", "tr", "th", "td", "b", "i", "p", "ul", "li"}
    assert seen["table"] == len(hostile.sections())


def test_latex_has_no_argument_after_a_row_and_no_command_of_a_name(hostile):
    text = hostile.to_latex()
    assert not re.search(r"\\\\\s*[\[*]", text) and not re.search(r"\\(mid|top|bottom)rule\s*[\[*]", text)
    assert r"\input{x}" not in text and text.isascii()
    body = text.partition(formats.LATEX_HEAD)[2]
    assert body.count("{") - body.count(r"\{") == body.count("}") - body.count(r"\}")


def wide():
    """Rows with long labels and long numbers, over three seeds."""
    numbers = {"nme": 17.5, "fr08": 100.0, "fr10": 100.0, "auc08": 0.0}
    timings = Timings(fit_seconds=1389.0, ms_per_face=16.45, ms_one_face=41.8)
    return [
        record(name, seed=seed, key=f"{name}{seed}", metrics=numbers | {"nme": 17 + seed / 9}, timings=timings)
        for name in SHIPPED
        for seed in range(3)
    ]


def test_latex_fits_the_text_of_an_article():
    for records in (wide(), [*wide(), record("p", n=100)]):
        board = leaderboard(records)
        for table in board._tables(longest_name=formats.LATEX_NAME):
            assert width_of(table) > TEXT_WIDTH >= width_of(fitting(table))
            assert {"nme", "fr08", "auc08"} <= {column.name for column in fitting(table).columns}
    # What tells rows apart stays longer than what is the same in all of them.
    shown = [column.name for column in fitting(leaderboard([*wide(), record("p", n=100)])._tables()[0]).columns]
    assert "n" in shown and "missed" not in shown and "fr10" not in shown


def test_wanted_columns_fit_a_column_of_a_paper_with_shorter_names():
    text = leaderboard(wide()).to_latex(["nme", "fr08", "auc08"])
    names = re.findall(r"\\fldbenchname\{([^}]*)\}\{(.*?)\} &", text)
    assert [long for long, _ in names] == ["ert, 150 trees a level, 2 copies", *sorted(SHIPPED[::2])]
    assert all(short.replace(r"\dots{}", "…").count("…") == 1 for _, short in names)
    assert "fld-net & " in text and r"\providecommand{\fldbenchname}" in text
    assert r"\fldbenchname{" not in leaderboard(wide()).to_latex().partition(formats.LATEX_HEAD)[2]


def test_long_names_that_begin_and_end_alike_stay_different():
    long = [f"{'a' * 80}{i}{'z' * 80}" for i in range(3)]
    text = leaderboard([record(name, metrics=NUMBERS | {"nme": 4 + i / 9}) for i, name in enumerate(long)]).to_text()
    shown = [line.split("  ")[0] for line in text.splitlines() if line.startswith("aaa")]
    assert len(set(shown)) == 3 and all(len(name) <= escape.LONGEST_NAME + 3 for name in shown)


def test_reasons_are_cut_in_printed_tables_and_whole_in_csv():
    board = leaderboard([failed(reason="why " * 200 + "\nand why")])
    note = next(line for line in board.to_markdown().splitlines() if line.startswith("- m: failed"))
    assert "…" in note and len(note) < escape.LONGEST + 20 and note.endswith(r"why \\nand why")
    assert "why " * 200 + "\\nand why" in board.to_csv()


def test_huge_numbers_do_not_widen_a_table():
    text = leaderboard([record(metrics=NUMBERS | {"nme": 1e150, "fr08": 100.0, "fr10": 100.0, "auc08": 0.0})]).to_text()
    assert "1.0e+150" in text


def test_a_board_prints_as_aligned_text():
    board = leaderboard([record("a", metrics=NUMBERS | {"nme": 12.5}), record("中文", metrics=NUMBERS | {"nme": 13.0})])
    title, _, head, rule, first, second, *_ = str(board).splitlines()
    assert title == "300w-helen, trained on t" and set(rule) == {"-"}
    assert head.index("NME %") + 5 == first.index("12.50") + 5 == second.index("13.00") + 5 + 2  # each sign is two wide
    assert repr(board) == "Leaderboard(2 rows in 1 table)"
