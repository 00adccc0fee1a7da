"""Cross-validation in suites: every face is answered by a model that never saw its group."""

from dataclasses import replace

import numpy as np
import pytest
from toys import Noisy, toy_faces, toy_protocol

import fldbench
from fldbench import registry
from fldbench.dataset import Dataset
from fldbench.errors import SuiteError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.report import leaderboard

PERSONS = 5
FACES = 12


def people() -> FaceSet:
    """Twelve faces of five persons, who have two or three each."""
    faces = toy_faces(FACES, 3, name="people", split="all")
    return FaceSet(
        faces.ids,
        faces.images,
        faces.boxes,
        faces.landmarks,
        faces.scheme,
        subsets={"even": np.arange(FACES) % 2 == 0},
        groups=[f"person {i % PERSONS}" for i in range(FACES)],
        name="people",
        split_name="all",
    )


class People(Dataset):
    """A dataset without a split."""

    scheme = "mtfl-5"
    splits = ("all",)
    expected = {"all": FACES}

    def load(self, root, split):
        return people()


class Remembers(Noisy):
    """Keep the ids and the seed of every fit."""

    seen = []

    def fit(self, train, val=None):
        type(self).seen.append((train.ids.tolist(), self.random_state))
        return super().fit(train)


@pytest.fixture
def folds(toy):
    registry.register_dataset("people", People)
    registry.register_method("remembers", Remembers)
    one = {"dataset": "people", "split": "all", "n_expected": FACES}
    for protocol in (
        toy_protocol("people", **one),
        toy_protocol("people-jittered", **one, box_source="jittered"),
        toy_protocol("people-even", **one | {"n_expected": FACES // 2}, subset="even"),
    ):
        registry.register("protocol", protocol.name, protocol)
    Remembers.seen, Remembers.fits = [], 0
    return toy | {"train": [{"dataset": "people", "folds": 4}], "methods": ["remembers"], "protocols": ["people"]}


def test_every_face_is_answered_by_a_model_that_never_saw_its_person(folds, tmp_path):
    (record,) = fldbench.run_suite(folds, tmp_path)
    faces, folds_of = people(), people().fold_of(4, 0)
    assert Remembers.fits == 4 and record.test.n == FACES and record.test.complete
    by_hand = np.empty_like(faces.landmarks)
    for fold in range(4):
        train, held = faces[folds_of != fold], faces[folds_of == fold]
        assert not set(train.groups) & set(held.groups)
        assert (train.ids.tolist(), 0) in Remembers.seen
        by_hand[folds_of == fold] = Noisy(random_state=0).fit(train).predict(list(held.images), held.boxes)
    with np.load(tmp_path / "records" / record.key / "faces.npz") as kept:
        assert kept["ids"].tolist() == faces.ids.tolist() and kept["predictions"] == pytest.approx(by_hand)
    assert record.metrics["nme"] == pytest.approx(fldbench.evaluate(by_hand, faces, "people").metrics["nme"])


def test_the_record_and_the_caption_say_how(folds, tmp_path):
    (record,) = fldbench.run_suite(folds, tmp_path)
    assert record.train.label == "people-all, 4 folds" and record.train.faces == FACES
    assert (record.train.folds, record.train.groups, record.train.partition_seed) == (4, PERSONS, 0)
    assert len(record.train.partition) == 64
    models = list((tmp_path / "models").iterdir())
    assert record.timings.fits == len(models) == 4 and record.method.parameters == 10
    text = leaderboard(tmp_path).to_markdown()
    assert (
        "Cross-validation in 4 folds by group (5 persons, clips or photos), drawn by seed 0: each face is answered by "
        "a model trained on the other folds. 12 of 12 faces of people-all, 4 folds."
    ) in text


def test_each_seed_is_another_partition_for_every_method(folds, tmp_path):
    folds |= {"methods": ["mean-shape"], "seeds": [0, 1]}
    first, second = fldbench.run_suite(folds, tmp_path)
    assert (first.seed, second.seed) == (0, 1) and first.train.partition != second.train.partition
    assert first.key != second.key and first.metrics["nme"] != second.metrics["nme"]
    board = leaderboard(tmp_path)
    assert len(board.rows) == 1 and "drawn by seeds 0, 1" in board.to_markdown()
    again = fldbench.run_suite(folds, tmp_path / "again")
    assert [one.metrics for one in again] == [first.metrics, second.metrics]


def test_another_number_of_folds_is_another_run(folds, tmp_path):
    (four,) = fldbench.run_suite(folds, tmp_path)
    folds["train"] = [{"dataset": "people", "folds": 5}]
    (five,) = fldbench.run_suite(folds, tmp_path)
    assert four.key != five.key and len(leaderboard(tmp_path).sections()) == 2
    # A part that both partitions leave out is one model.
    assert Remembers.fits == len({tuple(ids) for ids, _ in Remembers.seen}) < 9


def test_finished_folds_are_not_fitted_again(folds, tmp_path):
    class Stops(Remembers):
        def fit(self, train, val=None):
            if len(type(self).seen) == 3 and not type(self).done:
                type(self).done = True
                raise KeyboardInterrupt
            return super().fit(train)

    Stops.done = False
    registry.register_method("remembers", Stops)
    with pytest.raises(KeyboardInterrupt):
        fldbench.run_suite(folds, tmp_path)
    (record,) = fldbench.run_suite(folds, tmp_path)
    assert record.status == "ok" and len(Remembers.seen) == 4


def test_one_fit_of_each_fold_serves_every_protocol(folds, tmp_path):
    folds["protocols"] = ["people", "people-even", "people-jittered"]
    records = fldbench.run_suite(folds, tmp_path)
    assert Remembers.fits == 4 and [record.test.n for record in records] == [FACES, FACES // 2, FACES]


def test_several_jobs_give_the_same_numbers(folds, tmp_path):
    folds |= {"methods": ["noisy", "mean-shape"], "seeds": [0, 1]}
    one = fldbench.run_suite(folds, tmp_path / "one")
    two = fldbench.run_suite(folds, tmp_path / "two", jobs=2)
    assert [r.metrics for r in one] == [r.metrics for r in two] and [r.key for r in one] == [r.key for r in two]


def test_members_are_those_of_the_same_fold(folds, tmp_path):
    average = {"name": "average", "params": {"methods": ["remembers", "mean-shape"]}}
    (alone,) = fldbench.run_suite(folds | {"methods": [average]}, tmp_path / "alone")
    assert Remembers.fits == 4
    records = fldbench.run_suite(folds | {"methods": ["remembers", "mean-shape", average]}, tmp_path / "together")
    assert Remembers.fits == 8 and records[2].key == alone.key and records[2].metrics == alone.metrics


def test_faces_that_are_not_trained_on_are_answered_too(folds, tmp_path):
    folds["train"] = [{"dataset": "people", "folds": 4, "faces": 9}]
    (record,) = fldbench.run_suite(folds, tmp_path)
    assert record.test.n == FACES and max(len(ids) for ids, _ in Remembers.seen) < 9


def test_a_fold_without_training_faces_is_known_before_any_fit(folds, tmp_path):
    folds["train"] = [{"dataset": "people", "folds": 4, "faces": 1}]
    (record,) = fldbench.run_suite(folds, tmp_path)
    assert (record.status, Remembers.fits) == ("failed", 0)
    assert record.reason.startswith("people-all: without fold ") and "no face is left to train on" in record.reason


def test_too_few_groups_are_known_before_any_fit(folds, tmp_path):
    folds["train"] = [{"dataset": "people", "folds": 6}]
    (record,) = fldbench.run_suite(folds, tmp_path)
    assert (record.status, Remembers.fits) == ("failed", 0)
    assert record.reason == "people-all: the number of folds is 6; must be 2 to the number of groups, 5"


def test_a_protocol_on_other_faces_is_refused(folds, tmp_path):
    with pytest.raises(
        SuiteError, match="toy-test measures toy test, but people-all, 4 folds is cross-validation: its"
    ):
        fldbench.run_suite(folds | {"protocols": ["people", "toy-test"]}, tmp_path)
    with pytest.raises(SuiteError, match=r"train\[0\].folds is 1; must be greater than or equal to 2"):
        fldbench.run_suite(folds | {"train": [{"dataset": "people", "folds": 1}]}, tmp_path)


def test_without_groups_the_caption_says_by_face(folds, toy, tmp_path):
    toy |= {"train": [{"dataset": "toy", "split": "test", "folds": 2}]}
    fldbench.run_suite(toy | {"methods": ["noisy"], "protocols": ["toy-test"]}, tmp_path)
    assert "Cross-validation in 2 folds by face, as no groups are known" in leaderboard(tmp_path).to_markdown()


def test_copies_of_a_photo_are_in_one_fold(folds, tmp_path):
    class Copies(People):
        """Two persons have the same photo, and so have two others."""

        def load(self, root, split):
            faces = people()
            images = list(faces.images)
            images[1], images[8] = images[0], images[7]
            return replace(faces, images=ImageArrays(images))

    registry.register_dataset("people", Copies)
    (record,) = fldbench.run_suite(folds | {"train": [{"dataset": "people", "folds": 3}]}, tmp_path)
    assert record.train.groups == PERSONS - 2
    for ids, _ in Remembers.seen:
        assert ("all0" in ids) == ("all1" in ids) and ("all7" in ids) == ("all8" in ids)
    (record,) = fldbench.run_suite(folds, tmp_path)
    assert record.reason == "people-all: the number of folds is 4; must be 2 to the number of groups, 3"


@pytest.mark.parametrize("copy", ["mirrored", "cut and smaller"])
def test_copies_with_other_pixels_are_in_one_fold(folds, tmp_path, copy):
    class Copies(People):
        """The faces of two persons are copies of those of two others."""

        def load(self, root, split):
            faces = people()
            landmarks = faces.landmarks.copy()
            for there, here in ((0, 1), (7, 8)):
                points = faces.landmarks[there]
                landmarks[here] = points / 2 + 7 if copy != "mirrored" else [64, 0] + points[[1, 0, 2, 4, 3]] * [-1, 1]
            return replace(faces, landmarks=landmarks)

    registry.register_dataset("people", Copies)
    (record,) = fldbench.run_suite(folds | {"train": [{"dataset": "people", "folds": 3}]}, tmp_path)
    assert record.train.groups == PERSONS - 2
    for ids, _ in Remembers.seen:
        assert ("all0" in ids) == ("all1" in ids) and ("all7" in ids) == ("all8" in ids)


def test_a_random_state_of_the_parameters_is_not_the_seed_of_the_folds(folds, tmp_path):
    methods = [{"name": "noisy", "params": {"random_state": 5}}]
    ours = fldbench.run_suite(folds | {"methods": methods}, tmp_path)
    other = fldbench.run_suite(folds | {"methods": [{"name": "noisy", "params": {"random_state": 6}}]}, tmp_path)
    assert ours[0].seed == other[0].seed == 0 and ours[0].method.params["random_state"] == 5
    assert [row["method"] for row in leaderboard(tmp_path).rows] == ["noisy (random_state=5)", "noisy (random_state=6)"]
