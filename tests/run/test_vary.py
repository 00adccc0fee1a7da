"""Methods of a suite that vary a parameter: their variants are ordinary methods, and `ablate` compares their values."""

import numpy as np
import pytest
import yaml
from task_toys import TEST, Several, register_tasks

import fldbench
from fldbench.errors import SuiteError
from fldbench.report.comparisons import compared
from fldbench.run.ablate import ablate_suite, plan_ablation
from fldbench.run.runner import plan_suite
from fldbench.run.suite import load_suite
from fldbench.run.variants import with_variants

VALUES = ["equal", {"name": "fixed", "weights": {"pose": 0.5}}, None]
NAMES = ["equal", "fixed weights={pose: 0.5}", "null"]


@pytest.fixture
def suite(toy):
    params = {"tasks": ["landmarks", "pose"]}
    method = {"name": "several", "label": "mine", "params": params, "vary": {"weighting": VALUES}}
    return register_tasks() | {"methods": [method], "seeds": [0, 1]}


def plain(suite):
    """The same methods, written one by one."""
    params = suite["methods"][0]["params"]
    methods = [
        {"name": "several", "label": str(i), "params": params | {"weighting": one}} for i, one in enumerate(VALUES)
    ]
    return suite | {"methods": methods}


def test_the_variants_are_the_methods_with_the_values(suite):
    specs = load_suite(suite).each_method
    assert [spec.label for spec in specs] == [f"mine: weighting {name}" for name in NAMES]
    assert [spec.params for spec in specs] == [{"tasks": ["landmarks", "pose"], "weighting": one} for one in VALUES]
    assert all(spec.vary == {} and spec.draws for spec in specs)


def test_run_and_ablate_share_the_results_of_a_plain_suite(suite, tmp_path):
    before = fldbench.run_suite(plain(suite), tmp_path)
    assert Several.fits == 6
    records = fldbench.run_suite(suite, tmp_path)
    assert Several.fits == 6 and [one.key for one in records] == [one.key for one in before]
    assert [one.method.label for one in records[::2]] == [f"mine: weighting {name}" for name in NAMES]
    runs = ablate_suite(suite, tmp_path)
    assert Several.fits == 6 and [run.record for run in runs] == records
    assert [run.variant for run in runs[::2]] == NAMES and {run.method for run in runs} == {"mine"}
    assert {(run.tasks, run.comparison.baseline, run.comparison.parameter) for run in runs} == {
        (("landmarks", "pose"), "equal", "weighting")
    }


def test_differences_are_those_of_the_records_numbers(suite, tmp_path, monkeypatch):
    gains = {"equal": 0.0, "fixed": 0.01, "None": -0.02}

    def errors(self):
        name = self.weighting["name"] if isinstance(self.weighting, dict) else str(self.weighting)
        return lambda tasks, seed: np.full(TEST, 0.05 + 0.001 * seed - gains[name])

    def wrong(self):
        return lambda tasks, seed, name: (np.arange(TEST) < 6) & (self.weighting == "equal")

    monkeypatch.setattr(Several, "errors", property(errors))
    monkeypatch.setattr(Several, "wrong", property(wrong))
    rows = compared(ablate_suite(suite, tmp_path))
    assert [row.variant for row in rows] == NAMES and [row.is_baseline for row in rows] == [True, False, False]
    for key in ("nme", "accuracy:pose", "balanced_accuracy:pose"):
        means = [np.mean([record.metrics[key] for record in row.records]) for row in rows]
        found = [row.measures[key].difference for row in rows]
        assert found[0] is None and [one.value for one in found[1:]] == pytest.approx(np.array(means[1:]) - means[0])
    assert [row.measures["nme"].difference.value for row in rows[1:]] == pytest.approx([-1, 2])
    # Of 24 faces six are answered wrongly, one of which has no known pose.
    assert rows[2].measures["accuracy:pose"].difference.value == pytest.approx(100 * 5 / 23)


def test_a_method_is_chosen_by_its_label_and_a_variant_by_its_own(suite, tmp_path):
    both = suite | {"methods": [{"name": "several"}, *suite["methods"]], "seeds": [0]}

    def planned(plan, **chosen):
        return [line.split(" on ")[0] for line in plan(both, tmp_path / "out", **chosen)[:-1] if " on " in line]

    of_mine = [f"mine: weighting {name}" for name in NAMES]
    assert planned(plan_suite) == ["several", *of_mine] == planned(plan_suite, methods=["several"])
    for plan in (plan_suite, plan_ablation):
        assert planned(plan, methods=["mine"]) == of_mine
        assert planned(plan, methods=of_mine[1:2]) == planned(plan, only=of_mine[1]) == of_mine[1:2]
        with pytest.raises(SuiteError, match="no method of the suite is named or labelled 'yours'"):
            plan(both, tmp_path / "out", methods=["yours"])
    assert not list(tmp_path.iterdir())


def test_each_method_is_compared_over_its_own_question(suite, tmp_path):
    tasks = {"name": "several", "params": {"tasks": ["landmarks", "pose"]}}
    of_tasks = {"name": "several", "label": "sets", "vary": {"tasks": [["landmarks"], ["landmarks", "smile"]]}}
    runs = ablate_suite(suite | {"methods": [*suite["methods"], tasks, of_tasks], "seeds": [0]}, tmp_path)
    found = {(run.method, run.variant): run for run in runs}
    assert list(found)[3:] == [
        *(("several", "landmarks"), ("several", "landmarks + pose")),
        *(("sets", "[landmarks]"), ("sets", "[landmarks, smile]")),
    ]
    assert found["sets", "[landmarks, smile]"].tasks == ("landmarks", "smile")
    # No attribute is answered by both of them.
    assert compared(runs[-2:])[1].measures["accuracy:smile"].difference is None
    text = str(fldbench.ablation(runs)).replace("\n  ", " ")
    wanted = ("weighting equal", "landmarks alone", "tasks [landmarks]")
    assert all(f"Differences are to {one}" in text for one in wanted)


def test_a_method_whose_only_task_is_landmarks_can_vary(suite):
    ablated = with_variants(load_suite(suite | {"methods": [{"name": "several", "vary": {"weighting": ["a", "b"]}}]}))
    assert [one.tasks for one in ablated.variants.values()] == 2 * [("landmarks",)]


FILE = """name: a
train: [{dataset: tasks}]
protocols: [tasks-test]
methods:
  - mean-shape
  - name: several
    params: {tasks: [landmarks, pose]}
    vary:
"""


@pytest.mark.parametrize(
    ("vary", "line", "text"),
    [
        (
            "      weighing: [a, b]",
            9,
            "methods[1].vary.weighing: method 'several' has no parameter 'weighing'; did you mean 'weighting'?",
        ),
        (
            "      losses:\n        - {pose: 1}\n        - {age: 1}",
            11,
            "methods[1].vary.losses[1]: several: losses names age, which is no task",
        ),
        ("      losses: [{age: 1}, {age: 2}]", 6, "methods[1]: several: losses names age, which is no task"),
        (
            "      weighting: [a]",
            8,
            "methods[1].vary: weighting is ['a']; must be two or more values; a single value of weighting belongs into "
            "params",
        ),
        (
            "      weighting: [a, b]\n      losses: [{}, null]",
            8,
            "methods[1].vary: what varies is ['weighting', 'losses']; must be one parameter with its values, such as "
            "`weighting: [equal, dwa]`; write a method for each parameter",
        ),
        (
            "      {}",
            8,
            "methods[1].vary: what varies is []; must be one parameter with its values, such as `weighting: [equal, "
            "dwa]`",
        ),
        ("      weighting: a", 9, "methods[1].vary.weighting is 'a'; must be a valid list"),
        ("      weighting: [1, '1', 1]", 9, "methods[1].vary.weighting[2]: 1 is given twice; write it once"),
        ("      weighting: [a, {name: a}]", 9, "methods[1].vary.weighting[1]: a is given twice; write it once"),
        ("      tasks: [[landmarks], [pose]]", 9, "methods[1].vary.tasks: tasks stands in params too; leave it out"),
    ],
)
def test_what_cannot_vary_is_said_with_its_place(suite, tmp_path, vary, line, text):
    path = tmp_path / "suite.yaml"
    path.write_text(FILE + vary)
    with pytest.raises(SuiteError) as error:
        load_suite(path)
    assert str(error.value).startswith(f"{path}, line {line}: {text}")


def test_variants_have_labels_of_their_own(suite):
    double = {"name": "several", "label": "mine: weighting equal"}
    with pytest.raises(SuiteError, match="mine: weighting equal is given twice"):
        load_suite(suite | {"methods": [*suite["methods"], double]})


def test_rows_of_a_broken_method_say_so(suite, tmp_path):
    path = tmp_path / "suite.yaml"
    fldbench.register_method("broken", "nowhere:Nothing")
    methods = [{"name": "broken", "vary": {"depth": [1, 2]}}, *suite["methods"]]
    path.write_text(yaml.safe_dump(suite | {"methods": methods}))
    records = fldbench.run_suite(path, tmp_path / "out", only="broken: depth 2")
    assert [one.status for one in records] == ["failed"]
    (note, *_) = plan_ablation(path, tmp_path / "out")
    assert note.startswith("broken is left out: ")
