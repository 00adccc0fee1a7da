"""The synthetic dataset: attributes, subsets with their strengths, and the number of faces."""

import numpy as np
import pytest

pytest.importorskip("cv2")

import fldbench
from fldbench.datasets.synthetic import batch, sample
from fldbench.datasets.synthetic.conditions import NONE, RATES, SUBSETS
from fldbench.datasets.synthetic.look import draw_look, strengthen
from fldbench.errors import DataError

SEED = 21


@pytest.fixture(scope="module")
def drawn():
    return [sample.draw_face(SEED, i) for i in range(1500)]


# --- attributes and subsets


def test_rates_of_the_subsets(drawn):
    share = np.mean([face.conditions for face in drawn], axis=0)
    for found, (name, rate) in zip(share, RATES.items(), strict=True):
        assert abs(found - rate) < 4 * np.sqrt(rate * (1 - rate) / len(drawn)), name


def test_strength_of_the_pose_subset(drawn):
    for face in drawn:
        yaw, pitch, _ = np.abs(face.geometry.angles)
        assert (yaw >= 35 or pitch >= 18) == face.conditions.pose
        assert yaw <= 75 and pitch <= 30
    assert 11 < np.std([f.geometry.angles[0] for f in drawn if not f.conditions.pose]) < 16


def test_strength_of_the_other_subsets(drawn):
    for face in drawn:
        assert (face.look.eyeshadow[3] >= 0.6) == face.conditions.make_up
        strong = max(face.look.blur - 1.49, face.look.motion[0], face.look.shrink) > 0
        assert strong == face.conditions.blur
        low = face.worn.hand >= 0 or face.worn.glasses == 2 or face.look.hairline[2] > 0.26 or face.worn.hat_line > -0.4
        assert low == face.conditions.occlusion


def test_without_a_condition_the_look_is_unchanged():
    look = draw_look(np.random.default_rng(0))
    assert strengthen(look, NONE, "", np.random.default_rng(0)) is look


def test_attributes(drawn):
    for face in drawn[:200]:
        smile, glasses, pose, beard = face.attributes
        yaw = face.geometry.angles[0]
        assert glasses == (face.worn.glasses > 0) and pose == sum(yaw > b for b in (-45, -15, 15, 45))
        assert smile in (0, 1) and beard in (0, 1)
    columns = np.array([face.attributes for face in drawn])
    assert set(columns[:, 2]) == {0, 1, 2, 3, 4}
    assert (columns[:, [0, 1, 3]].mean(0) > 0.05).all() and (columns.mean(0)[[0, 1, 3]] < 0.6).all()


def test_smiling_faces_have_wider_mouths(drawn):
    wide = {0: [], 1: []}
    for i in range(200):
        p = sample.face_landmarks(SEED, i)[0]
        if drawn[i].attributes[2] == 2:
            wide[drawn[i].attributes[0]].append(np.linalg.norm(p[54] - p[48]) / np.linalg.norm(p[45] - p[36]))
    assert np.mean(wide[1]) > np.mean(wide[0]) + 0.05


# --- the dataset


def test_the_dataset_has_attributes_and_subsets():
    faces = fldbench.load_dataset("synthetic", split="test")
    assert len(faces) == 400 and list(faces.subsets) == list(SUBSETS)
    assert list(faces.attributes) == ["smile", "glasses", "pose", "beard"]
    assert all(0 < flags.sum() < 160 for flags in faces.subsets.values())
    assert faces.visible.mean() > 0.9 and not faces.visible.all()


def test_the_picture_does_not_depend_on_the_scheme():
    sets = [fldbench.load_dataset("synthetic", split="train", scheme=s, faces=20) for s in ("ibug-68", "mtfl-5")]
    assert np.array_equal(sets[0].images[3], sets[1].images[3])
    for name in sets[0].attributes:
        assert np.array_equal(sets[0].attributes[name], sets[1].attributes[name])


def test_with_more_faces_the_first_ones_are_the_same():
    few, more = (fldbench.load_dataset("synthetic", split="train", faces=n) for n in (30, 60))
    assert len(few) == 30 and len(more) == 60
    assert few.fingerprint == more[:30].fingerprint
    assert len(fldbench.load_dataset("synthetic", split="test", faces=30)) == 400


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"scheme": "helen-194"},
            "dataset 'synthetic': scheme is 'helen-194'; must be one of 'ibug-68', 'mtfl-5', 'imm-58', 'imm-f",
        ),
        ({"faces": 0}, r"dataset 'synthetic': faces is 0; must be a whole number from 1 to 1e\+06"),
        ({"faces": "many"}, r"dataset 'synthetic': faces is 'many'; must be a whole number from 1 to 1e\+06"),
        ({"faces": True}, r"dataset 'synthetic': faces is True; must be a whole number from 1 to 1e\+06"),
        ({"face": 3}, "no option 'face'; did you mean 'faces'"),
    ],
)
def test_wrong_options(options, text):
    with pytest.raises(DataError, match=text):
        fldbench.load_dataset("synthetic", split="train", **options)


def test_a_batch_has_the_same_faces_with_any_number_of_processes():
    rows = [7, 3, 70, *range(64)]  # more than one task
    one, two = (batch.render_faces(SEED, rows, 48, jobs) for jobs in (1, 2))
    assert np.array_equal(one, two) and one.shape == (67, 48, 48, 3)
    assert np.array_equal(one[1], sample.face_image(SEED, 3, 48))
    assert len(batch.render_faces(SEED, [], 48)) == 0
