"""Ablations: differences known by construction, what is said of them, and rows that lack something."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from made_records import failed
from made_variants import NAMES, made_run
from scipy import stats
from task_toys import TEST, Several, register_tasks
from toys import toy_protocol

import fldbench
from fldbench.records.record import Machine, Timings
from fldbench.report.comparisons import compared
from fldbench.stats import paired_difference

N = 40
HARD = np.random.default_rng(0).uniform(0.02, 0.08, N)  # errors of the faces, fractions
CHANCE = (-0.001, 0.0, 0.001)  # of the trainings


def runs_of(variant, gain=0.0, chance=CHANCE, **fields):
    return [made_run(variant, seed, HARD - gain + one, **fields) for seed, one in enumerate(chance)]


def said(found):
    """The tables as text, without the breaks of long lines."""
    return str(found).replace("\n  ", " ")


def measures(runs, variant):
    (row,) = (row for row in compared(runs) if row.variant == variant)
    return row.measures


def test_a_task_that_helps_by_construction_is_found_with_the_interval_of_the_trainings():
    runs = runs_of("landmarks") + runs_of("landmarks + pose", 0.01)
    nme = measures(runs, "landmarks + pose")["nme"]
    # Faces gain the same, so all chance is that of three trainings each: Welch's interval, -1 +- t(4) sqrt(2 / 3) 0.1.
    half = stats.t.ppf(0.975, 4) * np.sqrt(2 / 3) * 0.1
    assert nme.value == pytest.approx(100 * HARD.mean() - 1) and nme.sd == pytest.approx(0.1)
    assert nme.difference.value == pytest.approx(-1) and nme.difference.degrees == pytest.approx(4)
    assert (nme.difference.high - nme.difference.low) / 2 == pytest.approx(half, rel=0.15)
    assert nme.effect == "helps" and nme.difference.over_seeds
    found = fldbench.ablation(runs)
    assert repr(found).startswith("Ablation(net: Helps landmarks: pose (-1.00 [-1.2")
    base = measures(runs, "landmarks")["nme"]
    assert base.difference is None and base.effect == ""


def test_a_task_that_hurts_is_negative_transfer():
    runs = runs_of("landmarks") + runs_of("landmarks + pose", -0.01)
    assert measures(runs, "landmarks + pose")["nme"].effect == "hurts"
    assert "Hurts landmarks (negative transfer): pose (+1.00 [+0.7" in said(fldbench.ablation(runs))


def test_where_nothing_differs_but_chance_nothing_is_decided():
    rng = np.random.default_rng(3)
    runs = [
        made_run(variant, seed, HARD + 0.002 * rng.normal(size=N))
        for variant in ("landmarks", "landmarks + pose", "landmarks + smile", "landmarks + smile + pose")
        for seed in range(5)
    ]
    rows = compared(runs)
    assert {row.measures["nme"].effect for row in rows[1:]} == {"undecided"}
    ends = [abs(end) for row in rows[1:3] for one in [row.measures["nme"].difference] for end in (one.low, one.high)]
    most = np.ceil(100 * max(ends)) / 100
    text = f"No task alone changes the NME by more than {most:.2f} points, and that it changes it at all is certain for"
    assert f"{text} none. All tasks together, undecided: " in said(fldbench.ablation(runs))


def test_failures_and_landmarks_by_hand():
    mouth = np.tile([0.05, 0.05, 0.05, 0.05, 0.05], (N, 1))
    mouth[:10] = 0.12
    better = mouth.copy()
    better[:5, 3:] = 0.02  # five faces no longer fail at 10 %: (3 * 0.12 + 2 * 0.02) / 5 = 0.08
    runs = [made_run("landmarks", seed, mouth) for seed in range(2)]
    runs += [made_run("landmarks + smile", seed, better) for seed in range(2)]
    found = measures(runs, "landmarks + smile")
    assert found["fr10"].value == pytest.approx(12.5) and found["fr10"].difference.value == pytest.approx(-12.5)
    assert found["fr08"].value == pytest.approx(12.5)  # 8 % is no failure
    assert found["nme@left_mouth_corner"].difference.value == pytest.approx(-100 * 0.10 * 5 / N)
    corner, mouth = (vars(found[key].difference) for key in ("nme@right_mouth_corner", "region@mouth"))
    assert mouth == pytest.approx(corner)
    assert found["nme@nose_tip"].difference.value == 0 and found["nme@nose_tip"].effect == "undecided"
    assert found["nme@nose_tip"].value == pytest.approx(100 * (0.05 * 30 + 0.12 * 10) / N)


RULES = {
    "tasks-skipped": {"missed": "skipped"},
    "tasks-charged": {"missed": "value:0.50"},
    "tasks-strict": {"strict": True},
    "tasks-micro": {"visible": True, "reduction": "micro"},
}


def test_differences_are_those_of_the_records_numbers(toy, tmp_path, monkeypatch):
    """A second route, through the whole of `ablate_suite`: any rule of a protocol, with faces that are missed."""

    def errors(tasks, seed):
        rng = np.random.default_rng([len(tasks), seed])
        found = rng.uniform(0.02, 0.14, (TEST, 5))
        found[rng.integers(TEST)] = np.nan
        found[:3] = 0.10
        return found

    monkeypatch.setattr(Several, "errors", staticmethod(errors))
    suite = register_tasks()
    for name, rules in RULES.items():
        fldbench.register_protocol(toy_protocol(name, dataset="tasks", n_expected=TEST, **rules))
    suite["methods"][0]["params"]["tasks"] = ["landmarks", "pose"]
    runs = fldbench.ablate_suite(suite | {"protocols": ["tasks-test", *RULES], "seeds": [0, 1]}, tmp_path)
    for protocol in ("tasks-test", *RULES):
        base, row = compared([run for run in runs if run.record.protocol.name == protocol])
        for key in ("nme", "fr08", "fr10"):
            means = [np.mean([record.metrics[key] for record in one.records]) for one in (base, row)]
            assert row.measures[key].difference.value == pytest.approx(means[1] - means[0], abs=1e-9), (protocol, key)
            assert row.measures[key].value == pytest.approx(means[1])


def test_differences_of_attributes_are_those_of_the_records_numbers(toy, tmp_path, monkeypatch):
    """A second route: unknown classes count nothing, faces without an answer are wrong."""

    def some(rows):
        return lambda tasks, seed, name: np.isin(np.arange(TEST), rows[: len(tasks) + seed])

    monkeypatch.setattr(Several, "wrong", staticmethod(some([0, 1, 5, 4, 9])))
    monkeypatch.setattr(Several, "silent", staticmethod(some([2, 0, 12, 5, 16])))
    runs = fldbench.ablate_suite(register_tasks() | {"seeds": [0, 1]}, tmp_path)
    alone, row = (one for one in compared(runs) if "pose" in one.tasks)
    for key in ("balanced_accuracy:pose", "accuracy:pose"):
        means = [np.mean([record.metrics[key] for record in one.records]) for one in (alone, row)]
        assert row.measures[key].value == pytest.approx(means[1]) and means[0] > means[1]
        assert row.measures[key].difference.value == pytest.approx(means[1] - means[0])


def test_attributes_are_compared_with_the_variant_of_that_attribute_alone():
    codes = {"pose": np.arange(N) % 4 // 3, "smile": np.arange(N) % 2}  # 30 and 10 faces; 20 and 20

    def run(variant, seed, wrong):
        tasks = variant.split(" + ")[1:]
        right = {name: np.ones(N, bool) for name in tasks}
        for name, rows in wrong.items():
            right[name] = ~np.isin(np.arange(N), rows)
        return made_run(variant, seed, HARD, right, {name: codes[name] for name in tasks})

    runs = [
        *(run("landmarks", seed, {}) for seed in range(3)),
        *(run("landmarks + pose", seed, {"pose": [3]}) for seed in range(3)),  # one of the 10 faces of class 1
        *(run("landmarks + smile", seed, {}) for seed in range(3)),
        *(run("landmarks + pose + smile", seed, {"pose": [3, 7, 11, 15, 19, 23]}) for seed in range(3)),
    ]
    found = measures(runs, "landmarks + pose + smile")["balanced_accuracy:pose"]
    assert found.value == pytest.approx(70) and found.difference.value == pytest.approx(-25)
    by_hand = paired_difference(
        100.0 * np.stack([run.faces.right["pose"] for run in runs[3:6]]),
        100.0 * np.stack([run.faces.right["pose"] for run in runs[9:]]),
        strata=codes["pose"],
    )
    assert vars(found.difference) == pytest.approx(vars(by_hand)) and found.effect == "hurts"
    assert measures(runs, "landmarks + pose")["balanced_accuracy:pose"].difference is None
    assert "balanced_accuracy:pose" not in measures(runs, "landmarks + smile")
    text = said(fldbench.ablation(runs))
    assert "net on toy-test, trained on t: attributes" in text and "70.00 (-25.00*)" in text


def test_one_training_says_nothing_about_trainings():
    runs = runs_of("landmarks", chance=(0.0,)) + runs_of("landmarks + pose", 0.01, chance=(0.0,))
    assert measures(runs, "landmarks + pose")["nme"].effect == "one training"
    assert "One training each: how much of the differences is chance cannot be told." in said(fldbench.ablation(runs))


def test_a_method_that_draws_nothing_has_intervals_over_faces():
    gain = np.random.default_rng(1).uniform(0, 0.01, N)
    runs = [made_run("landmarks", None, HARD), made_run("landmarks + pose", None, HARD - gain)]
    nme = measures(runs, "landmarks + pose")["nme"]
    assert nme.effect == "helps" and not nme.difference.over_seeds
    assert "with 95 % intervals over faces." in said(fldbench.ablation(runs))


def test_all_but_one_is_compared_with_all_too():
    names = ("landmarks", "landmarks + a", "landmarks + b", "landmarks + a + b")
    second = dict.fromkeys(names[1:3], names[3])
    runs = [run for i, name in enumerate(names) for run in runs_of(name, 0.002 * i, second=second)]
    two = {row.variant: row.to_all for row in compared(runs)}
    assert {name for name, one in two.items() if one} == {names[1], names[2]}
    three = (*names, "landmarks + c", "landmarks + a + c", "landmarks + b + c", "landmarks + a + b + c")
    second = dict.fromkeys((names[3], *three[5:7]), three[7])
    runs = [run for i, name in enumerate(three) for run in runs_of(name, 0.002 * i, second=second)]
    found = {row.variant: row.to_all for row in compared(runs)}
    assert {name for name, one in found.items() if one} == {names[3], three[5], three[6]}
    assert found["landmarks + a + b"].value == pytest.approx(0.8) and found["landmarks + a + b"].sign == 1
    assert "landmarks + a + b, difference to landmarks + a + b + c: +0.80 [" in said(fldbench.ablation(runs))


def test_costs_are_ratios_and_other_conditions_are_marked():
    base = runs_of("landmarks", timings=Timings(fit_seconds=10.0, jobs=1), parameters=100)
    more = runs_of("landmarks + pose", timings=Timings(fit_seconds=15.0, jobs=1), parameters=110)
    both = runs_of("landmarks + pose + smile", timings=Timings(fit_seconds=20.0, jobs=2), parameters=120)
    rows = compared(base + more + both)
    assert [row.ratios.get("fit_seconds") for row in rows] == [1.0, 1.5, 2.0]
    assert [row.ratios["parameters"] for row in rows] == [1.0, 1.1, 1.2]
    assert [row.other_conditions for row in rows] == [False, False, True]
    text = said(fldbench.ablation(base + more + both))
    assert "≈ 2.00×" in text and " 1.50×" in text and "≈ 1.50×" not in text
    assert "Times marked ≈ were measured with other jobs, load or machine" in text
    base[0] = replace(base[0], record=replace(base[0].record, timings=Timings(fit_seconds=99.0, jobs=1)))
    assert compared(base + more)[1].ratios["fit_seconds"] == 1.5  # the first fit of a process takes longer
    one = runs_of("landmarks + pose", timings=Timings(fit_seconds=1.0, resumed=True, jobs=1))
    assert "fit_seconds" not in compared(base + one)[1].ratios  # the time of a part of a fit
    machine = Machine("c", 2, 2)
    busy, idle = (Timings(fit_seconds=1.0, jobs=1, fit_load=load) for load in (3.0, 1.0))
    pair = (
        runs_of("landmarks", timings=idle, machine=machine),
        runs_of("landmarks + pose", timings=busy, machine=machine),
    )
    assert compared(pair[0] + pair[1])[1].other_conditions


def broken(run, reason):
    record = failed(run.record.method, run.record.protocol, reason, seed=run.record.seed, key=run.record.key)
    return replace(run, record=record, faces=None)


def test_failed_seeds_are_shown_and_have_no_part():
    runs = runs_of("landmarks") + runs_of("landmarks + pose", 0.01) + runs_of("landmarks + smile")
    runs[4] = broken(runs[4], "the furnace is out")
    runs[6:] = [broken(run, "no smiles") for run in runs[6:]]
    found = fldbench.ablation(runs)
    text = said(found)
    assert "2 of 3" in text and "0 of 3" in text
    assert "landmarks + pose: 1 of 3 seeds failed: the furnace is out" in text
    assert "landmarks + smile: failed: no smiles" in text
    rows = {row["variant"]: row for row in found.rows}
    assert rows["landmarks + pose"]["nme:diff"] == pytest.approx(-1)
    assert rows["landmarks + smile"]["nme"] is None and rows["landmarks + smile"]["nme:diff"] is None
    nothing = fldbench.ablation([broken(run, "no") for run in runs])
    assert "Nothing can be compared" in said(nothing) and len(nothing.rows) == 3


def test_without_landmarks_alone_nothing_is_compared_and_no_figure_is_written(tmp_path):
    found = fldbench.ablation(runs_of("landmarks + pose"))
    assert "Nothing can be compared: landmarks alone, or all other variants, have no numbers." in said(found)
    assert [path.name for path in found.write(tmp_path)] == ["ablation.csv", "ablation.tex", "ablation.md"]


def test_numbers_that_cannot_be_true_have_no_part():
    runs = runs_of("landmarks") + runs_of("landmarks + pose", 0.01)
    wrong = replace(runs[3], record=replace(runs[3].record, test=replace(runs[3].record.test, missed=99)))
    edited = replace(runs[4], record=replace(runs[4].record, edited="its content does not fit its digest"))
    text = said(fldbench.ablation([*runs[:3], wrong, edited, runs[5]]))
    assert "1 of 3" in text and "99 of 40 faces missed" in text and "does not fit its digest" in text


def test_runs_on_fewer_faces_are_compared_on_those_that_all_have():
    gain = np.linspace(0, 0.02, N)
    runs = runs_of("landmarks") + runs_of("landmarks + pose", gain)
    values = runs[4].faces
    some = np.arange(N)[::-1][:30]  # in another order, too
    fewer = replace(
        values,
        ids=values.ids[some],
        groups=values.groups[some],
        charged=values.charged[some],
        counts=values.counts[some],
        landmarks={name: one[some] for name, one in values.landmarks.items()},
    )
    runs[4] = replace(runs[4], faces=fewer)
    (_, row) = compared(runs)
    assert row.n_compared == 30
    assert row.measures["nme"].difference.value == pytest.approx(-100 * gain[some].mean())
    assert "landmarks + pose: compared on the 30 faces that all have." in said(fldbench.ablation(runs))


def test_faces_of_one_person_are_drawn_together():
    gain = np.repeat(np.random.default_rng(2).normal(0, 0.004, N // 4), 4)
    right = {"pose": np.repeat(np.arange(N // 4) % 3 > 0, 4)}

    def widths(groups):
        runs = [
            *(made_run("landmarks", seed, HARD) for seed in (0, 1)),
            *(made_run("landmarks + pose", seed, HARD, {"pose": np.ones(N, bool)}) for seed in (0, 1)),
            *(made_run("landmarks + pose + x", seed, HARD - gain, right) for seed in (0, 1)),
        ]
        found = measures(
            [replace(run, faces=replace(run.faces, groups=groups)) for run in runs], "landmarks + pose + x"
        )
        keys = ("nme", "nme@nose_tip", "balanced_accuracy:pose")
        return np.array([found[key].difference.high - found[key].difference.low for key in keys])

    # Four faces of each person say the same, so the variance is four times as large.
    assert widths(np.arange(N) // 4) / widths(np.arange(N)) == pytest.approx([2, 2, 2], rel=0.2)


def test_partial_test_sets_are_labelled():
    rules = {"n_expected": 50}
    runs = [
        replace(run, record=replace(run.record, test=replace(run.record.test, complete=False)))
        for run in runs_of("landmarks", rules=rules) + runs_of("landmarks + pose", 0.01, rules=rules)
    ]
    assert "Partial: only 40 of 50 test faces." in said(fldbench.ablation(runs))


def test_each_method_and_protocol_has_its_own_tables():
    runs = runs_of("landmarks") + runs_of("landmarks + pose", 0.01)
    other = runs_of("landmarks", method="[ours]") + runs_of("landmarks + pose", -0.01, method="[ours]")
    found = fldbench.ablation(runs + other)
    assert [rows[0].label for _, rows in found.sections] == ["net", "[ours]"]
    assert found.to_markdown().count("### ") == 4 and r"### \[ours\] on toy-test, trained on t" in found.to_markdown()
    labels = [line for line in found.to_latex().splitlines() if line.startswith(r"\label")]
    assert len(labels) == len(set(labels)) == 4


def test_csv_holds_every_number():
    found = fldbench.ablation(runs_of("landmarks") + runs_of("landmarks + pose", 0.01))
    base, row = csv.DictReader(io.StringIO(found.to_csv()))
    assert list(row)[:3] == ["method", "variant", "tasks"] and row["tasks"] == "landmarks pose"
    assert float(row["nme:diff"]) == -1 and float(row["nme:low"]) < -1 < float(row["nme:high"]) < 0
    assert row["nme:effect"] == "helps" and base["nme:diff"] == base["nme:effect"] == ""
    assert {f"nme@{name}:diff" for name in NAMES} | {"fr10:low", "fit_seconds:ratio"} <= row.keys()
    assert row["interval_over"] == "faces and trainings" and row["seeds"] == "3" and row["n_compared"] == "40"
    assert found.frame["nme"].tolist() == pytest.approx([100 * HARD.mean(), 100 * HARD.mean() - 1])


def test_many_landmarks_are_shown_by_the_parts_of_the_face():
    found = fldbench.ablation(runs_of("landmarks") + runs_of("landmarks + pose", 0.01))
    assert "| tasks | left\\_eye | right\\_eye | nose\\_tip |" in found.to_markdown()
    assert r"tasks & eyes & nose & mouth \\" in found.to_latex()  # five do not fit into the text of an article


def test_the_figure_has_a_panel_for_the_nme_and_each_part_of_the_face(tmp_path):
    found = fldbench.ablation(runs_of("landmarks") + runs_of("landmarks + $x$", 0.01) + runs_of("landmarks + b", -0.01))
    figure = found.figure()
    axes = [axis for part in figure.subfigs for axis in part.axes]
    assert [axis.get_title() for axis in axes] == ["NME", "eyes", "nose", "mouth"]
    zero, *drawn = axes[0].lines
    assert zero.get_xdata() == pytest.approx([0, 0])
    assert drawn[1].get_xdata() == pytest.approx([-1]) and drawn[3].get_xdata() == pytest.approx([1])
    assert drawn[1].get_color() != drawn[3].get_color()
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [r"landmarks + \$x\$", "landmarks + b"]
    path = found.write(tmp_path)[-1]
    assert path.name == "ablation.png" and path.read_bytes().startswith(b"\x89PNG")
