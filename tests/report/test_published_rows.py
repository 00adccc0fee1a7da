"""Published numbers beside measured ones: below them, marked, with their own digits, never ranked, never bold."""

import csv
import io

import pytest
from made_records import NUMBERS
from made_records import made_record as record

from fldbench.metrics import Metric
from fldbench.records.record import Metrics
from fldbench.report import leaderboard


def board(protocol="300w-helen", **fields):
    return leaderboard(
        [record("good", protocol=protocol, **fields), record("better", protocol=protocol)], published=True
    )


def test_they_are_in_no_table_unless_asked_for():
    plain = leaderboard([record("good")])
    assert plain.published == {} and "SPIGA" not in plain.to_text() + plain.to_csv() + plain.to_latex()


def test_text_markdown_and_latex_show_them_below_as_they_are_printed():
    found = board()
    for text in (found.to_text(width=400), found.to_markdown(), found.to_latex(), found._repr_html_()):
        assert text.index("SPIGA (2022)") > max(text.index("good"), text.index("better"))
        assert text.count("not ranked: published by others") == 1
        assert "Published numbers are as printed by others, with their own training data" in text
        row = next(line for line in text.splitlines() if "SPIGA" in line)
        assert "2.519" in row and "68.513" in row and "**" not in row and "textbf" not in row and "<b>" not in row


def test_a_better_published_number_takes_no_rank_and_no_bold():
    found = board(metrics=NUMBERS | {"nme": 3.0, "auc08": 70.0})
    assert [(row["method"], row["rank"]) for row in found.rows] == [("good", 1), ("better", 2)]
    assert "**3.00**" in found.to_markdown()


def test_csv_marks_them():
    rows = list(csv.DictReader(io.StringIO(board().to_csv())))
    (spiga,) = [row for row in rows if row["method"] == "SPIGA (2022)"]
    assert (spiga["status"], spiga["standing"], spiga["rank"], spiga["train"], spiga["n"]) == ("published",) * 2 + (
        "",
    ) * 3
    assert (spiga["nme"], spiga["auc08"], spiga["fr08"]) == ("2.519", "68.513", "0")
    assert spiga["reason"].startswith("andresprados/SPIGA:spiga/eval/results/300wpublic")
    assert len(rows) == 3


@pytest.mark.parametrize("protocol", ["300w-helen@points=49", "300w-helen@norm=diagonal", "300w-helen@strict"])
def test_other_rules_have_none(protocol):
    metrics = Metrics(tuple(Metric(n, 4.0, t) for n, t in (("nme", None), ("fr", 0.08), ("fr", 0.1))))
    found = leaderboard([record(protocol=protocol, metrics=metrics)], published=True)
    assert "published by others" not in found.to_text()


def test_chosen_columns():
    text = board().to_markdown(["auc08"])
    assert "68.513" in text and "2.519" not in text
