"""What a caption says is true of every row of its table, or the row says what is true of it."""

from dataclasses import replace

import pytest
from made_records import NUMBERS, TRAIN
from made_records import made_record as record

import fldbench
from fldbench.protocols import definitions
from fldbench.protocols.mapped import in_words
from fldbench.protocols.statement import statement
from fldbench.records.record import Machine, MethodFacts, TestFacts, Timings, TrainFacts
from fldbench.report import leaderboard

WHOLE = TestFacts(n=330, complete=True)
OUTSIDE = MethodFacts("outside", "theirs")


def test_a_row_trained_on_other_faces_says_so_itself():
    """The training faces of `theirs` are stated by somebody; those of the others are known."""
    records = [record("a"), record("b"), record(OUTSIDE, train=TrainFacts("t"), test=WHOLE)]
    board = leaderboard(records)
    ((caption),) = board.captions.values()
    assert "Trained on 5 of 9 faces of t (afw 5 of 9)." in caption and "Rows with a letter differ" in caption
    remarks = {row["method"]: row["remark"] for row in board.rows}
    stated = "Boxes not stated. What the methods were trained on is what their users say."
    assert remarks == {"a": "", "b": "", "theirs": stated}
    for text in (board.to_text(width=500), board.to_markdown(), board.to_latex(), board._repr_html_()):
        assert "theirs (a)" in text and f"(a) {stated}" in text


def test_the_statement_of_most_rows_is_the_captions():
    other = replace(TRAIN, faces=9, parts={"afw": (9, 9)})  # one fingerprint, and other facts about it
    board = leaderboard([record("a", train=other), record("b"), record("c"), record("d", train=other), record("e")])
    ((caption),) = board.captions.values()
    assert "Trained on 5 of 9 faces" in caption and "Trained on 9" not in caption
    remarks = {row["method"]: row["remark"] for row in board.rows}
    assert remarks == dict.fromkeys("bce", "") | dict.fromkeys("ad", "Trained on 9 of 9 faces of t.")


def test_rows_with_one_remark_share_a_letter_and_other_remarks_have_others():
    part = [record(name, n=n) for name, n in (("p", 300), ("q", 300), ("r", 200))]
    board = leaderboard([record("a"), record("b"), record("c"), record("d"), *part])
    names = [line.split(" | ")[0] for line in board.to_markdown().splitlines() if line.startswith("| ")]
    assert names[-3:] == ["| p (a)", "| q (a)", "| r (b)"]
    assert "- (a) Partial: only 300 of 330 test faces." in board.to_markdown()


def test_a_whole_row_among_partial_ones_says_so():
    board = leaderboard([record("a"), *(record(name, n=300) for name in "pqr")])
    ((caption),) = board.captions.values()
    assert "Partial: only 300 of 330 test faces." in caption
    assert {row["method"]: row["remark"] for row in board.rows if row["remark"]} == {"a": "Measured on all faces."}


def test_official_boxes_say_how_much_they_tell_of_the_truth():
    def caption(iou, protocol="cofw68"):
        test = TestFacts(n=507, complete=True, box_iou=iou)
        ((text),) = leaderboard([record(protocol=protocol, n=507, test=test)]).captions.values()
        return text

    assert "The official boxes overlap the true points' tight boxes with a median IoU of 0.88." in caption(0.8812)
    assert "The official boxes are the true points' tight boxes (median IoU 1.00)." in caption(0.9981)
    found = "The detector's boxes overlap the true points' tight boxes with a median IoU of 0.88."
    assert found in caption(0.8812, "cofw68@boxes=detected:dlib-hog")
    assert "IoU" not in caption(None) and "IoU" not in caption(1.0, "cofw68@boxes=tight")


@pytest.mark.parametrize(("boxes", "iou"), [("", 0.88), ("official", 0.88), ("not stated", None), ("MTCNN", None)])
def test_stated_boxes_do_not_have_the_overlap_of_the_official_ones(boxes, iou):
    test = TestFacts(n=507, complete=True, box_iou=0.88, boxes=boxes)
    numbers = NUMBERS | {"fr08": 0.0, "fr10": 0.0, "auc08": 50.0}
    (row,) = leaderboard([record(protocol="cofw68", n=507, test=test, metrics=numbers)]).rows
    assert row["box_iou"] == iou


def test_the_overlap_of_boxes_is_measured(data_root):
    from fldbench.dataset import load_dataset
    from fldbench.run.facts import facts_of_test

    protocol = fldbench.get_protocol("cofw68")
    faces = protocol.select(load_dataset("cofw68", data_root, "test"))
    score = protocol.score(faces.landmarks, faces)
    assert round(facts_of_test(protocol, faces, score, [], "").box_iou, 2) == 0.88
    tight = fldbench.get_protocol("cofw68@boxes=tight").select(faces)
    assert facts_of_test(protocol, tight, score, [], "").box_iou == 1.0


def test_a_row_over_another_number_of_seeds_says_so():
    def rows(name, seeds):
        return [record(name, seed=seed, metrics=NUMBERS | {"nme": 4 + seed / 9}) for seed in range(seeds)]

    board = leaderboard([*rows("a", 3), *rows("b", 3), *rows("c", 1), *rows("d", 2), record("e", seed=None)])
    ((caption),) = board.captions.values()
    assert "Means ± standard deviations over 3 seeds." in caption
    assert {row["method"]: row["remark"] for row in board.rows if row["remark"]} == {
        "c": "One seed.",
        "d": "Means ± standard deviations over 2 seeds.",
    }
    plain = leaderboard([*rows("a", 1), record("b", seed=None), record("c", seed=None)])
    assert "seed" not in plain.to_text()


def test_times_of_other_machines_and_under_load_are_told_apart():
    free = {"fit_seconds": 2.0, "ms_per_face": 0.5, "jobs": 1, "load": 2.0, "fit_load": 1.9}

    def timed(name, cpu="A", **fields):
        return record(name, machine=Machine(cpu=cpu, cores_usable=2), timings=Timings(**free | fields))

    same = leaderboard([timed("a"), timed("b")])
    assert "Times" not in same.to_text() and [row["machine"] for row in same.rows] == ["A", "A"]
    board = leaderboard(
        [
            timed("a"),
            timed("b"),
            timed("c", "B"),
            timed("d", jobs=4),
            timed("e", fit_load=3.1),
            timed("f", resumed=True),
        ]
    )
    ((caption),) = board.captions.values()
    assert "Times on A, 2 cores." in caption and "Times without other work" not in caption
    assert {row["method"]: row["remark"] for row in board.rows if row["remark"]} == {
        "c": "Times on B, 2 cores.",
        "d": "Times with 4 models fitted at once.",
        "e": "Times while the machine had more work than cores.",
        "f": "The fit was continued, and the time is that of its last part.",
    }
    assert [row["load"] for row in board.rows] == [2.0] * 6 and "3.10" in board.to_csv()
    busy = leaderboard([timed("a", jobs=2), timed("b", jobs=2), timed("c")])
    ((caption),) = busy.captions.values()
    assert "Times with 2 models fitted at once." in caption
    assert busy.rows[2]["remark"] == "Times without other work on the machine."


def test_failed_rows_do_not_decide_what_the_caption_says():
    absent = [
        record(name, status="failed", metrics={}, test=TestFacts(), reason="no", train=TrainFacts("t", faces=0))
        for name in "xyz"
    ]
    ((caption),) = leaderboard([*absent, record("a", metrics=NUMBERS)]).captions.values()
    assert "Trained on 5 of 9 faces of t" in caption and "letter" not in caption


def test_mapped_points_are_said_with_what_an_exact_answer_loses():
    base = {"dataset": "wflw", "options": {"map_to": "ibug-68"}, "normaliser": "inter-ocular", "n_expected": 330}
    other = {"dataset": "lapa", "options": {"map_to": "ibug-68"}, "normaliser": "inter-ocular", "n_expected": 330}
    rules = definitions({"as-68": base, "lapa-as-68": other}, "here")
    said = [*leaderboard([record("a", protocol=one) for one in rules]).captions.values()]
    off = "0.39 % of the inter-ocular distance off on synthetic faces, over all points"
    lost = f"an exact answer is {off}, and more where annotators differ;"
    assert rules[0].scheme == "ibug-68" and f"true points mapped from wflw-98: {lost}" in said[0]
    assert "mapped from jd-106: what that costs an exact answer is not known;" in said[1]
    told = f"The annotated points are mapped from wflw-98: {lost[:-1]}."
    assert told in statement(rules[0])
    assert "is 0.09 % of the inter-pupil distance off" in in_words("wflw", {"map_to": "mtfl-5"}, "mtfl-5")
    nothing = in_words("wflw", {"map_to": "wflw-98"}, "wflw-98")
    assert nothing == "mapped from wflw-98: that costs an exact answer nothing"
    gone = replace(rules[0], dataset="gone")
    ((caption),) = leaderboard([record("a", protocol=gone)]).captions.values()
    assert "true points mapped: what that costs an exact answer is not known;" in caption
