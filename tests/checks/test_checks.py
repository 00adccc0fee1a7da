"""Every check catches the toy that breaks it, and no other check does; the good toys pass; the command counts."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from broken_datasets import BROKEN_DATASETS, GoodData, Wide
from broken_methods import BROKEN_METHODS, CannotBeCopied, Clips, Good
from toy_attributes import Heads

from fldbench import registry
from fldbench.checks import (
    DATASET_CHECKS,
    METHOD_CHECKS,
    Maker,
    attributes,
    check_dataset,
    check_method,
    quick_faces,
    results_of,
    run,
)
from fldbench.checks.subject import FEW
from fldbench.cli.app import app
from fldbench.errors import DataError, MethodError, UnknownNameError
from fldbench.faces import NoImages
from fldbench.method import make_method

CLASSES = ("classes", "mirrored-classes")  # checks of datasets that are skipped if no attribute has classes
NOT_GOODS = {"members", "exports", "confidence", "confidence-rows"}  # what the good toy neither has nor declares


def failed(results):
    return {result.check: result.reason for result in results if result.status == "failed"}


def name_of(check):
    return check.__name__.removeprefix("check_").replace("_", "-")


def test_a_good_method_passes_every_check_that_applies():
    registry.register_method("toy", Good)
    results = {result.check: (result.status, result.reason) for result in check_method("toy")}
    assert results.pop("members") == ("skipped", "it has no members that could be fitted separately")
    assert results.pop("exports") == ("skipped", "it declares no exports")
    assert results.pop("confidence") == results.pop("confidence-rows") == ("skipped", "it does not say how sure it is")
    rest = [name_of(check) for check in METHOD_CHECKS if name_of(check) not in NOT_GOODS]
    assert results == dict.fromkeys(rest, ("passed", ""))


@pytest.mark.parametrize("broken", BROKEN_METHODS, ids=lambda cls: cls.__name__)
def test_a_broken_method_is_caught_by_exactly_one_check(broken):
    registry.register_method("toy", broken)
    found = failed(check_method("toy"))
    assert list(found) == [BROKEN_METHODS[broken]], found
    assert found[BROKEN_METHODS[broken]]


def test_every_check_has_its_toy_and_says_what_it_asks_for():
    assert {name_of(check) for check in METHOD_CHECKS} == set(BROKEN_METHODS.values())
    assert {name_of(check) for check in DATASET_CHECKS} == {check for check, _ in BROKEN_DATASETS.values()}
    for check in (*METHOD_CHECKS, *DATASET_CHECKS):
        assert check.__doc__.strip().endswith("."), check


def test_what_does_not_apply_is_skipped_with_a_reason():
    skipped = {r.check: r.reason for r in check_method("mean-shape") if r.status == "skipped"}
    without = {"random-state", "threads", "progress", "attributes", "rules", "files", "changes-nothing"}
    without |= {"attribute-rows", "attributes-seen", "attributes-saved"}
    assert set(skipped) == without | {"sample-weight", "refines", "keeps-training"} | NOT_GOODS
    assert skipped["threads"] == "it has no parameter threads" and all(skipped.values())
    assert skipped["refines"] == "it does not declare refines"


def test_a_method_that_cannot_be_fitted_fails_once():
    class Hopeless(Good):
        def fit(self, train, val=None, **more):
            raise RuntimeError("the furnace\nis out")

    registry.register_method("toy", Hopeless)
    results = check_method("toy")
    assert re.fullmatch(r"RuntimeError: the furnace is out \(test_checks\.py, line \d+\)", failed(results)["fits"])
    assert {r.reason for r in results if r.status == "skipped"} == {"it could not be fitted"}


def test_a_method_that_leaves_the_program_fails():
    class Leaves(Good):
        def fit(self, train, val=None, **more):
            sys.exit(0)

    registry.register_method("toy", Leaves)
    assert "SystemExit: 0 (test_checks.py, line" in failed(check_method("toy"))["fits"]


def test_what_is_no_method_is_refused_by_name():
    class Plain:
        def fit(self, train, val=None):
            return self

    registry.register_method("toy", Plain)
    with pytest.raises(MethodError, match=r"method 'toy': what is registered is .*; must be a subclass of fldbench"):
        make_method("toy")


def test_a_row_of_nan_for_a_hard_face_is_allowed():
    class GivesUp(Good):
        def predict(self, images, boxes, start_shapes=None):
            answer = super().predict(images, boxes, start_shapes)
            answer[(np.asarray(boxes)[:, 0] < 0) | (np.asarray(boxes)[:, 0] > 160)] = np.nan
            return answer

    registry.register_method("toy", GivesUp)
    results = check_method("toy")
    assert not failed(results)
    reasons = {r.check: r.reason for r in results if r.status == "skipped" and r.check not in NOT_GOODS}
    assert reasons == {"not-clipped": "it misses a face that is half outside"}


def test_mistakes_in_the_call_are_errors_not_findings():
    with pytest.raises(UnknownNameError, match="did you mean 'mean-shape'"):
        check_method("mean-shap")
    with pytest.raises(MethodError, match="has no parameter 'size'"):
        check_method("mean-shape", size=3)
    with pytest.raises(DataError, match="has no option 'size'"):
        check_dataset("synthetic", None, size=3)
    mine = r"no method, dataset, detector or protocol named 'synthetik'; did you mean 'synthetic'\?.*; your own"
    with pytest.raises(UnknownNameError, match=mine):
        results_of("synthetik", None, {})


def test_the_quick_faces_are_left_as_they_are():
    train, test = quick_faces()
    before = train.fingerprint
    registry.register_method("toy", Good)
    for check in METHOD_CHECKS:
        assert run(check, Maker("toy"), train, test).status == ("skipped" if name_of(check) in NOT_GOODS else "passed")
    assert replace(train).fingerprint == before and len(train) >= 2 * FEW


# --- datasets


def test_a_good_dataset_passes_every_check():
    registry.register_dataset("toy", GoodData)
    results = check_dataset("toy")
    rest = {r.check: (r.status, r.reason) for r in results}
    assert [rest.pop(check) for check in CLASSES] == [("skipped", "no attribute has classes")] * 2
    checks = (name_of(check) for check in DATASET_CHECKS)
    assert rest == {name: ("passed", "") for name in checks if name not in CLASSES}
    assert not failed(check_dataset("toy", "here"))


@pytest.mark.parametrize("what", BROKEN_DATASETS)
def test_a_broken_dataset_is_caught_by_exactly_one_check(what):
    check, broken = BROKEN_DATASETS[what]
    registry.register_dataset("toy", broken)
    found = failed(check_dataset("toy"))
    assert list(found) == [check] and found[check], found


def test_a_split_that_holds_another_one_may_share_its_groups():
    class Whole(GoodData):
        splits = ("train", "all")
        expected = {"train": 6, "all": 12}

        def load(self, root, split):
            faces = super().load(root, "train")
            return replace(faces[:6] if split == "train" else faces, split_name=split)

    registry.register_dataset("toy", Whole)
    assert not failed(check_dataset("toy"))


def test_a_dataset_that_came_without_images_is_checked_but_for_those():
    class Bare(GoodData):
        def load(self, root, split):
            faces = super().load(root, split)
            return replace(faces, images=NoImages(len(faces), "no images here"))

    registry.register_dataset("toy", Bare)
    results = check_dataset("toy")
    assert not failed(results)
    skipped = [(r.check, r.reason) for r in results if r.status == "skipped" and r.check not in CLASSES]
    assert skipped == [("images", "no images here")]


def test_one_split_without_images_does_not_excuse_the_others():
    class Half(GoodData):
        def load(self, root, split):
            faces = super().load(root, split)
            images = NoImages(len(faces), "no images here") if split == "train" else Wide(faces.images)
            return replace(faces, images=images)

    registry.register_dataset("toy", Half)
    assert "images" in failed(check_dataset("toy"))


def test_a_dataset_that_is_not_there_or_broken():
    registry.register_dataset("toy", GoodData)
    results = check_dataset("toy", "elsewhere")
    assert {r.reason for r in results if r.status == "skipped"} == {"no split is there: no toy below 'elsewhere'"}

    class Broken(GoodData):
        def load(self, root, split):
            if root is None:
                raise DataError("the file is damaged", "faces.csv", 3)
            return super().load(root, split)

    registry.register_dataset("toy", Broken)
    results = check_dataset("toy")
    assert failed(results) == {"loads": "faces.csv, line 3: the file is damaged"}
    assert {r.reason for r in results if r.status == "skipped"} == {"it could not be loaded"}


def test_the_built_in_dataset_and_a_real_one(data_root):
    assert not failed(check_dataset("300w", data_root))


def test_synthetic_faces_pass():
    results = check_dataset("synthetic", None, faces=20)
    assert not failed(results) and [r.check for r in results if r.status == "skipped"] == ["missing-root"]


# --- the command


@pytest.fixture
def command(monkeypatch):
    from typer.testing import CliRunner

    monkeypatch.delenv("FLDBENCH_DATA", raising=False)
    return lambda *args: CliRunner().invoke(app, ["check", *args])


def test_the_command_shows_every_check_and_counts(command):
    registry.register_method("toy", Good)
    done = command("toy", "--param", "alpha=2", "--param", "threads=1")
    assert done.exit_code == 0
    assert "passed   mirror-image: The mirror image gives approximately the mirrored prediction.\n" in done.output
    assert done.output.endswith(
        f"toy: {len(METHOD_CHECKS) - 4} checks ran, {len(METHOD_CHECKS) - 4} passed, 0 failed; 4 were skipped\n"
    )


def test_the_command_fails_when_a_check_does(command):
    registry.register_method("toy", CannotBeCopied)
    done = command("toy")
    assert done.exit_code == 1
    assert "failed   copy: A deep copy predicts the same" in done.output
    assert "\n         instead: TypeError: " in done.output
    assert f"{len(METHOD_CHECKS) - 5} passed, 1 failed; 4 were skipped" in done.output


def test_advice_does_not_make_the_command_fail(command):
    registry.register_method("toy", Clips)
    done = command("toy")
    assert done.exit_code == 0
    assert "advice   not-clipped: " in done.output
    assert "\n         instead: no point lies outside; the outermost is at x = 0.00\n" in done.output
    assert f"{len(METHOD_CHECKS) - 5} passed, 0 failed, 1 should hold and do not; 4 were skipped" in done.output
    advice = {result.check for result in check_method("toy") if result.advice}
    assert advice == {
        *("learns", "moves-along", "mirror-image", "not-clipped", "one-face", "same-faces", "any-scheme"),
        "attributes-seen",
    }


def test_the_command_on_a_dataset_that_is_absent(command):
    done = command("synthetic", "--param", "faces=12")
    assert done.exit_code == 0 and "synthetic: 15 checks ran, 15 passed, 0 failed; 1 were skipped" in done.output
    done = command("300w")
    assert "no split is there: dataset '300w' needs a data root; give --data ROOT" in done.output
    assert "300w: 2 checks ran, 2 passed, 0 failed; 14 were skipped" in done.output


def test_attributes_of_a_method_that_may_choose_its_tasks_are_checked_though_its_default_is_landmarks():
    class Chooses(Heads):
        def __init__(self, tasks=("landmarks",), random_state=0):
            super().__init__(0.0, random_state, tasks)

        def get_params(self):
            return {"tasks": self.tasks, "random_state": self.random_state}

    registry.register_method("toy", Chooses)
    train, test = quick_faces()
    make = Maker("toy")
    for check in attributes.CHECKS:
        assert run(check, make, train, test).status == "passed", check
    assert make.trained(train).tasks == ("landmarks",)
    assert make.with_attributes(train).tasks == ["landmarks", *train.attribute_types]
    # Asked for some tasks, it is checked with these.
    some = Maker("toy", tasks=["landmarks", "pose"])
    assert some.with_attributes(train) is some.trained(train)
    assert run(attributes.check_attributes, some, train, test).status == "passed"
