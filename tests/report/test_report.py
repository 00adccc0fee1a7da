"""Leaderboards: rows over seeds, order, captions, formats that other programs read, and contradictions refused."""

import csv
import io
import shutil
import subprocess
from dataclasses import replace

import pytest

import fldbench
from fldbench.errors import StoreError
from fldbench.report import leaderboard
from fldbench.report.leaderboard import COLUMNS
from fldbench.store import Record

FIRST = (
    "method,train,protocol,subset,n,n_total,missed,seeds,nme,fr08,fr10,auc08,"
    "fit_seconds,ms_per_face,parameters,model_bytes,status"
)
METRICS = {"nme": 4.0, "fr08": 10.0, "fr10": 0.0, "auc08": 65.0}


def record(method="m", protocol="300w-helen", n=330, seed=0, metrics=METRICS, **fields) -> Record:
    rules = fldbench.get_protocol(protocol)
    test = {"n": n, "missed": 0, "left_out": 0, "complete": n == rules.n_expected}
    common = {
        "key": f"{method}-{protocol}-{seed}-{n}",
        "status": "ok",
        "method": {"label": method, "parameters": 10, "model_bytes": 99},
        "train": {"label": "t", "faces": 5, "n_expected": 9, "parts": {"afw": [5, 9]}, "left_out": 0},
        "protocol": rules.to_dict() | {"hash": rules.hash},
        "seed": seed,
        "test": test,
        "metrics": metrics,
        "timings": {"fit_seconds": 2.0, "ms_per_face": 0.5},
        "ended": "2026-01-01T00:00:00+00:00",
    }
    return Record(**common | fields)


def test_the_columns_begin_as_agreed():
    assert ",".join(COLUMNS).startswith(FIRST)
    assert leaderboard([record()]).to_csv().startswith(FIRST)


def test_a_row_is_the_mean_over_seeds():
    values = [3.0, 4.0, 5.0]
    board = leaderboard([record(seed=s, metrics=METRICS | {"nme": v}) for s, v in enumerate(values)])
    (row,) = board.rows
    assert row["seeds"] == 3 and row["nme"] == pytest.approx(4.0) and row["nme_sd"] == pytest.approx(1.0)
    assert row["fr08"] == 10.0 and row["status"] == "ok"
    assert "4.00 ± 1.00" in board.to_markdown()


def test_what_a_method_costs():
    method = {"label": "net", "parameters": 10, "model_bytes": 1_540_000, "multiply_adds": 2_500_000}
    timings = [{"fit_seconds": 2.0, "ms_per_face": 0.5, "ms_one_face": ms} for ms in (1.0, 1.5)]
    board = leaderboard([replace(record(seed=s, timings=t), method=method) for s, t in enumerate(timings)])
    (row,) = csv.DictReader(io.StringIO(board.to_csv()))
    assert (row["ms_one_face"], row["multiply_adds"], row["model_bytes"]) == ("1.250", "2500000", "1540000")
    assert "| fit s | ms/face | ms, one face | MB |" in board.to_markdown()
    assert "| 2.0 | 0.50 | 1.25 | 1.5 |" in board.to_markdown()
    assert "one face" not in leaderboard([record()]).to_markdown()  # a record from before it was measured


def test_a_failed_seed_is_shown():
    good, bad = record(seed=0), record(seed=1, status="failed", reason="fell over", metrics={}, test={})
    rows = leaderboard([good, bad]).rows
    assert [(row["status"], row["seeds"]) for row in rows] == [("1 of 2 seeds failed", 1)]
    assert "fell over" in leaderboard([good, bad]).to_markdown()


def test_rows_are_sorted_by_nme_and_those_without_come_last():
    none = {"nme": None, "fr08": 100.0, "fr10": 100.0, "auc08": 0.0}
    test = {"n": 330, "missed": 330, "left_out": 0, "complete": True}
    records = [
        record("lost", metrics=none, test=test),
        record("worse", metrics=METRICS | {"nme": 5.0}),
        record("broken", status="failed", metrics={}, test={}, reason="no"),
        record("better"),
    ]
    assert [row["method"] for row in leaderboard(records).rows] == ["better", "worse", "broken", "lost"]


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
    new = record(ended="2026-01-02T00:00:00+00:00", metrics=METRICS | {"nme": 4.5}, key="n")
    part = record(ended="2026-01-03T00:00:00+00:00", n=100, metrics=METRICS | {"nme": 3.8})
    rows = leaderboard([part, new, old]).rows
    assert [(row["n"], row["nme"], row["complete"]) for row in rows] == [(100, 3.8, "no"), (330, 4.5, "yes")]
    text = leaderboard([part, new]).to_markdown()
    assert "| 100 of 330 |" in text and "**3.80**" not in text


def test_a_later_success_hides_the_failure_before_it():
    bad = record(status="failed", metrics={}, test={}, reason="no", key="b")
    assert [row["status"] for row in leaderboard([bad, record()]).rows] == ["ok"]


def test_captions_say_rules_training_faces_and_what_is_missing():
    part = record(n=100, metrics=METRICS, train=record().train | {"left_out": 2})
    caption = leaderboard([part]).captions["t", "300w-helen"]
    for text in (
        "errors divided by the inter-ocular distance (points 36 to 45)",
        "boxes tight (made from the truth)",
        "Trained on 5 of 9 faces of t (afw 5 of 9); 2 left out for unreadable images.",
        "Partial: only 100 of 330 test faces.",
    ):
        assert text in caption


def test_csv_is_read_back_by_the_csv_module_and_pandas():
    board = leaderboard([record('a "quoted", name'), record("b", status="failed", metrics={}, test={}, reason="x, y")])
    first, second = csv.DictReader(io.StringIO(board.to_csv()))
    assert first["method"] == 'a "quoted", name' and first["nme"] == "4.0000" and first["missed"] == "0"
    assert second["nme"] == "" and second["reason"] == "x, y"
    assert list(board.frame.columns) == list(COLUMNS) and board.frame.nme[0] == 4.0


def test_the_best_complete_rows_are_bold():
    better = METRICS | {"nme": 3.0, "auc08": 70.0}
    text = leaderboard([record("a"), record("b", metrics=better)]).to_markdown()
    assert "| b | **3.00** | **10.00** |" in text and "| a | 4.00 | **10.00** |" in text and "**70.00**" in text


def test_columns_without_a_number_are_not_printed():
    board = leaderboard([record(timings={}, train={"label": "unknown", "faces": None, "parts": {}, "left_out": 0})])
    assert "fit s" not in board.to_markdown() and "| n of N |" in board.to_markdown()
    assert board.to_markdown().startswith("### 300w-helen\n")


def test_latex_compiles_alone_and_inside_a_paper(tmp_path):
    names = ["plain", "50 % & more_#1 {x} ~^\\ <|>", "Müller ± 3"]
    records = [record(name, p) for name in names for p in ("300w-helen", "300w-helen-jittered")]
    board = leaderboard([*records, record("bad", status="failed", metrics={}, test={}, reason="a_b & c")])
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


def test_a_record_that_contradicts_itself_is_refused():
    with pytest.raises(StoreError, match=r"record m-.* \(m under 300w-helen\) contradicts itself: AUC 0.2 < "):
        leaderboard([record(metrics=METRICS | {"auc08": 20.0})])
    with pytest.raises(StoreError, match=r"FR 0.101 x n 330 is not whole"):
        leaderboard([record(metrics=METRICS | {"fr08": 10.1})])


def test_a_union_must_be_the_weighted_mean_of_its_parts():
    def of(protocol, n, nme, fr):
        return record(protocol=protocol, n=n, metrics={"nme": nme, "fr08": fr, "fr10": fr, "auc08": 100 - nme / 0.08})

    common, hard = of("300w-common", 554, 3.0, 0.0), of("300w-challenging", 135, 6.0, 0.0)
    right = (554 * 3 + 135 * 6) / 689
    assert len(leaderboard([common, hard, of("300w-full", 689, right, 0.0)]).rows) == 3
    with pytest.raises(StoreError, match=r"nme 3.9 is not the weighted mean of 300w-common 3, 300w-challenging 6"):
        leaderboard([common, hard, of("300w-full", 689, 3.9, 0.0)])
    other = replace(of("300w-full", 689, 3.9, 0.0), method={"label": "someone else"})
    assert len(leaderboard([common, hard, other]).rows) == 3


def test_writing_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="the leaderboard cannot be written"):
        leaderboard([record()]).write(tmp_path / "file")


def test_folders_and_records_can_be_mixed(toy, tmp_path):
    fldbench.run_suite(toy, tmp_path / "a")
    fldbench.run_suite(toy | {"seeds": [5]}, tmp_path / "b")
    (row,) = leaderboard([tmp_path / "a", str(tmp_path / "b")]).rows
    assert row["seeds"] == 2
