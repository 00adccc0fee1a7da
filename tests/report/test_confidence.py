"""Risk-coverage curves, their areas and rank correlations: by hand, by their definition, from records."""

import csv
import io

import numpy as np
import pytest
from made_records import made_record
from scipy.stats import spearmanr
from typer.testing import CliRunner

from fldbench.checks import quick_faces
from fldbench.cli.app import app
from fldbench.method import make_method
from fldbench.records.store import Store
from fldbench.report.confidence import confidences, risk_coverage
from fldbench.run.gathered import Gathered
from fldbench.run.timing import predict_timed, together

N = 330
RNG = np.random.default_rng(0)
ERRORS = RNG.lognormal(-3.2, 0.4, N)


def write(store, name, confidence, seed=None, errors=ERRORS):
    clipped = 100 * np.maximum(0, 1 - errors / 0.08).mean()
    rates = {"fr08": 100 * (errors > 0.08).mean(), "fr10": 100 * (errors > 0.1).mean()}
    record = made_record(name, metrics={"nme": 100 * errors.mean(), "auc08": clipped, **rates}, seed=seed)
    arrays = {"ids": np.array([f"face {i:03}" for i in range(N)]), "errors": errors, "charged": errors}
    store.write(record, arrays | ({} if confidence is None else {"confidence": confidence}))


def rows(folder):
    return {row["method"]: row for row in csv.DictReader(io.StringIO(confidences(folder).to_csv()))}


def test_risk_coverage_by_its_definition():
    confidence = RNG.normal(size=40)
    errors = ERRORS[:40]
    risks = risk_coverage(confidence, errors)
    order = np.argsort(-confidence)
    assert risks == pytest.approx([errors[order[:k]].mean() for k in range(1, 41)])
    assert risk_coverage(np.exp(confidence), errors) == pytest.approx(risks), "only the order counts"


def test_equal_confidence_is_no_order():
    assert risk_coverage(np.ones(5), np.arange(5.0)) == pytest.approx(np.full(5, 2.0))


def test_perfect_useless_and_perverse(tmp_path):
    store = Store(tmp_path)
    write(store, "perfect", -ERRORS)
    write(store, "useless", np.ones(N))
    write(store, "perverse", ERRORS)
    write(store, "silent", None)
    found = rows(tmp_path)
    assert set(found) == {"perfect", "useless", "perverse"}
    assert float(found["perfect"]["gain"]) == pytest.approx(1) and found["perfect"]["rank_correlation"] == "-1.0000"
    assert float(found["useless"]["gain"]) == pytest.approx(0) and found["useless"]["rank_correlation"] == "0.0000"
    assert float(found["perverse"]["gain"]) < -0.5 and found["perverse"]["rank_correlation"] == "1.0000"
    best = 100 * np.mean(np.cumsum(np.sort(ERRORS)) / np.arange(1, N + 1))
    assert float(found["perverse"]["oracle"]) == pytest.approx(best, abs=1e-4)
    sure = 100 * np.sort(ERRORS)[: round(0.8 * N)].mean()
    assert float(found["perfect"]["sure"]) == pytest.approx(sure, abs=1e-4)


def test_the_correlation_is_spearmans_and_lies_in_its_interval(tmp_path):
    confidence = -ERRORS * RNG.lognormal(0, 0.5, N)
    write(Store(tmp_path), "a", confidence)
    row = rows(tmp_path)["a"]
    assert float(row["rank_correlation"]) == pytest.approx(spearmanr(confidence, ERRORS).statistic, abs=1e-4)
    assert float(row["low"]) < float(row["rank_correlation"]) < float(row["high"]) < 0


def test_missed_faces_are_left_out(tmp_path):
    errors, confidence = ERRORS.copy(), -ERRORS
    confidence[:7] = np.nan
    write(Store(tmp_path), "a", confidence, errors=errors)
    assert rows(tmp_path)["a"]["n"] == str(N - 7)


def test_nobody_says(tmp_path):
    write(Store(tmp_path), "silent", None)
    report = confidences(tmp_path)
    assert not report.rows and "no method says how sure it is" in report.notes[0]


def test_the_command_and_its_figure(tmp_path):
    store = Store(tmp_path / "out")
    write(store, "perfect", -ERRORS)
    write(store, "useless", np.ones(N))
    done = CliRunner().invoke(app, ["confidence", str(tmp_path / "out"), "--figures", str(tmp_path / "drawn")])
    assert done.exit_code == 0 and "surest 80 %" in done.stdout and "100 %" in done.stdout
    assert len(list((tmp_path / "drawn").iterdir())) == 3
    ((_, draw),) = confidences(tmp_path / "out").figures
    (axis,) = draw().axes
    ends = [line.get_ydata()[-1] for line in axis.lines]
    assert ends == pytest.approx([100 * ERRORS.mean()] * 2), "every curve ends at the error of all faces"
    assert {text.get_text() for text in axis.texts} == {"perfect", "useless"}


def test_it_is_kept_beside_predictions():
    train, test = quick_faces()
    method = make_method("average", methods=["mean-shape"]).fit(train)
    found = predict_timed(method, test)
    gathered = Gathered()
    gathered.add(test.ids.tolist(), found)
    kept = gathered.kept(test.ids[::-1].tolist())
    assert kept["confidence"].tolist() == found.confidence[::-1].tolist() == [1.0] * len(test)
    silent, without = Gathered(), predict_timed(make_method("mean-shape").fit(train), test)
    silent.add(test.ids.tolist(), without)
    assert silent.kept(test.ids.tolist()) == {}
    assert found.timings["ms_confidence"] >= 0 and "ms_confidence" not in without.timings
    both = together([{"fit_seconds": 1.0}], [(1, {"ms_confidence": 4.0}), (3, {"ms_confidence": 8.0})])
    assert both["ms_confidence"] == 7.0
