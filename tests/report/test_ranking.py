"""Giving up wins nothing: which rows are ranked, by what, and where the others stand, in every format."""

import csv
import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
from made_records import NUMBERS, failed
from made_records import made_record as record

import fldbench
from fldbench.records.record import Metrics, TestFacts
from fldbench.report import leaderboard

PROTOCOL = fldbench.get_protocol("300w-helen")


def measured(label, errors, protocol=PROTOCOL, **fields):
    """A record of errors, as fractions: NaN for a missed face."""
    rules = fldbench.get_protocol(protocol)
    errors = np.asarray(errors, float)
    charged = errors
    if rules.missed.startswith("value:"):
        charged = np.where(np.isnan(errors), float(rules.missed.removeprefix("value:")), errors)
    n, missed = len(errors), int(np.isnan(errors).sum())
    test = TestFacts(n=n, missed=missed, complete=n == rules.n_expected)
    metrics = Metrics(rules.measure(charged, np.full(n, 68)))
    return record(label, protocol=rules, n=n, **{"metrics": metrics, "test": test, "key": f"{label}-{n}"} | fields)


def errors(value, missed=0, n=330):
    """Errors of n faces, the first of them missed."""
    return [np.nan] * missed + [value] * (n - missed)


def order(board):
    return [(row["method"], row["rank"]) for row in board.rows]


def test_without_missed_faces_rows_are_ranked_by_nme():
    # AUC would say otherwise: half of the faces of `uneven` are perfect, the others just below and above 8 %.
    uneven = [0.0] * 165 + [0.10] * 165
    board = leaderboard([measured("even", errors(0.045)), measured("uneven", uneven)])
    assert order(board) == [("even", 1), ("uneven", 2)]
    rows = {row["method"]: row for row in board.rows}
    assert rows["uneven"]["auc08"] > rows["even"]["auc08"]
    assert "anked by AUC" not in board.to_markdown() and "†" not in board.to_markdown()


def test_one_perfect_face_of_330_is_last_and_its_nme_is_marked_and_never_bold():
    board = leaderboard([measured("one face", errors(0.0, missed=329)), measured("a", errors(0.04))])
    assert order(board) == [("a", 1), ("one face", 2)]
    assert [row["nme"] for row in board.rows] == pytest.approx([4.0, 0.0])
    assert [row["n_nme"] for row in board.rows] == [330, 1]
    text = board.to_markdown()
    assert "| one face | † 0.00 | 99.70 |" in text and "**† 0.00" not in text and "| a | 4.00 | **0.00** |" in text
    assert "Ranked by AUC, because some rows missed faces; their NME (†) is over the faces found" in text
    assert r"one face & $\dagger$ 0.00 & 99.70" in board.to_latex() and "† 0.00" in board.to_text()
    assert "† 0.00" in board._repr_html_() and "<b>† 0.00" not in board._repr_html_()


def test_half_of_a_file_never_stands_above_the_whole():
    rng = np.random.default_rng(0)
    whole = rng.gamma(2, 0.02, 330)
    half = np.where(whole > np.median(whole), np.nan, whole)
    for protocol in ("300w-helen", "300w-helen@missed=value:0.5"):
        board = leaderboard([measured("half", half, protocol), measured("whole", whole, protocol)])
        assert order(board) == [("whole", 1), ("half", 2)]


def test_giving_up_any_faces_never_improves_a_rank():
    """Of five faces, every choice of missed ones stands below the answers without gaps, and more gaps lower."""
    protocol = replace(PROTOCOL, n_expected=5, ids_sha256=None)
    whole = np.array([0.01, 0.03, 0.05, 0.09, 0.2])
    rows = {}
    for gaps in itertools.product((False, True), repeat=5):
        rows["".join("x" if gap else "o" for gap in gaps)] = np.where(gaps, np.nan, whole)
    board = leaderboard([measured(name, found, protocol) for name, found in rows.items()])
    place = {row["method"]: i for i, row in enumerate(board.rows)}
    assert place["ooooo"] == 0
    for name in rows:
        for i in range(5):
            fewer = name[:i] + "x" + name[i + 1 :]
            assert place[fewer] >= place[name]


def test_rows_are_ranked_by_nme_where_missed_faces_are_charged():
    protocol = "300w-helen@missed=value:1.00"
    board = leaderboard([measured("gaps", errors(0.0, 33), protocol), measured("none", errors(0.05), protocol)])
    assert order(board) == [("none", 1), ("gaps", 2)]
    assert [row["nme"] for row in board.rows] == pytest.approx([5.0, 10.0])
    assert "**5.00**" in board.to_markdown() and "†" not in board.to_markdown()
    few = leaderboard([measured("gaps", errors(0.0, 3), protocol), measured("none", errors(0.05), protocol)])
    assert order(few) == [("gaps", 1), ("none", 2)] and "**0.91**" in few.to_markdown()


def test_rows_are_ranked_by_nme_where_missed_faces_have_the_error_of_the_mean_shape():
    protocol = fldbench.get_protocol("300w-helen@missed=mean-shape")
    charged = Metrics(protocol.measure(np.array([0.17] * 30 + [0.02] * 300), np.full(330, 68)))
    gaps = measured("gaps", errors(0.02, 30), protocol, metrics=charged)
    board = leaderboard([gaps, measured("none", errors(0.034), protocol)])
    assert order(board) == [("gaps", 1), ("none", 2)] and "†" not in board.to_markdown()
    assert board.rows[0]["auc08"] > board.rows[1]["auc08"] and board.rows[0]["n_nme"] == 330
    worse = measured("none", errors(0.033), protocol)
    assert order(leaderboard([gaps, worse])) == [("none", 1), ("gaps", 2)]


def test_where_missed_faces_are_left_out_of_everything_a_row_with_gaps_is_not_ranked():
    protocol = "300w-helen@missed=skipped"
    rows = [measured("many", errors(0.0, 300), protocol), measured("few", errors(0.02, 2), protocol)]
    board = leaderboard([*rows, measured("bad", errors(0.2), protocol), measured("good", errors(0.05), protocol)])
    assert order(board) == [("good", 1), ("bad", 2), ("few", None), ("many", None)]
    assert [row["standing"] for row in board.rows] == ["ranked", "ranked", "partial", "partial"]
    assert "**0.00**" in board.to_markdown() and "| few | † 2.00 | 0.00 |" in board.to_markdown()


def test_where_a_missed_face_is_charged_less_than_a_failure_a_row_with_gaps_is_not_ranked():
    cheap = "300w-helen@missed=value:0.01"
    rows = [measured("one face", errors(0.02, 329), cheap), measured("most", errors(0.03, 2), cheap)]
    board = leaderboard([*rows, measured("whole", errors(0.05), cheap)])
    assert order(board) == [("whole", 1), ("most", None), ("one face", None)]
    few = replace(fldbench.get_protocol("300w-helen@missed=mean-shape,first=3"), ids_sha256=None)
    gaps = measured("gaps", errors(0.02, 2, n=3), few, metrics=Metrics(few.measure(np.array([0.02, 0.01, 0.01]))))
    board = leaderboard([gaps, measured("whole", errors(0.05, n=3), few)])
    assert order(board) == [("whole", 1), ("gaps", None)]  # the mean of three shapes is nearly each of them


def test_equal_auc_is_decided_by_failures_then_by_gaps():
    far = measured("far", errors(0.09))  # AUC is zero, FR at 8 % is 100: only the gaps differ
    board = leaderboard([measured("gaps", [np.nan] * 329 + [0.081]), far])
    assert order(board) == [("far", 1), ("gaps", 2)]


def test_rows_with_equal_numbers_share_a_rank():
    board = leaderboard([record("b"), record("a"), record("c", metrics=NUMBERS | {"nme": 5.0})])
    assert order(board) == [("a", 1), ("b", 1), ("c", 3)]


def partial_and_others():
    newer = record("old", key="new", ended="2026-02-01T00:00:00+00:00", metrics=NUMBERS | {"nme": 4.5})
    newer = replace(newer, method=replace(newer.method, code={"a": "2"}))
    seen = record("seen", metrics=NUMBERS | {"nme": 1.0, "auc08": 88.0})
    return [
        measured("few", errors(0.001, n=10)),
        measured("most", errors(0.02, n=300)),
        record("seed", seed=0, metrics=NUMBERS | {"nme": 3.5}),
        failed("seed", seed=1, reason="diverged"),
        replace(seen, train=replace(seen.train, overlap="12 of 330 test faces were trained on")),
        *(record("old", metrics=NUMBERS | {"nme": 3.6}), newer),
        failed("broken", reason="fell over"),
        record("sound"),
    ]


def test_partial_and_other_rows_stand_below_apart_and_have_no_rank():
    board = leaderboard(partial_and_others())
    standings = [(row["method"].partition(" (")[0], row["standing"], row["rank"]) for row in board.rows]
    assert standings == [
        *(("sound", "ranked", 1), ("old", "ranked", 2)),
        *(("seed", "partial", None), ("most", "partial", None), ("few", "partial", None)),
        *(("seen", "contaminated", None), ("old", "superseded", None), ("broken", "failed", None)),
    ]
    names = [row["method"] for row in board.rows]
    for text in (board.to_markdown(), board.to_latex(), board.to_text(), board._repr_html_()):
        places = [text.index(f"{name.partition(' (')[0]}") for name in ("sound", "most", "few", "broken")]
        assert places == sorted(places)
        headings = [
            text.index(f"not ranked: {why}")
            for why in ("not all faces or seeds", "trained on test faces", "superseded by newer code")
        ]
        assert headings == sorted([*headings]) and text.index("sound") < headings[0] < text.index("no number")
    rows = list(csv.DictReader(io.StringIO(board.to_csv())))
    assert [row["method"] for row in rows] == names
    assert [row["rank"] for row in rows] == ["1", "2", "", "", "", "", "", ""]
    assert list(rows[0])[list(rows[0]).index("rank") :] == ["rank", "model"]


def test_only_ranked_rows_are_bold():
    board = leaderboard(partial_and_others())
    assert [line for line in board.to_markdown().splitlines() if "**" in line and "**4.00**" not in line] == [
        line for line in board.to_markdown().splitlines() if line.startswith("| old |")
    ]


def test_a_table_of_partial_rows_alone_has_an_order_and_no_rank():
    board = leaderboard([measured("b", errors(0.05, n=100)), measured("a", errors(0.06, n=100))])
    assert order(board) == [("b", None), ("a", None)]
    text = board.to_markdown()
    assert "**" not in text and "| *not ranked: not all faces or seeds* |" in text
    assert "Partial: only 100 of 330 test faces." in text and "(a)" not in text


def test_rows_on_other_faces_of_one_number_are_never_in_one_table():
    rules = replace(PROTOCOL, ids_sha256=None)

    def on(label, ids, nme):
        test = TestFacts(n=330, complete=True, ids_sha256=ids)
        return record(label, protocol=rules, test=test, metrics=NUMBERS | {"nme": nme})

    board = leaderboard([on("a", "1" * 64, 4.0), on("b", "2" * 64, 3.0)])
    assert len(board.sections()) == 2 and all("300w-helen [" in place[1] for place in board.captions)
    assert len(leaderboard([on("a", "1" * 64, 4.0), on("b", "1" * 64, 3.0)]).sections()) == 1
    part = record("part", protocol=rules, test=TestFacts(n=100, ids_sha256="3" * 64))
    assert len(leaderboard([on("a", "1" * 64, 4.0), part]).sections()) == 1
