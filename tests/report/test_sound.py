"""Records whose numbers cannot be true are shown without them, and never take the table with them."""

from dataclasses import replace

import pytest
from made_records import NUMBERS
from made_records import made_record as record

from fldbench.errors import StoreError
from fldbench.metrics import Metric
from fldbench.records.record import MethodFacts, Metrics, TestFacts
from fldbench.records.store import Store
from fldbench.report import leaderboard


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ({"auc08": 20.0}, "contradicts itself: AUC@8% is 20; must be at least 50, which is 1 - NME / t"),
        ({"fr08": 10.1}, "contradicts itself: FR@8% is 10.1; no whole number of 330 faces is that share"),
        ({"nme": float("inf")}, "nme is not finite"),
        ({"nme": None}, "nme is not finite"),
        ({"fr10": None}, "fr10 is not finite"),
        ({"auc08": float("nan")}, "auc08 is not finite"),
        ({"nme": -1.0}, "nme -1 is out of its limits"),
        ({"fr10": 101.0}, "fr10 101 is out of its limits"),
        ({"auc08": -3.0}, "auc08 -3 is out of its limits"),
    ],
)
def test_a_record_that_cannot_be_true_has_no_number_and_the_others_stay(numbers, why):
    board = leaderboard([record("good"), record("bad", metrics=NUMBERS | numbers)])
    assert [(row["method"], row["status"], row["nme"], row["rank"]) for row in board.rows] == [
        ("good", "ok", 4.0, 1),
        ("bad", "unsound", None, None),
    ]
    reason = f"record bad-300w-helen-0-330 (bad under 300w-helen): {why}"
    assert board.rows[1]["reason"] == reason and f"bad: unsound: {reason}" in board.to_text(width=500)


@pytest.mark.parametrize(("n", "missed"), [(330, 331), (330, -1), (0, 0)])
def test_impossible_counts(n, missed):
    bad = record("bad", test=TestFacts(n=n, missed=missed, complete=True))
    assert f"{missed} of {n} faces missed" in leaderboard([bad, record()]).to_text(width=500)


def test_rules_of_other_code_need_only_finite_numbers():
    values = Metrics(
        (Metric("nme", 4.0), Metric("fr", 1.0, 0.08), Metric("fr", 1.0, 0.1), Metric("auc", 100.1, 0.08, "luvli"))
    )
    board = leaderboard([record(protocol="300w-helen@auc=luvli", metrics=values)])
    assert board.rows[0]["status"] == "ok"


def of(protocol, n, nme, missed=0, **fields):
    numbers = {"nme": nme, "fr08": 100 * missed / n, "fr10": 100 * missed / n}
    numbers["auc08"] = 100 * (1 - missed / n) * (1 - nme / 8)
    return record(protocol=protocol, n=n, metrics=numbers, test=TestFacts(n=n, missed=missed, complete=True), **fields)


def statuses(*records):
    return {row["protocol"]: row["status"] for row in leaderboard(records).rows}


def test_a_union_must_be_the_weighted_mean_of_its_parts_or_all_of_them_are_left_out():
    common, hard = of("300w-common", 554, 3.0), of("300w-challenging", 135, 6.0)
    right = (554 * 3 + 135 * 6) / 689
    assert set(statuses(common, hard, of("300w-full", 689, right)).values()) == {"ok"}
    wrong = of("300w-full", 689, 3.9)
    rival = of("300w-common", 554, 3.5, method="rival")
    board = leaderboard([common, hard, wrong, rival])
    assert {row["method"]: row["status"] for row in board.rows} == {"m": "unsound", "rival": "ok"}
    assert "300w-full nme 3.9 is not the weighted mean of 300w-common 3.0, 300w-challenging 6.0" in board.to_csv()
    other = replace(wrong, method=MethodFacts("x", "someone else"))
    assert set(statuses(common, hard, other).values()) == {"ok"}


def test_a_missed_face_of_a_union_weighs_nothing_in_its_nme():
    """Of 554 + 135 faces 54 are missed: 500 and 135 weigh in the NME, all of them in FR and AUC."""
    parts = of("300w-common", 554, 3.0, missed=54), of("300w-challenging", 135, 6.0)
    right, wrong = (500 * 3 + 135 * 6) / 635, (554 * 3 + 135 * 6) / 689
    assert set(statuses(*parts, of("300w-full", 689, right, missed=54)).values()) == {"ok"}
    assert set(statuses(*parts, of("300w-full", 689, wrong, missed=54)).values()) == {"unsound"}


def test_an_unsound_record_behind_a_sound_one_of_the_same_work_is_named(tmp_path):
    bad = record(metrics=NUMBERS | {"auc08": 20.0}, ended="2026-03-01T00:00:00+00:00", key="bad")
    board = leaderboard([record(), bad])
    assert [row["status"] for row in board.rows] == ["ok"]
    for text in (board.to_text(width=500), board.to_markdown(), board.to_latex(), board._repr_html_()):
        assert "left out: record bad (m under 300w" in text


def test_a_record_that_cannot_be_read_is_named_and_the_others_stay(tmp_path):
    store = Store(tmp_path)
    store.write(record("good"))
    store.write(record("bad"))
    path = store.record_path("bad-300w-helen-0-330") / "run.json"
    path.write_text(path.read_text()[:100])
    board = leaderboard(tmp_path)
    assert [row["method"] for row in board.rows] == ["good"]
    assert len(board.left_out) == 1 and "bad-300w-helen-0-330/run.json: the record is damaged" in board.left_out[0]
    assert "left out:" in board.to_markdown()
    (tmp_path / "records" / "good-300w-helen-0-330" / "run.json").write_text("{}")
    assert leaderboard(tmp_path).rows == () and len(leaderboard(tmp_path).left_out) == 2
    with pytest.raises(StoreError, match="no run record below"):
        leaderboard(tmp_path / "models")


@pytest.mark.parametrize("threshold", [None, 0.0, -0.08])
@pytest.mark.parametrize("name", ["fr", "auc"])
def test_a_rate_without_a_threshold_above_0_takes_no_table_with_it(name, threshold):
    bad = record("bad", metrics=Metrics((Metric("nme", 4.0), Metric(name, 50.0, threshold))))
    board = leaderboard([record(), bad])
    assert "has no threshold above 0" in board.to_text(width=500)


def test_numbers_beyond_all_floats_take_no_table_with_them():
    bad = record("bad", metrics=NUMBERS | {"nme": 1e308, "fr08": 0.0, "fr10": 0.0, "auc08": 0.0})
    assert "bad: unsound" in leaderboard([record(), bad]).to_text(width=500)
