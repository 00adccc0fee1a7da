"""Leaderboards: rows over seeds, order, captions, formats that other programs read, and contradictions refused."""

import csv
import io
import shutil
import subprocess
from dataclasses import replace

import pytest
from made_records import NUMBERS as METRICS
from made_records import TRAIN, failed
from made_records import made_record as record

import fldbench
from fldbench.errors import StoreError, UnknownNameError
from fldbench.metrics import Metric
from fldbench.records.record import MethodFacts, Metrics, TestFacts, Timings, TrainFacts
from fldbench.report import leaderboard
from fldbench.report.columns import FIRST as FIRST_COLUMNS

FIRST = (
    "method,train,protocol,subset,n,n_total,missed,seeds,nme,fr08,fr10,auc08,"
    "fit_seconds,ms_per_face,parameters,model_bytes,status"
)


def test_the_columns_begin_as_agreed():
    assert ",".join(column.name for column in FIRST_COLUMNS) == FIRST
    assert leaderboard([record()]).to_csv().startswith(FIRST)


def test_the_records_of_a_board_stand_beside_its_rows():
    board = leaderboard([record("worse", metrics=METRICS | {"nme": 5.0}), record("a"), record("a", seed=1)])
    assert [row["method"] for row in board.rows] == [row.method for row in board.records] == ["a", "worse"]
    assert [len(row.records) for row in board.records] == [2, 1]


def test_a_row_is_the_mean_over_seeds():
    values = [3.0, 4.0, 5.0]
    board = leaderboard([record(seed=s, metrics=METRICS | {"nme": v}) for s, v in enumerate(values)])
    (row,) = board.rows
    assert row["seeds"] == 3 and row["nme"] == pytest.approx(4.0) and row["nme_sd"] == pytest.approx(1.0)
    assert row["fr08"] == 10.0 and row["status"] == "ok"
    assert "4.00 ± 1.00" in board.to_markdown()


def test_what_a_method_costs():
    method = MethodFacts("net", "net", parameters=10, model_bytes=1_560_000, multiply_adds=2_500_000)
    timings = [Timings(fit_seconds=2.0, ms_per_face=0.5, ms_one_face=ms) for ms in (1.0, 1.5)]
    board = leaderboard([record(method, seed=s, timings=t) for s, t in enumerate(timings)])
    (row,) = csv.DictReader(io.StringIO(board.to_csv()))
    assert (row["ms_one_face"], row["multiply_adds"], row["model_bytes"]) == ("1.250", "2500000", "1560000")
    assert "| fit s | ms/face | ms, one face | MB |" in board.to_markdown()
    assert "| 2.0 | 0.50 | 1.25 | 1.6 |" in board.to_markdown()
    assert "one face" not in leaderboard([record()]).to_markdown()  # a record from before it was measured


def test_a_failed_seed_is_shown():
    good, bad = record(seed=0), failed(seed=1, reason="fell over")
    rows = leaderboard([good, bad]).rows
    assert [(row["status"], row["seeds"]) for row in rows] == [("1 of 2 seeds failed", 1)]
    assert "fell over" in leaderboard([good, bad]).to_markdown()


def test_rows_without_a_number_come_last():
    none = {"nme": None, "fr08": 100.0, "fr10": 100.0, "auc08": 0.0}
    test = TestFacts(n=330, missed=330, complete=True)
    records = [
        record("lost", metrics=none, test=test),
        record("worse", metrics=METRICS | {"nme": 5.0}),
        failed("broken"),
        record("better"),
    ]
    assert [row["method"] for row in leaderboard(records).rows] == ["better", "worse", "lost", "broken"]


def test_protocols_are_never_ranked_in_one_table():
    board = leaderboard([record(), record(protocol="300w-helen-jittered"), record(protocol="300w-helen-interpupil")])
    assert [place for place, _ in board.sections()] == [
        ("t", "300w-helen"),
        ("t", "300w-helen@boxes=jittered:0.05"),
        ("t", "300w-helen@interpupil"),
    ]
    assert all(len(rows) == 1 for _, rows in board.sections())


def test_the_newer_record_counts_but_a_partial_one_never_takes_the_place_of_a_whole():
    old = record(ended="2026-01-01T00:00:00+00:00")
    new = record(ended="2026-01-02T00:00:00+00:00", metrics=METRICS | {"nme": 4.5}, key="a")
    part = record(ended="2026-01-03T00:00:00+00:00", n=100, metrics=METRICS | {"nme": 3.8})
    rows = leaderboard([part, new, old]).rows
    assert [(row["n"], row["nme"], row["complete"]) for row in rows] == [(330, 4.5, "yes"), (100, 3.8, "no")]
    text = leaderboard([part, new]).to_markdown()
    assert "| 100 of 330 |" in text and "**3.80**" not in text


def test_a_later_success_hides_the_failure_before_it():
    bad = failed(key="b")
    assert [row["status"] for row in leaderboard([bad, record()]).rows] == ["ok"]


def test_captions_say_rules_training_faces_and_what_is_missing():
    part = record(n=100, metrics=METRICS, train=replace(TRAIN, left_out=2))
    caption = leaderboard([part]).captions["t", "300w-helen"]
    for text in (
        "the inter-ocular distance (points 36 to 45)",
        "boxes tight (made from the truth)",
        "Trained on 5 of 9 faces of t (afw 5 of 9); 2 left out for unreadable images.",
        "Partial: only 100 of 330 test faces.",
    ):
        assert text in caption


def test_csv_is_read_back_by_the_csv_module_and_pandas():
    board = leaderboard([record('a "quoted", name'), failed("b", reason="x, y")])
    first, second = csv.DictReader(io.StringIO(board.to_csv()))
    assert first["method"] == 'a "quoted", name' and first["nme"] == "4.0000" and first["missed"] == "0"
    assert second["nme"] == "" and second["reason"] == "x, y"
    assert list(board.frame.columns) == [column.name for column in board.columns] and board.frame.nme[0] == 4.0


def test_the_best_complete_rows_are_bold():
    better = METRICS | {"nme": 3.0, "auc08": 70.0}
    text = leaderboard([record("a"), record("b", metrics=better)]).to_markdown()
    assert "| b | **3.00** | **10.00** |" in text and "| a | 4.00 | **10.00** |" in text and "**70.00**" in text


def test_a_partial_row_is_never_the_best():
    best = METRICS | {"nme": 1.0, "auc08": 89.0}
    text = leaderboard([record("a"), record("b", metrics=METRICS | {"nme": 3.5}), record("c", n=300, metrics=best)])
    assert "| c (a) | 1.00 |" in text.to_markdown() and "| b | **3.50** |" in text.to_markdown()
    assert "c (a) & 1.00 &" in text.to_latex() and r"b & \textbf{3.50} &" in text.to_latex()


def test_columns_without_a_number_are_not_printed():
    board = leaderboard([record(MethodFacts("m", "m"), timings=Timings(), train=TrainFacts("unknown"))])
    assert "fit s" not in board.to_markdown() and "| n of N |" in board.to_markdown()
    assert board.to_markdown().startswith("### 300w-helen\n")


def test_latex_compiles_alone_and_inside_a_paper(tmp_path):
    names = ["plain", "50 % & more_#1 {x} ~^\\ <|>", "Müller ± 3"]
    records = [record(name, p) for name in names for p in ("300w-helen", "300w-helen-jittered")]
    board = leaderboard([*records, failed("bad", reason="a_b & c")])
    board.write(tmp_path)
    text = (tmp_path / "leaderboard.tex").read_text()
    assert text.count("\\toprule") == 2 and "\\label{tab:300w-helen-boxes-jittered-0-05-t}" in text
    paper = "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}\\begin{document}A\n"
    (tmp_path / "paper.tex").write_text(paper + "\\input{leaderboard}\nZ\\end{document}\n")
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed: the LaTeX was written but not compiled")
    for name in ("leaderboard", "paper"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
        assert (tmp_path / f"{name}.pdf").stat().st_size > 1000


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        leaderboard([record()]).write(tmp_path / "file")


def test_folders_and_records_can_be_mixed(toy, tmp_path):
    fldbench.run_suite(toy, tmp_path / "a")
    fldbench.run_suite(toy | {"seeds": [5]}, tmp_path / "b")
    (row,) = leaderboard([tmp_path / "a", str(tmp_path / "b")]).rows
    assert row["seeds"] == 2


def test_one_name_with_different_rules_is_never_one_table():
    strict = replace(fldbench.get_protocol("300w-helen"), thresholds=(0.08, 0.10, 0.2))
    board = leaderboard([record("a"), record("b", protocol=strict, metrics=METRICS | {"nme": 1.0, "auc08": 90.0})])
    names = [place[1] for place, _ in board.sections()]
    assert len(names) == 2 and all(name.startswith("300w-helen [") for name in names)
    assert {name.split("[")[1].rstrip("]") for name in names} == {
        fldbench.get_protocol("300w-helen").hash[:6],
        strict.hash[:6],
    }
    assert "**" not in board.to_markdown()


def test_one_label_with_different_training_faces_is_never_one_table():
    other = replace(TRAIN, fingerprint="f2", faces=3148)
    board = leaderboard([record("a"), record("b", train=other, metrics=METRICS | {"nme": 1.0, "auc08": 90.0})])
    assert [place[0] for place, _ in board.sections()] == ["t [f1]", "t [f2]"]
    assert "Trained on 3148 of 9 faces" in board.captions["t [f2]", "300w-helen"]
    assert "Trained on 5 of 9 faces" in board.captions["t [f1]", "300w-helen"]


def test_one_label_with_different_parameters_is_shown_twice_with_what_differs():
    def of(epochs, **fields):
        params = {"epochs": epochs, "size": 64, "training": {"ema": 0.0}, "threads": epochs, "random_state": 0}
        facts = MethodFacts("net", "net", params=params, changes_nothing=("threads",), code={"a": "1"})
        return record(facts, **fields)

    board = leaderboard([of(30), of(60, metrics=METRICS | {"nme": 3.0})])
    assert [row["method"] for row in board.rows] == ["net (epochs=60)", "net (epochs=30)"]
    assert [row["method"] for row in leaderboard([of(30)]).rows] == ["net"]


def test_another_seed_or_other_threads_alone_make_no_separate_row():
    def of(seed, threads):
        params = {"random_state": seed, "threads": threads}
        facts = MethodFacts("net", "net", params=params, changes_nothing=("threads",), code={"a": "1"})
        return record(facts, seed=seed)

    (row,) = leaderboard([of(0, 1), of(1, 2)]).rows
    assert (row["method"], row["seeds"]) == ("net", 2)


def test_results_of_other_code_have_their_own_rows_and_are_marked():
    def by(code, day, nme):
        method = MethodFacts("m", "m", code={"a": code})
        return record(method, ended=f"2025-12-{day}T00:00:00+00:00", metrics=METRICS | {"nme": nme}, key=code)

    older = [by("0", 30, 3.0), by("1", 30, 3.5)]
    board = leaderboard([*older, by("2", 31, 4.0), record("rival", metrics=METRICS | {"nme": 4.5})])
    names = {row["method"]: row["other_code"] for row in board.rows}
    marked = [f"m (other code {one.method.code_digest}, 2025-12-30)" for one in older]
    assert names == {"m": "no", "rival": "no"} | dict.fromkeys(marked, "superseded") and len(names) == 4
    assert "**4.00**" in board.to_markdown() and "**3.00**" not in board.to_markdown()
    (row,) = leaderboard([replace(record(), other_code=True)]).rows
    assert row["method"] == f"m (other code {record().method.code_digest}, 2026-01-01)"
    assert row["other_code"] == "reused"


def test_an_edited_record_is_shown_and_has_no_number():
    edited = replace(
        record("b", metrics=METRICS | {"nme": 1.0, "auc08": 90.0}), edited="its content does not fit its digest"
    )
    board = leaderboard([record("a"), edited])
    assert [(row["method"], row["nme"], row["status"]) for row in board.rows] == [
        ("a", 4.0, "ok"),
        ("b", None, "edited"),
    ]
    assert "b: edited: its content does not fit its digest" in board.to_markdown() and "1.00" not in board.to_markdown()


def test_wanted_columns_are_printed_in_their_order_and_an_unknown_one_is_refused():
    board = leaderboard([record("a"), record("b")])
    wanted = ["auc08", "train", "nme"]
    assert "| method | AUC@8% | train | NME % |\n|---|---:|---:|---:|\n| a | **65.00** | t |" in board.to_markdown(
        wanted
    )
    assert "method & AUC@8\\% & train & NME \\% \\\\" in board.to_latex(wanted)
    assert board.to_text(wanted).splitlines()[2].split() == ["method", "AUC@8%", "train", "NME", "%"]
    assert board.to_csv(wanted).splitlines() == ["method,auc08,train,nme", "a,65.0000,t,4.0000", "b,65.0000,t,4.0000"]
    for write in (board.to_markdown, board.to_latex, board.to_text, board.to_csv):
        with pytest.raises(UnknownNameError, match="no column named 'fr07'; did you mean 'fr"):
            write(["nme", "fr07"])


def test_columns_follow_from_what_the_records_hold():
    rules = replace(fldbench.get_protocol("300w-helen"), thresholds=(0.075, 0.08))
    values = (Metric("nme", 4.0), Metric("fr", 20.0, 0.075), Metric("fr", 10.0, 0.08))
    board = leaderboard([record(protocol=rules, metrics=Metrics((*values, Metric("auc", 60.0, 0.075, "menpo"))))])
    header, row = csv.reader(io.StringIO(board.to_csv()))
    assert ",".join(header).startswith(FIRST) and header[-2:] == ["fr07.5", "auc07.5:menpo"]
    assert dict(zip(header, row, strict=True))["fr07.5"] == "20.0000"
    assert "| method | NME % | FR@7.5% | FR@8% | AUC@7.5% (menpo) |" in board.to_markdown()


def test_a_failure_without_training_faces_joins_the_table_of_its_label():
    absent = failed("a", train=replace(TRAIN, fingerprint="", faces=0), reason="not there")
    board = leaderboard([absent, record("b")])
    assert len(board.sections()) == 1 and len(board.rows) == 2
    assert len(leaderboard([absent, record("a")]).rows) == 1


def test_contaminated_rows_are_marked_in_every_format_and_never_bold():
    text = "120 of 330 test faces were trained on"
    best = METRICS | {"nme": 3.0, "auc08": 70.0}
    records = [record("a"), record("b", metrics=METRICS | {"nme": 5.0})]
    board = leaderboard([*records, record("seen", metrics=best, train=replace(TRAIN, overlap=text))])
    marked = {row["method"]: row["overlap"] for row in board.rows}
    assert marked == {"a": "", "b": "", "seen (contaminated)": text}
    markdown, latex = board.to_markdown(), board.to_latex()
    assert "**3.00**" not in markdown and "**4.00**" in markdown and r"\textbf{3.00}" not in latex
    for printed in (markdown, latex):
        assert "seen (contaminated)" in printed and f"Not ranked, because {text}: seen (contaminated)." in printed
    seen = [row for row in csv.DictReader(io.StringIO(board.to_csv())) if row["overlap"]]
    assert [row["overlap"] for row in seen] == [text]


def test_boxes_of_outside_predictions_are_those_that_somebody_states():
    outside = MethodFacts("outside", "mine")
    own = "boxes tight (made from the truth);"
    for boxes, caption, column in (
        ("", "boxes not stated;", "not stated"),  # as in a record of an older version
        ("not stated", "boxes not stated;", "not stated"),
        ("tight", "boxes tight (as stated);", "tight"),
        ("MTCNN", "boxes MTCNN (as stated);", "MTCNN"),
    ):
        test = TestFacts(n=330, complete=True, boxes=boxes)
        board = leaderboard([record(outside, test=test, train=TrainFacts("unknown"))])
        assert caption in board.to_markdown() and own not in board.to_markdown()
        assert [row["boxes"] for row in board.rows] == [column]
        both = leaderboard([record(outside, test=test), record("ours")]).to_markdown()
        assert caption in both and "| ours (a) |" in both and "- (a) Boxes tight (made from the truth)." in both
    assert own in leaderboard([record()]).to_markdown()


def test_a_record_of_an_earlier_version_that_was_trained_on_its_test_split_is_contaminated():
    train = TrainFacts("imm-frontal-all@jittered:0.05", "imm-frontal", "all", faces=120, fingerprint="f1")
    (row,) = leaderboard([record(protocol="imm-frontal", n=120, train=train)]).rows
    assert row["method"] == "m (contaminated)"
    assert row["overlap"] == "all test faces are training faces, those of imm-frontal-all"
    assert "those of imm-frontal-all" in record(protocol="imm-frontal", n=120, train=train)._repr_html_()
    honest = (
        replace(train, label="imm-frontal-all, 4 folds", folds=4),
        replace(train, label="imm-frontal-all[:20]"),
        replace(train, label="imm-frontal-train", split="train"),
        replace(train, dataset="imm"),
    )
    for one in honest:
        assert leaderboard([record(protocol="imm-frontal", n=120, train=one)]).rows[0]["overlap"] == ""


def test_what_has_one_name_and_cannot_be_compared_is_listed_with_the_reason():
    rules = fldbench.get_protocol("300w-helen")
    strict = replace(rules, thresholds=(0.08, 0.1, 0.2))
    other = record("c", train=replace(TRAIN, fingerprint="f2", faces=3148))
    board = leaderboard([record("a"), record("b", protocol=strict), other])
    first, second = board.left_out
    assert first.startswith("not compared: 300w-helen [") and "their rules differ (thresholds [0.08, 0.1], " in first
    assert second == "not compared: t [f1] and t [f2]: they were trained on other faces (5, 3148)"
    assert first in board.to_text() and not leaderboard([record("a"), record("b")]).left_out
    faces = [record(name, test=TestFacts(n=330, complete=True, ids_sha256=name * 64)) for name in "ab"]
    (line,) = leaderboard(faces).left_out
    assert line.endswith(": they are measured on other test faces")
