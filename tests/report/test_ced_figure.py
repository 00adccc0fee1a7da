"""The CED of a table: values by hand, a second route to AUC, and the same curve in the file for pgfplots."""

import re

import numpy as np
import pytest
from made_records import made_record, measured_record

from fldbench.metrics import auc
from fldbench.report import leaderboard
from fldbench.report.ced_figure import STEPS, ced_figure, ced_of, ced_pgfplots, write_ced_figures

IDS = np.array([f"f{i}" for i in range(4)])
ERRORS = np.array([0.02, 0.05, 0.2, np.nan])


def rows_of(*made):
    return leaderboard([measured_record(errors, IDS[: len(errors)], **fields)[0] for errors, fields in made]).records


def test_the_curve_by_hand():
    """Two of four faces lie at 2 and 5 %, one beyond the end of 10 %, and a missed one never gets there."""
    (row,) = rows_of((ERRORS, {}))
    curve = ced_of(row)
    assert curve.end == pytest.approx(10) and len(curve.shares) == STEPS + 1
    at = np.linspace(0, 10, STEPS + 1)
    expected = np.where(at < 2 - 1e-9, 0, np.where(at < 5 - 1e-9, 25, 50))
    assert np.array_equal(curve.shares, expected)


def test_the_area_under_the_curve_is_auc():
    errors = np.random.default_rng(0).gamma(4, 0.015, 300)
    record = measured_record(errors, np.array([f"f{i}" for i in range(300)]))[0]
    curve = ced_of(leaderboard([record]).records[0])
    area = np.trapezoid(curve.shares, dx=1 / STEPS)
    assert area == pytest.approx(100 * auc(errors, 0.10), abs=0.2)


def test_trainings_are_pooled():
    rows = rows_of((ERRORS, {"seed": 0, "key": "a"}), (np.full(4, 0.03), {"seed": 1, "key": "b"}))
    assert len(rows) == 1 and ced_of(rows[0]).shares[-1] == pytest.approx(100 * 6 / 8)


def test_a_protocol_that_leaves_missed_faces_out_draws_the_others():
    (row,) = rows_of((ERRORS, {"protocol": "300w-helen@missed=skipped"}))
    assert ced_of(row).shares[-1] == pytest.approx(100 * 2 / 3)


def test_rows_without_errors_have_no_curve(tmp_path):
    rows = leaderboard([made_record()]).records
    assert ced_of(rows[0]) is None and write_ced_figures(rows, tmp_path) == [] and not list(tmp_path.iterdir())


def test_the_files_hold_the_same_curves_and_no_name_breaks_them(tmp_path):
    rows = rows_of((ERRORS, {"method": "a_b & 50 %", "key": "a"}), (np.full(4, 0.03), {"method": "c", "key": "b"}))
    written = write_ced_figures(rows, tmp_path)
    assert [path.name for path in written] == [f"ced-300w-helen-t.{one}" for one in ("png", "svg", "pdf", "tex")]
    text = written[-1].read_text()
    assert re.findall(r"\\addlegendentry\{(.*)\}", text) == ["c", r"a\_b \& 50 \%"]
    assert text.count("{") == text.count("}") and text.count(r"\begin{axis}") == text.count(r"\end{axis}") == 1
    # Lines between the points that are written give every step of the curve.
    for coordinates, row in zip(re.findall(r"coordinates \{(.*)\};", text), rows, strict=True):
        x, y = np.array(re.findall(r"\(([\d.]+),([\d.]+)\)", coordinates), float).T
        curve = ced_of(row)
        assert np.allclose(np.interp(np.linspace(0, curve.end, STEPS + 1), x, y), curve.shares, atol=0.01)
        assert len(x) < 12


def test_names_stand_beside_their_lines():
    rows = rows_of(*((ERRORS + 0.002 * i, {"method": f"method-{i}", "key": str(i)}) for i in range(5)))
    figure = ced_figure("p, trained on t", [ced_of(row) for row in rows])
    axis = figure.axes[0]
    assert {text.get_text() for text in axis.texts} == {f"method-{i}" for i in range(5)}
    assert axis.get_xlim() == (0, 10) and axis.get_ylim() == (0, 100)
    assert "pgfplots" in ced_pgfplots("p", [ced_of(rows[0])]).splitlines()[0]
