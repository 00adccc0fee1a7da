"""Ablations over the values of a parameter: the same numbers as over tasks, beside another baseline, in other words."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from made_variants import made_run

import fldbench
from fldbench.records.record import Timings
from fldbench.records.variant_runs import Comparison
from fldbench.report.comparisons import compared

N = 40
HARD = np.random.default_rng(0).uniform(0.02, 0.08, N)  # errors of the faces, fractions
CHANCE = (-0.001, 0.0, 0.001)  # of the trainings
AGAINST = Comparison("equal", "weighting")


def runs_of(value, gain=0.0, tasks="landmarks + pose", chance=CHANCE, **fields):
    runs = [made_run(tasks, seed, HARD - gain + one, **fields) for seed, one in enumerate(chance)]
    return [replace(run, variant=value, comparison=AGAINST) for run in runs]


def said(found):
    """The tables as text, without the breaks of long lines."""
    return str(found).replace("\n  ", " ")


def test_values_are_compared_with_the_first_as_tasks_with_landmarks_alone():
    runs = runs_of("equal") + runs_of("dwa", 0.01) + runs_of("mgda", -0.01)
    base, dwa, mgda = compared(runs)
    assert base.is_baseline and base.measures["nme"].difference is None
    assert (dwa.measures["nme"].effect, mgda.measures["nme"].effect) == ("helps", "hurts")
    by_tasks = [replace(run, comparison=Comparison("equal")) for run in runs]
    assert compared(by_tasks)[1].measures == dwa.measures
    text = said(fldbench.ablation(runs))
    low, high = dwa.measures["nme"].difference.low, dwa.measures["nme"].difference.high
    assert f"Lowers the NME compared with weighting equal: dwa (-1.00 [{low:.2f}, {high:.2f}] points). Raises" in text
    assert "Raises the NME compared with weighting equal: mgda (+1.00 [+" in text
    assert "Differences are to weighting equal, with 95 % intervals over faces and trainings. Where nothing" in text
    assert "in brackets the difference to weighting equal; *" in text and "landmarks alone" not in text


def test_the_first_value_is_the_baseline_wherever_its_runs_stand():
    rows = compared(runs_of("dwa", 0.01) + runs_of("equal"))
    assert [row.measures["nme"].effect for row in rows] == ["helps", ""]


def test_where_nothing_is_certain_the_bound_is_said():
    rng = np.random.default_rng(3)
    values = ("equal", "dwa", "uncertainty")
    runs = [run for value in values for run in runs_of(value, 0.002 * rng.normal(size=N))]
    found = [row.measures["nme"].difference for row in compared(runs)[1:]]
    most = np.ceil(100 * max(abs(end) for one in found for end in (one.low, one.high))) / 100
    assert f"No other weighting changes the NME by more than {most:.2f} points, and" in said(fldbench.ablation(runs))
    some = said(fldbench.ablation(runs + runs_of("mgda", 0.02)))
    assert f"Undecided, but not by more than {most:.2f} points: dwa, uncertainty." in some


def test_attributes_are_compared_with_the_baseline_too():
    codes = {"pose": np.arange(N) % 4 // 3}  # 30 and 10 faces
    right = np.arange(N) != 3, ~np.isin(np.arange(N), [3, 7, 11, 15, 19, 23])  # 1 and 6 of the 10
    runs = [
        run
        for value, one in zip(("equal", "dwa"), right, strict=True)
        for run in runs_of(value, right={"pose": one}, codes=codes)
    ]
    measured = compared(runs)[1].measures["balanced_accuracy:pose"]
    assert measured.value == pytest.approx(70) and measured.difference.value == pytest.approx(-25)
    text = said(fldbench.ablation(runs))
    assert "70.00 (-25.00*)" in text and "the difference to weighting equal; * where its interval of 95 %" in text
    assert "harm" not in text
    without = runs_of("equal", tasks="landmarks") + runs[3:]
    assert compared(without)[1].measures["balanced_accuracy:pose"].difference is None


def test_costs_are_ratios_to_the_baseline():
    runs = runs_of("equal", timings=Timings(fit_seconds=10.0, jobs=1), parameters=100)
    runs += runs_of("mgda", timings=Timings(fit_seconds=35.0, jobs=1), parameters=100)
    runs += runs_of("dwa", timings=Timings(fit_seconds=10.0, jobs=2), parameters=104)
    rows = compared(runs)
    assert [row.ratios["fit_seconds"] for row in rows] == [1, 3.5, 1]
    assert [row.ratios["parameters"] for row in rows] == [1, 1, 1.04]
    text = said(fldbench.ablation(runs))
    assert " 3.50×" in text and "other jobs, load or machine than those of weighting equal: dwa." in text


def test_every_output_names_the_parameter_and_its_values(tmp_path):
    found = fldbench.ablation(runs_of("equal") + runs_of("fixed weights={pose: 0.5}", 0.01))
    assert "| weighting | NME % |" in found.to_markdown() and "fixed weights" in found.to_latex()
    base, row = csv.DictReader(io.StringIO(found.to_csv()))
    assert (row["variant"], row["parameter"], row["baseline"]) == ("fixed weights={pose: 0.5}", "weighting", "equal")
    assert base["nme:diff"] == "" and float(row["nme:diff"]) == -1 and row["tasks"] == "landmarks pose"
    (part,) = found.figure().subfigs
    assert part.get_supxlabel().startswith("NME minus that of weighting equal, percentage points")
    labels = [label.get_text() for label in part.axes[0].get_yticklabels()]
    assert labels == ["fixed weights={pose: 0.5}"]
    assert len(found.write(tmp_path)) == 4


def test_without_the_baseline_nothing_is_compared():
    text = "Nothing can be compared: weighting equal, or all other variants, have no numbers."
    assert text in said(fldbench.ablation(runs_of("dwa")))
