"""Ablations: which variants there are, what they have in common with a plain suite, and what is done again."""

import numpy as np
import pytest
from task_toys import TEST, Several, register_tasks, task_faces

import fldbench
from fldbench.errors import SuiteError
from fldbench.run.ablate import ablate_suite, plan_ablation
from fldbench.run.suite import load_suite
from fldbench.run.variants import subsets, with_variants


@pytest.fixture
def suite(toy):
    return register_tasks()


def variants(suite, **params):
    """Label -> params of the variants of the toy method."""
    methods = [{"name": "several", "params": params}]
    return {spec.label: spec.params for spec in with_variants(load_suite(suite | {"methods": methods})).suite.methods}


def test_each_set_of_tasks_is_one_variant():
    names = dict(subsets(("landmarks", "a", "b", "c", "d")))
    assert len(names) == 1 + 4 + 4 + 1 and names["landmarks", "a", "b", "d"] == "all but c"
    assert [len(dict(subsets(("landmarks", *"abcd"[:k])))) for k in range(4)] == [1, 2, 4, 8]
    # The order of the suite stays: it may decide the first weights of a network.
    assert ("pose", "landmarks") in dict(subsets(("smile", "pose", "landmarks")))


def test_a_variant_has_the_parameters_of_its_method_as_far_as_they_are_about_its_tasks(suite):
    losses = {"smile": "focal", "pose": {"smile": 1, "name": "balanced"}}
    found = variants(suite, tasks=["landmarks", "smile", "pose"], weighting="dwa", losses=losses)
    assert found == {
        "several: landmarks": {"tasks": ["landmarks"]},
        "several: landmarks + smile": {
            "tasks": ["landmarks", "smile"],
            "weighting": "dwa",
            "losses": {"smile": "focal"},
        },
        "several: landmarks + pose": {
            "tasks": ["landmarks", "pose"],
            "weighting": "dwa",
            "losses": {"pose": {"name": "balanced"}},
        },
        "several: all": {"tasks": ["landmarks", "smile", "pose"], "weighting": "dwa", "losses": losses},
    }
    assert variants(suite, tasks=["landmarks", "smile"], losses={})["several: landmarks"]["losses"] == {}
    fixed = {"name": "fixed", "weights": {"landmarks": 2, "pose": 0.5}}
    found = variants(suite, tasks=["landmarks", "smile", "pose"], weighting=fixed)
    assert found["several: landmarks + smile"]["weighting"] == {"name": "fixed", "weights": {"landmarks": 2}}
    assert found["several: landmarks + pose"]["weighting"] == fixed
    of_pose = {"name": "fixed", "weights": {"pose": 0.5}}
    found = variants(suite, tasks=["landmarks", "smile", "pose"], weighting=of_pose)
    assert "weighting" not in found["several: landmarks + smile"]  # no weight is left to be fixed


def test_every_weighting_of_a_network_has_the_same_landmarks_alone(suite):
    params = {"tasks": ["landmarks", "smile", "pose"], "epochs": 2}
    more = {"weighting": "dwa"}, {"attribute_loss": {"pose": "focal"}, "task_stopping": {"window": 5, "threshold": 1.0}}
    methods = [{"name": "tcdcn", "label": str(i), "params": params | one} for i, one in enumerate(more)]
    specs = with_variants(load_suite(suite | {"methods": methods})).suite.methods
    assert [spec.params for spec in specs if spec.label.endswith(": landmarks")] == 2 * [
        {"tasks": ["landmarks"], "epochs": 2}
    ]


def test_results_are_shared_with_run_and_a_second_call_fits_nothing(suite, tmp_path):
    plain = [
        {"name": "several", "label": "one"},
        {"name": "several", "params": {"tasks": ["landmarks", "pose"]}, "label": "two"},
    ]
    before = fldbench.run_suite(suite | {"methods": plain}, tmp_path)
    assert Several.fits == 6
    runs = ablate_suite(suite, tmp_path)
    records = [run.record for run in runs]
    assert Several.fits == 12 and len(records) == 12 and {record.status for record in records} == {"ok"}
    assert {record.key for record in before} < {record.key for record in records}
    assert [record.method.label for record in records[::3]] == [
        *("several: landmarks", "several: landmarks + smile", "several: landmarks + pose", "several: all")
    ]
    assert [run.record for run in ablate_suite(suite, tmp_path)] == records and Several.fits == 12
    again = fldbench.run_suite(suite | {"methods": plain}, tmp_path)
    assert again == before and Several.fits == 12


def test_the_error_of_each_landmark_and_the_groups_are_those_of_the_faces(suite, tmp_path, monkeypatch):
    errors = np.tile([0.01, 0.02, 0.03, 0.04, 0.05], (TEST, 1))
    errors[3] = np.nan
    monkeypatch.setattr(Several, "errors", staticmethod(lambda tasks, seed: errors))
    run = ablate_suite(suite | {"seeds": [0]}, tmp_path)[-1]
    assert (run.method, run.variant, run.tasks) == ("several", "all", ("landmarks", "smile", "pose"))
    truth = task_faces(TEST, 2, "test")
    assert run.faces.ids.tolist() == truth.ids.tolist() and run.faces.groups.tolist() == truth.groups.tolist()
    assert list(run.faces.landmarks) == [
        *("left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner")
    ]
    assert run.faces.regions["mouth"] == ("left_mouth_corner", "right_mouth_corner")
    found = np.stack(list(run.faces.landmarks.values()), axis=1)
    assert np.isnan(found[3]).all() and found[4] == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05])
    with np.load(tmp_path / "records" / run.record.key / "faces.npz") as kept:
        assert found.mean(axis=1) == pytest.approx(kept["errors"], nan_ok=True)


def test_a_run_without_numbers_has_no_values(suite, tmp_path, monkeypatch):
    def fit(self, train, val=None):
        if self.random_state == 1:
            raise RuntimeError("the furnace is out")
        return plain(self, train)

    plain = Several.fit
    monkeypatch.setattr(Several, "fit", fit)
    runs = ablate_suite(suite, tmp_path)
    assert [run.faces is None for run in runs] == 4 * [False, True, False]


def test_one_variant_can_be_run_alone_and_processes_share_the_work(suite, tmp_path):
    (run,) = ablate_suite(suite | {"seeds": [0]}, tmp_path, only="several: all")
    assert run.record.method.params["tasks"] == ["landmarks", "smile", "pose"] and Several.fits == 1
    runs = ablate_suite(suite | {"seeds": [0]}, tmp_path, methods=["several: all", "several: landmarks"], jobs=2)
    assert len(runs) == 2 and Several.fits == 1  # the other one in its own process


def test_a_method_is_chosen_by_its_label_in_the_suite(suite, tmp_path):
    second = {"name": "several", "label": "second", "params": {"tasks": ["landmarks", "glasses"]}}
    both = suite | {"methods": [*suite["methods"], second], "seeds": [0]}
    lines = plan_ablation(both, tmp_path / "out", methods=["second"])
    assert [line.split(" on ")[0] for line in lines[1:-1:2]] == ["second: landmarks", "second: landmarks + glasses"]
    # A registered name means all methods of that name, as in `run`.
    assert len(plan_ablation(both, tmp_path / "out", methods=["several"])) == 1 + 2 * 6 + 1
    with pytest.raises(SuiteError, match="no method of the suite is named or labelled 'third'"):
        plan_ablation(both, tmp_path / "out", methods=["third"])


def test_a_plan_says_what_would_be_done_and_creates_nothing(suite, tmp_path):
    lines = plan_ablation(suite | {"methods": ["mean-shape", *suite["methods"]]}, tmp_path / "out")
    assert lines[0] == "mean-shape is left out: it has no parameter `tasks`"
    assert lines[1] == "several: landmarks on tasks-train, seed 0: fits 1 model, time unknown"
    assert lines[-1] == "12 runs: 12 to do; 12 cells of unknown time" and not list(tmp_path.iterdir())


def test_what_cannot_be_ablated_is_said(suite, tmp_path):
    said = []
    methods = ["mean-shape", {"name": "several", "label": "plain"}, *suite["methods"]]
    ablate_suite(suite | {"methods": methods, "seeds": [0]}, tmp_path, on_note=said.append)
    assert said == [
        "mean-shape is left out: it has no parameter `tasks`",
        "plain is left out: landmarks are its only task",
        "1 seed: how much trainings differ by chance is hardly known; give 3 or more, better 5",
    ]
    with pytest.raises(SuiteError) as error:
        ablate_suite(suite | {"methods": ["mean-shape"]}, tmp_path)
    assert str(error.value) == (
        "suite 'tasks': no method varies a parameter or has attributes among its tasks, so there is nothing to compare "
        "(mean-shape is left out: it has no parameter `tasks`); give a network params such as "
        "`tasks: [landmarks, pose]`, or a method `vary: {PARAMETER: [VALUE, VALUE]}`"
    )


def test_a_variant_that_its_method_refuses_is_an_error_of_the_suite(suite, monkeypatch):
    monkeypatch.setattr(Several, "of_tasks", ())
    old = Several.check_params

    def check(self):
        old(self)
        if self.weighting is not None and len(self.tasks) < 2:
            raise fldbench.MethodError("several: weighting needs two tasks")

    monkeypatch.setattr(Several, "check_params", check)
    with pytest.raises(SuiteError) as error:
        variants(suite, tasks=["landmarks", "smile"], weighting="dwa")
    assert str(error.value) == "several: landmarks: several: weighting needs two tasks"
