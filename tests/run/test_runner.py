"""Running suites: what is fitted, reused, recorded; failures, partial data, broken images, crashes at any point."""

import json
import os
import pickle
import shutil
from dataclasses import replace
from functools import wraps
from pathlib import Path

import numpy as np
import pytest
from toys import TOY_TEST, TOY_TRAIN, Noisy, Toy, toy_faces, toy_protocol

import fldbench
from fldbench import registry
from fldbench.errors import DataError, DatasetNotFoundError, SuiteError
from fldbench.faces import ImageArrays
from fldbench.method import Method
from fldbench.records import keys
from fldbench.records.store import Store
from fldbench.report import leaderboard
from fldbench.run import cell, timing
from fldbench.run.cell import run_cell
from fldbench.run.plan import make_plan, with_problems
from fldbench.run.suite import load_suite

TIMES = ("fit_seconds", "ms_per_face", "ms_one_face")


def csv_without_times(folder):
    about_times = "jobs", "load", "fit_load", "remark"
    return leaderboard(folder).frame.drop(columns=[*TIMES, *about_times]).to_csv()


def test_one_fit_serves_every_protocol_and_a_second_run_computes_nothing(toy, tmp_path):
    toy["protocols"] = ["toy-test", "toy-jittered", "toy-even", "toy-odd"]
    toy["seeds"] = [0, 1]
    first = fldbench.run_suite(toy, tmp_path)
    assert Noisy.fits == 2 and len(first) == 8 and {record.status for record in first} == {"ok"}
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")}
    second = fldbench.run_suite(toy, tmp_path)
    assert second == first and Noisy.fits == 2
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")} == stamps


def test_the_numbers_are_those_of_fitting_and_measuring_by_hand(toy, tmp_path):
    (record,) = fldbench.run_suite(toy, tmp_path)
    train = toy_faces(TOY_TRAIN, 1, split="train")
    faces = fldbench.get_protocol("toy-test").select(toy_faces(TOY_TEST, 2))
    guess = Noisy(random_state=0).fit(train).predict(list(faces.images), faces.boxes)
    eyes = np.linalg.norm(faces.landmarks[:, 0] - faces.landmarks[:, 1], axis=1)
    errors = np.linalg.norm(guess - faces.landmarks, axis=2).mean(1) / eyes
    assert record.metrics["nme"] == pytest.approx(100 * errors.mean(), rel=1e-12)
    with np.load(tmp_path / "records" / record.key / "faces.npz") as kept:
        assert kept["ids"].tolist() == faces.ids.tolist()
        assert kept["predictions"] == pytest.approx(guess) and kept["errors"] == pytest.approx(errors)


def test_members_that_the_suite_has_fitted_are_not_fitted_again(toy, tmp_path):
    average = {"name": "average", "params": {"methods": ["noisy", "mean-shape"]}}
    alone = fldbench.run_suite(toy | {"methods": [average]}, tmp_path / "alone")[0]
    assert Noisy.fits == 1
    records = fldbench.run_suite(toy | {"methods": ["noisy", "mean-shape", average]}, tmp_path / "together")
    assert Noisy.fits == 2 and [record.status for record in records] == ["ok"] * 3
    assert records[2].key == alone.key and records[2].metrics == alone.metrics
    seconds = [record.timings.fit_seconds for record in records]
    assert seconds[2] >= seconds[0] + seconds[1] - 2e-3  # of the members, in ms, and what else the mean took
    # Members with other parameters are other models.
    other = {"name": "average", "params": average["params"] | {"params": {"noisy": {"noise": 0.02}}}}
    fldbench.run_suite(toy | {"methods": ["noisy", "mean-shape", other]}, tmp_path / "together")
    assert Noisy.fits == 3


def test_a_record_tells_where_its_numbers_come_from(toy, tmp_path):
    (record,) = fldbench.run_suite(toy, tmp_path)
    assert record.method.name == "noisy" and record.method.params == {"noise": 0.01, "random_state": 0}
    assert record.method.parameters == 10 and record.method.model_bytes > 80
    assert record.train.faces == TOY_TRAIN and len(record.train.fingerprint) == 64
    assert record.protocol.hash == fldbench.get_protocol("toy-test").hash
    assert record.test.n == TOY_TEST and record.test.complete
    assert all(getattr(record.timings, name) >= 0 for name in TIMES)
    assert record.method.multiply_adds is None and record.timings.jobs == 1
    assert {"fldbench.method", "toys"} <= record.method.code.keys() and "numpy" in record.method.libraries
    assert 1 <= record.machine.cores_usable <= record.machine.cores and record.machine.cpu and record.machine.blas
    assert record.machine.libraries["numpy"] == np.__version__ and record.started <= record.ended


def test_everything_that_changes_the_numbers_makes_a_new_run(toy, tmp_path, monkeypatch):
    fldbench.run_suite(toy, tmp_path)
    changes = [
        {"methods": [{"name": "noisy", "params": {"noise": 0.02}}]},
        {"seeds": [7]},
        {"train": [{"dataset": "toy", "faces": 6}]},
        {"train": [{"dataset": "toy", "boxes": "jittered"}]},
    ]
    for count, change in enumerate(changes, start=2):
        fldbench.run_suite(toy | change, tmp_path)
        assert Noisy.fits == count
    monkeypatch.setattr(Noisy, "version", 2)
    fldbench.run_suite(toy, tmp_path)
    assert Noisy.fits == 6
    fldbench.register_protocol(toy_protocol("toy-test", thresholds=(0.08, 0.10, 0.2)))
    fldbench.run_suite(toy, tmp_path)
    assert Noisy.fits == 6 and len(list((tmp_path / "records").iterdir())) == 7


def test_fresh_does_not_take_members_that_another_suite_fitted(toy, tmp_path):
    average = toy | {"methods": [{"name": "average", "params": {"methods": ["noisy"]}}]}
    fldbench.run_suite(toy, tmp_path)
    fldbench.run_suite(average, tmp_path)
    assert Noisy.fits == 1
    fldbench.run_suite(average, tmp_path, fresh=True)
    assert Noisy.fits == 2
    both = toy | {"methods": ["noisy", *average["methods"]]}
    fldbench.run_suite(both, tmp_path, fresh=True)
    assert Noisy.fits == 3


def test_fresh_forgets_and_runs_again(toy, tmp_path):
    (old,) = fldbench.run_suite(toy, tmp_path)
    (new,) = fldbench.run_suite(toy, tmp_path, fresh=True)
    assert Noisy.fits == 2 and new.metrics == old.metrics


def test_a_model_that_fails_is_a_record_and_the_rest_goes_on(toy, tmp_path):
    toy["methods"] = ["broken", "noisy"]
    bad, good = fldbench.run_suite(toy, tmp_path)
    assert (bad.status, bad.reason) == ("failed", "RuntimeError: the furnace is out (toys.py, line 73)")
    assert "in fit" in bad.traceback and bad.metrics == {}
    assert good.status == "ok"
    board = leaderboard(tmp_path)
    assert [(row["method"], row["status"]) for row in board.rows] == [("noisy", "ok"), ("broken", "failed")]
    assert "broken: failed: RuntimeError: the furnace is out" in board.to_markdown()


def test_a_failure_is_tried_again_and_is_never_a_result(toy, tmp_path):
    toy["methods"] = ["broken"]
    fldbench.run_suite(toy, tmp_path)
    registry.register_method("broken", Noisy)
    (record,) = fldbench.run_suite(toy, tmp_path)
    assert record.status == "ok"


def test_missed_faces_are_counted_and_shown(toy, tmp_path):
    toy["methods"] = ["gives-up"]
    (record,) = fldbench.run_suite(toy, tmp_path)
    missed = int((fldbench.get_protocol("toy-test").select(toy_faces(TOY_TEST, 2)).boxes[:, 0] < 11).sum())
    assert 0 < missed < TOY_TEST and record.test.missed == missed
    assert record.metrics["fr10"] >= 100 * missed / TOY_TEST


def test_a_protocol_whose_faces_are_absent_is_skipped_with_its_reason(toy, tmp_path):
    toy["protocols"] = ["toy-none", "toy-test"]
    skipped, good = fldbench.run_suite(toy, tmp_path)
    assert skipped.status == "skipped" and skipped.reason.startswith("0 of 3 faces of toy-none are there")
    assert good.status == "ok"


def test_one_protocol_that_cannot_be_computed_does_not_stop_the_others(toy, tmp_path):
    fldbench.register_protocol(toy_protocol("toy-zero", normaliser_points=((0,), (0,))))
    fldbench.register_protocol(toy_protocol("toy-gone", subset="gone"))
    toy["protocols"] = ["toy-zero", "toy-test"]
    bad, good = fldbench.run_suite(toy, tmp_path / "a")
    assert bad.status == "failed" and "the inter-pupil distance must be finite and > 0 px" in bad.reason
    assert good.status == "ok"
    toy["protocols"] = ["toy-gone", "toy-jittered"]
    bad, good = fldbench.run_suite(toy, tmp_path / "b")
    assert bad.status == "failed" and "toy-test has no subset 'gone'" in bad.reason
    assert good.status == "ok"


class Rotten(Toy):
    """Two training images and one test image cannot be decoded."""

    def load(self, root, split):
        faces = super().load(root, split)
        bad = (2, 5) if split == "train" else (3,)

        class Some(ImageArrays):
            def decode(self, i):
                if i in bad:
                    raise DataError("mould", f"{split}{i}.jpg")
                return super().decode(i)

        return replace(faces, images=Some(list(faces.images)))


def test_unreadable_images_are_left_out_and_counted(toy, tmp_path):
    registry.register_dataset("toy", Rotten)
    toy["protocols"] = ["toy-test", "toy-even"]
    whole, even = fldbench.run_suite(toy, tmp_path)
    assert whole.train.faces == TOY_TRAIN - 2 and whole.train.left_out == 2
    assert whole.train.left_out_reasons == ("train2.jpg: mould", "train5.jpg: mould")
    assert (whole.test.n, whole.test.left_out, whole.test.complete) == (TOY_TEST - 1, 1, False)
    assert (even.test.n, even.test.left_out, even.test.complete) == (TOY_TEST // 2, 0, True)
    text = leaderboard(tmp_path).to_markdown()
    assert "2 left out for unreadable images" in text and f"only {TOY_TEST - 1} of {TOY_TEST} test faces" in text


class Gone(Toy):
    """A dataset that is not on this disk."""

    def load(self, root, split):
        raise DatasetNotFoundError("toys are in the attic")


def test_absent_training_sets_are_skipped_unless_all_are_absent(toy, tmp_path):
    registry.register_dataset("gone", Gone)
    toy["train"] = [{"dataset": "gone"}, {"dataset": "toy"}]
    skipped, good = fldbench.run_suite(toy, tmp_path)
    assert (skipped.status, skipped.reason) == ("skipped", "toys are in the attic") and good.status == "ok"
    toy["train"] = [{"dataset": "gone"}]
    with pytest.raises(DatasetNotFoundError, match="toys are in the attic"):
        fldbench.run_suite(toy, tmp_path)


class Damaged(Toy):
    """The test split has a broken annotation file."""

    def load(self, root, split):
        if split == "test":
            raise DataError("'x' is not a point", "a.pts", 7)
        return super().load(root, split)


def test_damaged_annotations_are_a_failure_not_a_skip(toy, tmp_path):
    registry.register_dataset("toy", Damaged)
    (record,) = fldbench.run_suite(toy, tmp_path)
    assert (record.status, record.reason) == ("failed", "a.pts, line 7: 'x' is not a point")


def test_new_labels_need_no_new_run(toy, tmp_path):
    fldbench.run_suite(toy, tmp_path)
    (record,) = fldbench.run_suite(toy | {"methods": [{"name": "noisy", "label": "ours"}]}, tmp_path)
    assert record.method.label == "ours" and Noisy.fits == 1


def test_a_method_may_have_seeds_of_its_own(toy, tmp_path):
    toy |= {"methods": ["noisy", {"name": "noisy", "label": "slow", "seeds": [2]}], "seeds": [0, 1]}
    records = fldbench.run_suite(toy, tmp_path)
    assert [(record.method.label, record.seed) for record in records] == [("noisy", 0), ("noisy", 1), ("slow", 2)]
    toy["methods"][1]["seeds"] = [2, 2]
    with pytest.raises(SuiteError, match="2 is given twice; write it once"):
        fldbench.run_suite(toy, tmp_path)


def test_a_method_without_random_state_runs_once_for_all_seeds(toy, tmp_path):
    toy |= {"methods": ["mean-shape"], "seeds": [0, 1, 2]}
    assert [record.seed for record in fldbench.run_suite(toy, tmp_path)] == [None]


def test_a_seed_among_the_parameters_goes_before_those_of_the_suite(toy, tmp_path):
    toy |= {"methods": [{"name": "noisy", "params": {"random_state": 5}}], "seeds": [0, 1]}
    (record,) = fldbench.run_suite(toy, tmp_path)
    assert record.status == "ok" and record.seed is None and record.method.params["random_state"] == 5


def test_several_jobs_give_the_same_table_and_know_plugins_registered_at_run_time(toy, tmp_path):
    average = {"name": "average", "params": {"methods": ["noisy"], "params": {"noisy": {"noise": 0.5}}}}
    toy |= {"methods": ["noisy", "broken", "mean-shape", average], "seeds": [0, 1]}
    toy |= {"protocols": ["toy-test", "toy-even"]}
    fldbench.run_suite(toy, tmp_path / "one")
    fldbench.run_suite(toy, tmp_path / "two", jobs=2)
    assert csv_without_times(tmp_path / "one") == csv_without_times(tmp_path / "two")


def test_progress_counts_models(toy, tmp_path):
    seen = []
    toy["seeds"] = [0, 1]
    fldbench.run_suite(toy, tmp_path, on_event=lambda *event: seen.append(event))
    assert seen == [("", 0, 2), ("noisy on toy-train, seed 0", 1, 2), ("noisy on toy-train, seed 1", 2, 2)]


def test_prediction_in_blocks_does_not_change_the_predictions(toy, tmp_path, monkeypatch):
    (whole,) = fldbench.run_suite(toy, tmp_path / "a")
    monkeypatch.setattr(timing, "FACES_AT_ONCE", 3)
    (blocks,) = fldbench.run_suite(toy, tmp_path / "b")
    assert whole.metrics == blocks.metrics


CALLS = ("mkdir", "rename", "write_text", "touch", "unlink")


def crash_at(step, monkeypatch):
    """Kills the process, as `kill -9` would, at the step-th operation on files."""
    count = iter(range(10_000))

    def guard(function):
        @wraps(function)  # else the method would count as patched, and its results as those of other code
        def wrapped(*args, **kwargs):
            if next(count) == step:
                os._exit(9)
            return function(*args, **kwargs)

        return wrapped

    for name in CALLS:
        monkeypatch.setattr(Path, name, guard(getattr(Path, name)))
    for place, name in ((shutil, "rmtree"), (np, "savez"), (Noisy, "fit"), (Noisy, "predict"), (Method, "save")):
        monkeypatch.setattr(place, name, guard(getattr(place, name)))


def test_a_kill_at_any_point_and_a_second_run_give_the_same_table(toy, tmp_path, monkeypatch):
    """Forked runs are killed before their first, second, third ... operation on files, until one survives."""
    toy |= {"methods": ["noisy", "mean-shape"], "protocols": ["toy-test", "toy-even"], "seeds": [0, 1]}
    fldbench.run_suite(toy, tmp_path / "whole")
    expected = csv_without_times(tmp_path / "whole")
    killed = 0
    for step in range(10_000):
        out = tmp_path / f"killed-{step}"
        child = os.fork()
        if child == 0:
            with pytest.MonkeyPatch.context() as patch:
                crash_at(step, patch)
                fldbench.run_suite(toy, out)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            break
        assert status == 9
        killed += 1
        fldbench.run_suite(toy, out)
        assert csv_without_times(out) == expected, f"killed at operation {step}"
        assert not list(out.rglob("*.part"))
    assert killed > 40


def test_results_of_other_code_are_kept_and_named_and_reused_only_on_request(toy, tmp_path, monkeypatch):
    fldbench.run_suite(toy, tmp_path)
    real = keys.code_of
    monkeypatch.setattr(keys, "code_of", lambda cls: real(cls) | {"fldbench.geometry": "changed"})
    said = []
    (reused,) = fldbench.run_suite(toy, tmp_path, reuse_other_code=True, on_note=said.append)
    assert Noisy.fits == 1 and reused.other_code and "they are reused, and marked" in said[0]
    assert leaderboard([reused]).rows[0]["method"].startswith("noisy (other code ")
    (new,) = fldbench.run_suite(toy, tmp_path, on_note=said.append)
    assert Noisy.fits == 2 and not new.other_code and new.key != reused.key and new.like == reused.like
    assert said[1] == (
        "1 result(s) here came from other code (geometry changed): they are kept and not reused; "
        "--reuse-other-code reuses them"
    )
    assert len(leaderboard(tmp_path).rows) == 2  # the old one is still there, and marked
    assert fldbench.run_suite(toy, tmp_path, on_note=said.append) == [new] and len(said) == 2


def test_of_results_of_other_code_the_newest_is_reused(toy, tmp_path, monkeypatch):
    real, times = keys.code_of, iter(range(100))
    monkeypatch.setattr(cell, "now", lambda: f"2026-01-01T00:00:{next(times):02}+00:00")
    ran = []
    for digest in ("zz", "yy"):
        monkeypatch.setattr(keys, "code_of", lambda cls, digest=digest: real(cls) | {"fldbench.geometry": digest})
        ran += fldbench.run_suite(toy, tmp_path)
    monkeypatch.setattr(keys, "code_of", real)
    (reused,) = fldbench.run_suite(toy, tmp_path, reuse_other_code=True)
    assert Noisy.fits == 2 and ran[0].ended < ran[1].ended == reused.ended


def test_only_one_label_of_the_suite_runs(toy, tmp_path):
    toy["methods"] = ["noisy", "mean-shape"]
    (record,) = fldbench.run_suite(toy, tmp_path, only="mean-shape")
    assert record.method.label == "mean-shape" and Noisy.fits == 0
    (record,) = fldbench.run_suite(toy, tmp_path, only="noisy on toy-train, seed 0")
    assert Noisy.fits == 1
    with pytest.raises(SuiteError, match="labelled 'nosy'; did you mean 'noisy'"):
        fldbench.run_suite(toy, tmp_path, only="nosy")


def test_an_edited_record_is_run_again(toy, tmp_path):
    (record,) = fldbench.run_suite(toy, tmp_path)
    path = tmp_path / "records" / record.key / "run.json"
    path.write_text(path.read_text().replace('"missed": 0', '"missed": 1'))
    assert leaderboard(tmp_path).rows[0]["status"] == "edited"
    assert fldbench.run_suite(toy, tmp_path) == [replace(record, **when(fldbench.run_suite(toy, tmp_path)[0]))]
    assert leaderboard(tmp_path).rows[0]["status"] == "ok" and Noisy.fits == 1


def when(record):
    return {name: getattr(record, name) for name in ("started", "ended", "timings", "arrays_sha256")}


def test_a_cell_runs_alone_in_a_process_of_its_own(toy, tmp_path):
    plan = make_plan(load_suite(toy), None)
    (cell,) = with_problems(plan.cells, plan.data, 1)
    store = Store(tmp_path)
    assert run_cell(pickle.loads(pickle.dumps(cell)), store) == "noisy on toy-train, seed 0"
    (record,) = fldbench.run_suite(toy, tmp_path)
    assert record.key == cell.runs[0].key and Noisy.fits == 1


def test_images_are_decoded_once_to_find_the_unreadable(toy, tmp_path):
    decoded = []

    class Counting(Toy):
        def load(self, root, split):
            faces = super().load(root, split)

            class Counted(ImageArrays):
                def decode(self, i):
                    decoded.append((split, i))
                    return super().decode(i)

            return replace(faces, images=Counted(list(faces.images)))

    registry.register_dataset("toy", Counting)
    toy |= {"methods": ["mean-shape"], "protocols": ["toy-test", "toy-even", "toy-odd", "toy-jittered"]}
    fldbench.run_suite(toy, tmp_path)
    assert decoded.count(("train", 0)) == 1  # the mean shape looks at no image
    assert decoded.count(("test", 0)) == 3  # and once for each kind of boxes


def test_excluded_faces_are_left_out_of_the_training_and_counted(toy, tmp_path):
    (tmp_path / "bad.txt").write_text("train0\ttwice\nelsewhere\n")
    train = {"dataset": "toy", "exclude": str(tmp_path / "bad.txt")}
    (whole,) = fldbench.run_suite(toy, tmp_path / "out")
    (record,) = fldbench.run_suite(toy | {"train": [train]}, tmp_path / "out")
    assert record.train.faces == TOY_TRAIN - 1 and record.train.fingerprint != whole.train.fingerprint
    assert record.train.parts["after exclusions"] == (TOY_TRAIN - 1, TOY_TRAIN)


def test_a_training_set_that_was_cut_expects_no_more_than_it_was_cut_to(toy, tmp_path):
    toy |= {"train": [{"dataset": "toy"}, {"dataset": "toy", "faces": 6}]}
    facts = [(record.train.faces, record.train.n_expected) for record in fldbench.run_suite(toy, tmp_path)]
    assert facts == [(TOY_TRAIN, TOY_TRAIN), (6, 6)]


def test_the_first_faces_of_a_training_set_do_not_have_the_parts_of_the_whole(toy, tmp_path):
    class Parted(Toy):
        def load(self, root, split):
            return replace(super().load(root, split), parts={"afw": (3, 9)})

    registry.register_dataset("toy", Parted)
    toy |= {"train": [{"dataset": "toy"}, {"dataset": "toy", "faces": 6}]}
    assert [record.train.parts for record in fldbench.run_suite(toy, tmp_path)] == [{"afw": (3, 9)}, {}]


def test_records_of_version_1_are_named_and_reused_when_told(toy, tmp_path):
    (new,) = fldbench.run_suite(toy, tmp_path / "new")
    method = {"name": "noisy", "label": "noisy", "params": dict(new.method.params), "version": 1, "code": "0123"}
    train = {"label": "toy-train", "dataset": "toy", "split": "train", "faces": TOY_TRAIN, "n_expected": TOY_TRAIN}
    test = {"n": TOY_TEST, "missed": 0, "left_out": 0, "complete": True, "fingerprint": new.test.fingerprint}
    old = {
        "schema_version": 1,
        "key": "k1",
        "status": "ok",
        "method": method | {"parameters": 10, "multiply_adds": None, "model_bytes": 99},
        "train": train | {"parts": {}, "left_out": 0, "fingerprint": new.train.fingerprint},
        "protocol": new.protocol.to_dict() | {"hash": "of version 1"},
        "seed": 0,
        "test": test,
        "metrics": dict(new.metrics),
        "timings": {"fit_seconds": 1.0, "ms_per_face": 1.0, "ms_one_face": 1.0, "device": "cpu", "threads": 2},
        "machine": {"platform": "p", "python": "3", "cores": "2"},
        "ended": "2025-01-01T00:00:00+00:00",
    }
    place = tmp_path / "old" / "records" / "k1"
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps(old))
    said = []
    (reused,) = fldbench.run_suite(toy, tmp_path / "old", reuse_other_code=True, on_note=said.append)
    assert Noisy.fits == 1 and reused.key == "k1" and reused.other_code and dict(reused.metrics) == dict(new.metrics)
    assert "(fldbench since its first records changed): they are reused, and marked" in said[0]
    (again,) = fldbench.run_suite(toy, tmp_path / "old", on_note=said.append)
    assert Noisy.fits == 2 and again.key == new.key and "kept and not reused" in said[1]
    other = toy | {"seeds": [1]}
    fldbench.run_suite(other, tmp_path / "old", reuse_other_code=True, on_note=said.append)
    assert Noisy.fits == 3 and len(said) == 2


def test_how_files_were_understood_is_said(toy, tmp_path, monkeypatch):
    plain = Toy.load

    def load(self, root, split):
        return replace(plain(self, root, split), notes=("scheme mtfl-5, recognised",))

    monkeypatch.setattr(Toy, "load", load)
    said = []
    fldbench.run_suite(
        {"name": "s", "train": [{"dataset": "toy"}], "methods": ["mean-shape"], "protocols": ["toy-test"]},
        tmp_path,
        on_note=said.append,
    )
    assert sorted(said) == ["toy-test: scheme mtfl-5, recognised", "toy-train: scheme mtfl-5, recognised"]
