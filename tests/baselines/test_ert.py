"""ert: dlib trains, our trees answer."""

import copy
import os
import sys
import time

import numpy as np
import pytest
from drawn import error

from fldbench.baselines.ert.method import ERT, start_shapes
from fldbench.baselines.ert.train import follow
from fldbench.baselines.ert.trees import Trees, run_trees
from fldbench.baselines.mean_shape import MeanShape
from fldbench.dataset import load_dataset
from fldbench.errors import DataError, MethodError, MissingDependencyError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.faces.crops import crop_image
from fldbench.geometry import crop_matrix, tight_box, transform
from fldbench.method import load_method
from fldbench.progress import listening
from fldbench.schemes import get_scheme
from fldbench.shapes import from_box_frame

pytest.importorskip("dlib", reason="dlib is not installed")

SMALL = {"cascade_depth": 4, "num_trees_per_cascade_level": 40, "oversampling_amount": 3, "nu": 0.3, "crop_size": 120}


def drawn_faces(n, seed=0):
    """Faces of five points, each a disc on a light ground: dark eyes and mouth corners, a grey nose."""
    import cv2

    rng = np.random.default_rng(seed)
    base = np.array([[70.0, 60], [130, 60], [100, 95], [75, 130], [125, 130]])
    landmarks = base + rng.normal(0, 7, (n, 5, 2))
    images = []
    for points in landmarks:
        image = np.full((190, 200, 3), 190, np.uint8)
        for p, shade in zip(points.tolist(), (20, 20, 110, 60, 60), strict=True):
            cv2.circle(image, [round(v * 16) for v in p], 12 * 16, (shade,) * 3, -1, cv2.LINE_AA, 4)
        images.append(image)
    ids = np.array([f"{seed}-{i}" for i in range(n)])
    return FaceSet(ids, ImageArrays(images), tight_box(base)[None].repeat(n, 0), landmarks, "mtfl-5", name="drawn")


@pytest.fixture(scope="module")
def test_set():
    return drawn_faces(20, seed=1)


@pytest.fixture(scope="module")
def fitted():
    return ERT(**SMALL).fit(drawn_faces(80))


def test_it_beats_the_mean_shape(fitted, test_set):
    assert error(fitted, test_set) < 0.6 * error(MeanShape().fit(drawn_faces(80)), test_set)


@pytest.mark.parametrize("starts", [1, 5])
def test_it_is_the_median_over_starts_and_mirror_images(fitted, test_set, starts):
    """Second route, one run of the trees for each start; an answer in the mirror image is mirrored back."""
    method = ERT(**SMALL, starts=starts)
    method.restore(fitted.learned())
    image, box = test_set.images[0], test_set.boxes[:1]
    matrix = crop_matrix(box, 120, 0.2)
    crop = crop_image(image, matrix[0], 120, grey=True)
    corners = transform(box.reshape(1, 2, 2), matrix)
    trees = Trees(*(getattr(fitted, f"{name}_") for name in Trees.__annotations__))
    answers = []
    for start in start_shapes(fitted.mean_, starts, method.start_spread):
        answers.append(run_trees(trees, crop[None], corners, start[None])[0, 0])
        mirrored = run_trees(trees, crop[None, :, ::-1], corners, start[None])[0, 0]
        answers.append(mirrored[list(get_scheme("mtfl-5").mirror)] * (-1, 1) + (1, 0))
    assert np.allclose(method.predict([image], box), from_box_frame(np.median(answers, axis=0), box), atol=1e-3)


def test_start_shapes_come_in_pairs():
    mean = np.random.default_rng(0).uniform(size=(6, 2))
    nine = start_shapes(mean, 9, 0.1)
    assert np.allclose(nine[0], mean, atol=1e-6)
    assert np.allclose(nine[1:5] - mean, np.array([[0.1, 0], [-0.1, 0], [0, 0.1], [0, -0.1]])[:, None], atol=1e-6)
    assert np.allclose(nine[5:].mean(axis=1), mean.mean(axis=0), atol=1e-6)
    assert np.allclose(nine[5:7].std(axis=1) / mean.std(axis=0), [[1.1, 1.1], [0.9, 0.9]], atol=1e-5)
    # Turned both ways by as much: their middle is the mean shape, a little smaller.
    assert np.allclose(nine[7:].mean(axis=0), (mean - mean.mean(0)) * np.cos(0.1) + mean.mean(0), atol=1e-6)
    assert np.array_equal(start_shapes(mean, 3, 0.1), nine[:3])


def test_a_mirrored_image_gives_the_mirrored_answer(fitted, test_set):
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in test_set.images]
    boxes = test_set.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (199, 0, 199, 0)
    expected = get_scheme("mtfl-5").flip(fitted.predict(test_set.images, test_set.boxes), 200)
    # The median of both is symmetric; the mirrored crop is sampled at positions that differ in the last digits.
    assert np.median(np.abs(fitted.predict(flipped, boxes) - expected)) < 0.05


def test_every_face_is_trained_on_as_it_is_and_mirrored(tmp_path):
    import re

    import cv2

    train = drawn_faces(3)
    entries = ERT(crop_size=120, box_jitter=0.0)._write_faces(train, train.landmarks, tmp_path)
    names = [re.search("file='(.*?)'", entry)[1] for entry in entries]
    assert names == ["0-0.png", "1-0.png", "2-0.png", "0-1.png", "1-1.png", "2-1.png"]
    points = np.array([re.findall(r"x='(-?\d+)' y='(-?\d+)'", entry) for entry in entries], int)
    assert np.abs(points[:3] - transform(train.landmarks, crop_matrix(train.boxes, 120, 0.2))).max() <= 0.5
    assert np.abs(get_scheme("mtfl-5").flip(points[:3], 120) - points[3:]).max() <= 1  # px, each rounded
    for plain, mirrored in zip(names[:3], names[3:], strict=True):
        one, other = (cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED) for name in (plain, mirrored))
        assert one.shape == (120, 120) and np.array_equal(one[:, ::-1], other)
    moved = ERT(crop_size=120, box_jitter=0.1)._write_faces(train, train.landmarks, tmp_path)
    assert moved[:3] == entries[:3] and moved[3:] != entries[3:]


def test_threads_do_not_change_answers(fitted, test_set):
    method = ERT(**SMALL, threads=1)
    method.restore(fitted.learned())
    one = method.predict(test_set.images, test_set.boxes)
    assert np.array_equal(one, fitted.predict(test_set.images, test_set.boxes))


def test_parameters_are_the_numbers_in_the_trees(fitted):
    # 4 stages of 40 trees with 15 splits of two pixels and a threshold, 16 leaves of 5 points and a unit; for each
    # stage 400 pixels of a landmark and an offset; the mean shape and the scheme's mirror map
    assert fitted.n_parameters == 4 * 40 * (15 * 3 + 16 * 10 + 1) + 4 * 400 * 3 + 10 + 5


def test_a_doubled_image_gives_doubled_answers(fitted, test_set):
    import cv2

    doubled = [cv2.resize(image, None, fx=2, fy=2) for image in test_set.images]
    at = fitted.predict(doubled, 2 * test_set.boxes + 0.5)  # pixel centres: x -> 2 x + 0.5
    assert np.abs((at - 0.5) / 2 - fitted.predict(test_set.images, test_set.boxes)).mean() < 0.5


def test_a_face_does_not_depend_on_its_batch(fitted, test_set):
    together = fitted.predict(test_set.images, test_set.boxes)
    assert np.array_equal(together, [fitted.predict([face.image], face.box[None])[0] for face in test_set])


def test_inputs_stay_as_they_are(fitted):
    faces = drawn_faces(4, seed=3)
    for array in [*faces.images, faces.landmarks, faces.boxes]:
        array.setflags(write=False)
    ERT(**SMALL).fit(faces)
    fitted.predict(faces.images, faces.boxes)


def test_saved_loaded_and_copied_it_answers_the_same(fitted, test_set, tmp_path):
    again = load_method(fitted.save(tmp_path / "model.safetensors"))
    assert again.get_params() == fitted.get_params()
    for other in (again, copy.deepcopy(fitted)):
        assert np.array_equal(
            other.predict(test_set.images, test_set.boxes), fitted.predict(test_set.images, test_set.boxes)
        )


def test_other_models_are_refused(fitted):
    with pytest.raises(DataError, match=r"has no .mean_.; fit it again if an earlier version saved it"):
        ERT().restore({"model_": np.arange(9, dtype=np.uint8), "n_points_": 5})
    wrong = {"anchors_": fitted.anchors_ + 9, "leaves_": fitted.leaves_[:, :, 1:], "pixels_": fitted.pixels_ + 999}
    for name, value in wrong.items():
        with pytest.raises(DataError, match=f"the model of ert: {name} is|do not fit each other"):
            ERT().restore(fitted.learned() | {name: value.astype(fitted.learned()[name].dtype)})


def test_the_seed_decides():
    train = drawn_faces(10)
    one, same, other = (ERT(**SMALL, random_state=seed).fit(train).leaves_ for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_odd_inputs(fitted):
    face = drawn_faces(1, seed=4)[0]
    tiny = np.zeros((12, 12, 3), np.uint8)
    boxes = np.stack([face.box, face.box - 150, face.box + 5000, np.array([0.0, 0, 11, 11])])
    answer = fitted.predict([face.image[..., 1], face.image, face.image, tiny], boxes)
    assert answer.shape == (4, 5, 2)
    assert np.isfinite(answer).all()
    assert fitted.predict([], np.zeros((0, 4))).shape == (0, 5, 2)


def test_one_face_equal_faces_and_missing_points_are_enough():
    one = drawn_faces(1)
    same = FaceSet(
        np.array(["a", "b"]), one.images[[0, 0]], one.boxes[[0, 0]], one.landmarks[[0, 0]], one.scheme, name="same"
    )
    assert np.isfinite(ERT(**SMALL).fit(same).predict(one.images, one.boxes)).all()
    assert np.isfinite(ERT(**SMALL).fit(one).predict(one.images, one.boxes)).all()
    train = drawn_faces(40)
    landmarks = train.landmarks.copy()
    landmarks[np.arange(40), np.arange(40) % 5] = np.nan  # every face lacks a point
    gappy = FaceSet(train.ids, train.images, train.boxes, landmarks, train.scheme)
    assert error(ERT(**SMALL).fit(gappy), train) < 0.8 * error(MeanShape().fit(train), train)


def test_training_says_nothing_but_reports(capfd):
    news = []
    with listening(lambda *what: news.append(what)):
        ERT(**SMALL).fit(drawn_faces(4))
    assert capfd.readouterr() == ("", "")
    assert news[:3] == [("crops", 0, 4), ("crops", 4, 4), ("trees", 0, 160)]
    assert news[-1] == ("trees", 160, 160)


def child(code):
    return [sys.executable, "-c", code]


def test_the_lines_of_progress_are_reported(tmp_path):
    news = []
    lines = r"import sys; sys.stderr.write('Progress: 3/9 (33%). \rProgress: 5/9 (56%). Time remaining: 1s. \r')"
    with listening(lambda *what: news.append(what)):
        assert "5/9" in follow(child(lines), tmp_path, 9, 60)
    assert news[0] == ("trees", 0, 9) and ("trees", 5, 9) in news and news[-1] == ("trees", 9, 9)


def test_a_training_that_fails_says_why(tmp_path):
    with pytest.raises(MethodError, match=r"dlib failed to train \(ValueError: nu\)"):
        follow(child("raise ValueError('nu')"), tmp_path, 9, 60)
    with pytest.raises(MethodError, match="exit code 3"):
        follow(child("import os; os._exit(3)"), tmp_path, 9, 60)
    with pytest.raises(MethodError, match="signal 9"):
        follow(child("import os; os.kill(os.getpid(), 9)"), tmp_path, 9, 60)


def test_a_training_without_end_is_stopped(tmp_path):
    began = time.monotonic()
    with pytest.raises(MethodError, match=r"said nothing for 0.2 s and was stopped"):
        follow(child("import time; time.sleep(60)"), tmp_path, 9, 0.2)
    assert time.monotonic() - began < 30


def test_an_interrupt_stops_the_training(tmp_path):
    def interrupt(what, done, total):
        if done:
            raise KeyboardInterrupt

    code = "import os, sys, time; print('Progress: 1/9', os.getpid(), file=sys.stderr, flush=True); time.sleep(60)"
    began = time.monotonic()
    with listening(interrupt), pytest.raises(KeyboardInterrupt):
        follow(child(code), tmp_path, 9, 60)
    assert time.monotonic() - began < 30


def test_errors_name_the_cause(monkeypatch, tmp_path):
    faces = drawn_faces(2)
    with pytest.raises(MethodError, match="call fit first"):
        ERT().predict([], np.zeros((0, 4)))
    wrong = {
        "tree_depth": ("deep", "a whole number from 1 to 12"),
        "starts": (4, "an odd number from 1 to 9, since"),
        "nu": (2.0, "a number from 1e-06 to 1"),
        "cascade_depth": (True, "a whole number from 1"),
        "lambda_param": (float("nan"), "a number from 0.01"),
        "threads": (0, "None or a whole number from 1"),
    }
    for name, (value, text) in wrong.items():
        with pytest.raises(MethodError, match=rf"{name} is {value!r}; must be {text}"):
            ERT(**{name: value}).fit(faces)
    with pytest.raises(DataError, match="has no faces"):
        ERT(**SMALL).fit(faces[:0])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="install dlib-bin"):
        ERT(**SMALL).fit(faces)


def test_real_faces():
    if not os.environ.get("FLDBENCH_DATA"):
        pytest.skip("set FLDBENCH_DATA to the folder that holds 300w to test on real faces")
    train = load_dataset("300w", split="train")[::25]  # 81 faces
    test = load_dataset("300w", split="test")[::11]  # 30 faces
    method = ERT(num_trees_per_cascade_level=30, nu=0.2, cascade_depth=6).fit(train)
    assert error(method, test) < 0.6 * error(MeanShape().fit(train), test)
