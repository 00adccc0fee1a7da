"""The table of attributes: what it shows, in which order, in every format; and the columns of the CSV file."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from made_attributes import EVEN, POSE, POSES, RARE, N, answering, moods, sure
from made_records import TRAIN, failed, made_record

from fldbench.metrics import Metric
from fldbench.records.store import Store, read_records
from fldbench.report import leaderboard
from fldbench.report.columns import metric_column
from fldbench.report.fit import TEXT_WIDTH, fitting, width_of


def section(text):
    """The lines of the Markdown table of attributes."""
    return text.split("### 300w-helen, trained on t: attributes\n\n")[1].split("\n")


def test_landmarks_alone_have_one_table():
    board = leaderboard([made_record("a"), made_record("b")])
    assert board.attributes == {} and ": attributes" not in board.to_text()


def test_the_columns_suit_the_classes_and_the_rows_stand_as_in_the_first_table():
    board = leaderboard([made_record("c"), answering("a", moods(33), 5.0), answering("b", moods(66), 3.0)])
    lines = section(board.to_markdown())
    assert lines[0] == "| method | smile acc. | glasses bal. | pose bal. | pose dist. |"
    # Of 33 wrong ones 4 are among the 33 with glasses and 29 among the 297 without; of 66 there are 7 and 59.
    a, b = (50 * ((33 - worn) / 33 + (297 - bare) / 297) for worn, bare in ((4, 29), (7, 59)))
    assert lines[2] == f"| b | 80.0 | {b:.1f} | 80.0 | 0.20 |"
    assert lines[3] == f"| a | **90.0** | **{a:.1f}** | **90.0** | **0.10** |"
    assert lines[4] == ""
    first = board.to_markdown().split("\n")
    assert [line.split(" | ")[0] for line in first if line.startswith("| ")][:4] == ["| method", "| b", "| c", "| a"]


def test_attributes_stand_in_the_order_of_the_tasks_when_records_are_read_again(tmp_path):
    store = Store(tmp_path)
    store.write(answering("a", moods(33)))
    (record,) = read_records(tmp_path)
    assert list(record.attributes.measured) == ["glasses", "pose", "smile"]  # as JSON sorts them
    assert section(leaderboard(tmp_path).to_markdown())[0].startswith(
        "| method | smile acc. | glasses bal. | pose bal."
    )
    (counted,) = leaderboard(tmp_path).attributes["t", "300w-helen"].counted
    assert list(counted.counts) == ["smile", "glasses", "pose"]


def test_the_caption_says_what_the_columns_are_and_how_many_faces_are_known():
    few = RARE.copy()
    few[:30] = -1
    two = np.where(POSE == 2, 1, POSE)
    answers = {"glasses": (few, sure(RARE, 2), ("no", "yes")), "pose": (two, sure(two, 3), POSES)}
    caption = leaderboard([answering("a", answers)]).attributes["t", "300w-helen"].caption
    assert caption == (
        "300w-helen: attributes, in the order of the table of landmarks. bal.: balanced accuracy in %, the mean over "
        "the classes that occur of the share of their faces that was answered right; it stands for more than two "
        "classes, and where one has more than two thirds of the faces. dist.: mean distance of the answered class to "
        "the true one, in classes. A face without an answer counts as the worst answer. Known of 330 faces: "
        "glasses 300, pose 330 (2 of 3 classes occur)."
    )
    assert "acc.: accuracy" in leaderboard([answering("a", moods(0))]).attributes["t", "300w-helen"].caption


def test_means_over_seeds_have_a_standard_deviation():
    board = leaderboard([answering("a", moods(wrong), seed=seed) for seed, wrong in enumerate((0, 33, 66))])
    assert section(board.to_markdown())[2].startswith("| a (a)" if board.rows[0]["remark"] else "| a | 90.0 ± 10.0 |")
    assert "| 90.0 ± 10.0 |" in section(board.to_markdown())[2] and "0.10 ± 0.10" in section(board.to_markdown())[2]
    (row,) = csv.DictReader(io.StringIO(board.to_csv()))
    assert (row["accuracy:smile"], row["accuracy:smile:sd"]) == ("90.0000", "10.0000")


def test_csv_holds_every_metric_of_every_attribute_and_no_spread_of_one_seed():
    board = leaderboard([made_record("b"), answering("a", moods(33))])
    rows = list(csv.DictReader(io.StringIO(board.to_csv())))
    names = [name for name in rows[0] if ":" in name]
    shares = ("accuracy", "balanced_accuracy", "average_precision", "ece")
    expected = [f"{key}:{name}" for name in ("smile", "glasses", "pose") for key in shares]
    assert names == [*expected, "class_distance:pose"]
    own = {row["method"]: row for row in rows}
    assert own["a"]["accuracy:glasses"] == "90.0000" and own["b"]["accuracy:glasses"] == ""
    assert len(board.frame.columns) == len(rows[0])


def test_any_column_is_printed_on_request_in_one_table():
    board = leaderboard([answering("a", moods(33)), answering("b", moods(66))])
    wanted = ["nme", "accuracy:glasses", "ece:pose"]
    text = board.to_markdown(wanted)
    assert "| method | NME % | glasses acc. | pose ECE |" in text and ": attributes" not in text
    assert "| a | **4.00** | **90.0** | **10.0** |" in text


def test_partial_contaminated_and_failed_rows_are_labelled_as_in_the_first_table():
    best = moods(0)
    some = {name: (codes[:320], answers[:320], classes) for name, (codes, answers, classes) in best.items()}
    partial = answering("few", some, n=320, key="few")
    seen = answering("seen", best, train=replace(TRAIN, overlap="all faces"), key="seen")
    board = leaderboard([answering("a", moods(33)), answering("b", moods(66)), partial, seen, failed("gone")])
    lines = section(board.to_markdown())
    assert lines[2].startswith("| a | **90.0** |") and lines[3].startswith("| b | 80.0 |")
    assert lines[4] == "| *not ranked: not all faces or seeds* | | | | |"
    assert lines[5].startswith("| few (a) | 100.0 |")
    assert lines[6] == "| *not ranked: trained on test faces* | | | | |"
    assert lines[7].startswith("| seen (contaminated) | 100.0 |")
    text = "\n".join(lines)
    assert "- (a) Partial: only 320 of 330 test faces." in text and "gone" not in text
    assert "Not ranked, because all faces: seen (contaminated)." in text


def test_what_was_not_answered_or_not_measured_is_said():
    why = "its classes are west, east; those of the test faces are left, frontal, right"
    smile = {"smile": (EVEN, sure(EVEN, 2, lost=3), ("no", "yes"))}
    board = leaderboard([answering("a", smile, left_out={"pose": why}), answering("b", moods(9))])
    notes = board.attributes["t", "300w-helen"].notes
    assert notes == ("a: faces without an answer: smile 3", f"a: pose is not measured: {why}")
    lines = section(board.to_markdown())
    assert lines[2] == "| a | **99.1** | - | - | - |"
    assert f"- {notes[0]}" in lines


def test_nothing_known_is_no_number_and_no_crash():
    nothing = {"smile": (np.full(N, -1), sure(EVEN, 2), ("no", "yes"))}
    board = leaderboard([answering("a", nothing)])
    assert [row["status"] for row in board.rows] == ["ok"]
    assert "Known of 330 faces: smile 0 (0 of 2 classes occur)." in board.to_text().replace("\n  ", " ")


@pytest.mark.parametrize("name", ["m", "a network with quite a long name (wide)"])
def test_a_latex_table_fits_the_page_and_drops_distances_first(name):
    many = moods(33) | {f"illumination {i}": (EVEN, sure(EVEN, 2, 33), ("no", "yes")) for i in range(4)}
    board = leaderboard([answering(name, many, seed=seed) for seed in range(2)])
    whole = board._tables(None)[1]
    table = fitting(whole)
    assert width_of(whole) > TEXT_WIDTH >= width_of(table)
    kept = [column.name for column in table.columns]
    assert kept[0] == "accuracy:smile" and "class_distance:pose" not in kept
    latex = board.to_latex()
    assert r"\label{tab:300w-helen-t}" in latex and r"\label{tab:300w-helen-attributes-t}" in latex
    assert board.to_text().count("a network" if name != "m" else "m  ") >= 1


def test_hostile_names_are_text_in_every_format():
    odd = {"a|b\n<i>$x_1$": (EVEN, sure(EVEN, 2), ("no", "yes"))}
    board = leaderboard([answering("a", odd, left_out={"c\r\nd": "x|y"})])
    assert r"a\|b" in board.to_markdown() and "\n<i>" not in board.to_markdown()
    assert "<i>$x" not in board._repr_html_() and r"\$x\_1\$" in board.to_latex()


def test_headings_of_all_metrics():
    names = ("accuracy", "balanced_accuracy", "average_precision", "ece", "class_distance")
    columns = [metric_column(Metric(name, 0.0, of="pose")) for name in names]
    assert [one.heading for one in columns] == ["pose acc.", "pose bal.", "pose AP", "pose ECE", "pose dist."]
    assert [one.higher_is_better for one in columns] == [True, True, True, False, False]
