"""Intervals, ties, ranks and robust summaries in tables: by hand, by a second route, and in the cases that are odd."""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from made_records import NUMBERS, made_record, measured_record

import fldbench
from fldbench.protocols import hash_of_ids
from fldbench.report import leaderboard
from fldbench.report.tested import MOST_ROWS
from fldbench.stats import summary_interval, tie_groups

IDS = np.array([f"face {i:03d}" for i in range(330)])


@pytest.fixture
def errors():
    """Errors of a good method; some of them are large."""
    rng = np.random.default_rng(3)
    return rng.lognormal(-3.4, 0.4, len(IDS))


def board_of(named, ids=IDS, **fields):
    """The leaderboard of methods by their errors: (n,) of one training, or (a, n)."""
    return leaderboard(
        measured_record(one, ids, method=name, seed=seed, key=f"{name}{seed}", **fields)[0]
        for name, trainings in named.items()
        for seed, one in enumerate(np.atleast_2d(trainings))
    )


def rows_of(board):
    return {row["method"]: row for row in board.rows}


def near(errors, seed, by=0.0):
    """The same errors, changed a little at random for each face."""
    return errors * np.random.default_rng(seed).lognormal(by, 0.2, len(errors))


def test_rows_that_cannot_be_told_apart_share_a_letter(errors):
    rows = rows_of(board_of({"best": errors, "same": near(errors, 1, -0.02), "worse": near(errors, 2, 0.2)}))
    assert {name: row["ties"] for name, row in rows.items()} == {"best": "a", "same": "a", "worse": "b"}
    ranks = {name: (row["rank_low"], row["rank_high"]) for name, row in rows.items()}
    assert ranks == {"best": (1, 2), "same": (1, 2), "worse": (3, 3)}


def test_letters_are_those_of_the_tests_of_all_pairs(errors):
    from fldbench.stats import pairwise_p

    methods = {f"m{i}": near(errors, i, 0.02 * i) for i in range(8)}
    board = board_of(methods)
    ordered = [methods[row["method"]][None] for row in board.rows]
    assert [row["ties"] for row in board.rows] == tie_groups(pairwise_p(ordered) < 0.05)
    assert len({row["ties"] for row in board.rows}) > 2


def test_the_order_of_faces_and_of_records_changes_nothing(errors):
    other = near(errors, 1)
    turned = np.random.default_rng(0).permutation(len(IDS))
    first = measured_record(errors, IDS, method="a", key="a")[0]
    second = measured_record(other, IDS, method="b", key="b")[0]
    moved = measured_record(other[turned], IDS[turned], method="b", key="b")[0]
    assert leaderboard([first, second]).rows == leaderboard([moved, first]).rows


def test_intervals_are_those_of_the_statistics(errors):
    seeds = np.stack([near(errors, seed) for seed in range(4)])
    row = rows_of(board_of({"m": seeds}))["m"]
    known = summary_interval(seeds)
    assert (row["nme:low"], row["nme:high"]) == pytest.approx((100 * known.low, 100 * known.high), rel=0.02)
    assert row["nme:low"] < row["nme"] < row["nme:high"] and known.over_seeds
    for key in ("fr08", "fr10", "auc08"):
        assert row[f"{key}:low"] < row[key] < row[f"{key}:high"]


def test_robust_summaries_by_hand():
    errors = np.array([0.01, 0.02, 0.03, 0.04, 0.50])
    row = rows_of(board_of({"m": errors}, IDS[:5]))["m"]
    assert row["nme"] == pytest.approx(12.0) and row["median"] == pytest.approx(3.0)
    assert row["clipped"] == pytest.approx((1 + 2 + 3 + 4 + 8) / 5)
    assert row["without_worst"] == pytest.approx(2.5)
    share = 38**2 / (11**2 + 10**2 + 9**2 + 8**2 + 38**2)
    assert row["worst_share"] == pytest.approx(100 * share)


def test_numbers_agree_in_every_format(errors):
    board = board_of({"best": errors, "same": near(errors, 1, -0.02), "worse": near(errors, 2, 0.2)})
    latex, markdown, text, html = board.to_latex(), board.to_markdown(), board.to_text(), board._repr_html_()
    for row in csv.DictReader(io.StringIO(board.to_csv())):
        low, high = (f"{float(row[f'nme:{end}']):.2f}" for end in ("low", "high"))
        nme = f"{float(row['nme']):.2f}"
        ranks = row["rank_low"] if row["rank_low"] == row["rank_high"] else f"{row['rank_low']}–{row['rank_high']}"
        cells = f"{low}–{high}", row["ties"], ranks
        shown = " | ".join(cells)
        assert f"| {row['method']} | {nme} | {shown} |" in markdown.replace("**", "")
        assert re.search(rf"{row['method']} +{nme} +{' +'.join(cells)} ", text)
        assert all(f">{cell}<" in html for cell in cells)
        line = next(line for line in latex.splitlines() if line.startswith(f"{row['method']} & "))
        assert nme in line and f"{low}\\textendash{{}}{high} & {row['ties']} & " in line


def test_the_best_is_bold_and_those_tied_with_it_are_underlined(errors):
    text = board_of({"best": errors, "same": near(errors, 1, 0.0), "worse": near(errors, 2, 0.2)}).to_latex()
    lines = {line.split(" & ")[0]: line for line in text.splitlines() if " & " in line}
    first, second = sorted(("best", "same"), key=lambda name: float(re.findall(r"\d+\.\d+", lines[name])[0]))
    assert re.search(r"& \\textbf\{\d", lines[first]) and r"\underline" not in lines[first]
    assert re.search(r"& \\underline\{\d", lines[second]) and r"\underline" not in lines["worse"]


def test_captions_say_what_letters_and_intervals_are(errors):
    one = board_of({"a": errors, "b": near(errors, 1)}).captions["t", "300w-helen"]
    assert "95 %: interval of the NME, by a bootstrap over faces." in one
    assert "Rows that share a letter cannot be told apart by their NME" in one
    assert "Where a method was trained once, this is about that trained model alone." in one
    several = {name: np.stack([near(errors, seed + k) for seed in range(3)]) for k, name in enumerate("ab")}
    caption = board_of(several).captions["t", "300w-helen"]
    assert "over faces and trainings." in caption and "trained once" not in caption


def test_a_table_with_missed_faces_is_told_apart_by_auc(errors):
    lost = errors.copy()
    lost[np.argsort(errors)[-30:]] = np.nan  # the NME of the faces found is smaller
    board = board_of({"gives up": lost, "answers": errors * 0.99})
    assert board.rows[0]["method"] == "answers" and [row["ties"] for row in board.rows] == ["a", "b"]
    assert "cannot be told apart by their AUC" in board.captions["t", "300w-helen"]
    assert r"\underline" not in board.to_latex()


def test_a_partial_row_has_an_interval_and_no_letter(errors):
    whole = measured_record(errors, IDS, method="whole", key="w")[0]
    other = measured_record(near(errors, 1), IDS, method="other", key="o")[0]
    part = measured_record(errors[:100], IDS[:100], method="part", key="p")[0]
    part = replace(part, protocol=whole.protocol, test=replace(part.test, complete=False))
    rows = rows_of(leaderboard([whole, part, other]))
    assert rows["part"]["ties"] == "" and rows["part"]["rank_low"] is None and rows["part"]["nme:low"] is not None
    assert rows["whole"]["ties"] == "a" and rows["whole"]["rank_high"] == 2


def test_ranks_are_told_only_where_all_ranked_rows_have_errors(errors):
    first, second = (measured_record(near(errors, i), IDS, method=f"m{i}", key=f"{i}")[0] for i in range(2))
    bare = replace(measured_record(near(errors, 2, 0.3), IDS, method="bare", key="b")[0], kept=None)
    rows = rows_of(leaderboard([first, second, bare]))
    assert rows["m0"]["ties"] == "a" and rows["m0"]["rank_low"] is None
    assert rows["bare"]["ties"] is None and rows["bare"]["nme:low"] is None


def test_without_errors_a_table_has_no_such_columns():
    board = leaderboard([made_record("a"), made_record("b", metrics=NUMBERS | {"nme": 5.0})])
    assert not {"ties", "nme:low", "median"} & {column.name for column in board.columns}
    assert "95 %" not in board.to_markdown() and "letter" not in board.to_markdown()


@pytest.mark.parametrize("values", [[0.03, 0.04, 0.05], [0.03, 0.03, 0.03]])
def test_three_faces_and_equal_errors(values):
    errors = np.array(values)
    board = board_of({"a": errors, "b": errors, "c": errors * 2}, IDS[:3])
    rows = rows_of(board)
    assert {row["ties"] for row in rows.values()} == {"a"}  # three faces decide nothing
    assert all(row["nme:low"] <= row["nme"] + 1e-9 and row["nme"] <= row["nme:high"] + 1e-9 for row in rows.values())
    if len(set(values)) == 1:
        assert rows["a"]["nme:low"] == pytest.approx(3.0) and "| 3.00 | a |" in board.to_markdown()


def test_one_face_has_no_interval():
    row = rows_of(board_of({"a": np.array([0.03])}, IDS[:1]))["a"]
    assert row["nme:low"] is None and row["without_worst"] is None and row["median"] == pytest.approx(3.0)


def test_a_method_that_found_no_face(errors):
    rows = rows_of(board_of({"none": np.full(len(IDS), np.nan), "a": errors}))
    assert rows["none"]["nme:low"] is None and rows["none"]["median"] is None and rows["none"]["ties"] == "b"
    assert rows["none"]["fr08:low"] > 98 and rows["none"]["fr08:high"] == 100


def test_groups_widen_intervals(errors):
    rng = np.random.default_rng(0)
    clips = np.repeat(np.arange(33), 10)
    errors = 0.03 * rng.lognormal(0, 0.3, 33)[clips] * rng.lognormal(0, 0.1, 330)
    record, arrays = measured_record(errors, IDS)
    arrays |= {"groups": clips}
    grouped = replace(record, kept=lambda names: {name: arrays[name] for name in names if name in arrays})
    alone, together = (leaderboard([one]).rows[0] for one in (replace(record, kept=without_groups(arrays)), grouped))
    assert together["nme:high"] - together["nme:low"] > 2 * (alone["nme:high"] - alone["nme:low"])
    assert "over whole groups of faces" in next(iter(leaderboard([grouped]).captions.values()))


def without_groups(arrays):
    return lambda names: {name: arrays[name] for name in names if name in arrays and name != "groups"}


@pytest.mark.parametrize("rules", ["300w-helen@missed=skipped", "300w-helen@reduction=micro", "300w-helen@auc=menpo"])
def test_other_rules(errors, rules):
    errors = errors.copy()
    errors[:5] = np.nan
    protocol = replace(fldbench.get_protocol(rules), ids_sha256=hash_of_ids(IDS.tolist()))
    found = [measured_record(one, IDS, protocol=protocol, method=str(k), key=str(k), complete=False)[0]
             for k, one in enumerate((errors, near(errors, 1)))]  # fmt: skip
    rows = leaderboard([replace(one, test=replace(one.test, complete=True)) for one in found]).rows
    assert all(row["nme:low"] < row["nme"] < row["nme:high"] for row in rows)
    assert ("auc08:low" in rows[0]) == ("menpo" not in rules)


def test_a_board_of_very_many_rows_has_none_and_says_so(errors):
    record = measured_record(errors, IDS)[0]
    many = [replace(record, key=str(i), method=replace(record.method, label=f"m{i}")) for i in range(MOST_ROWS + 1)]
    board = leaderboard(many)
    assert "ties" not in board.rows[0] and board.left_out[-1].startswith("no intervals and no ties: more than 400 rows")
