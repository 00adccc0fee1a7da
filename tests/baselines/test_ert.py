"""ert: trees that are grown on faces and mirrored faces, and answer from several starts."""

import copy
import os

import numpy as np
import pytest
from drawn import error

from fldbench.baselines.ert.method import ERT
from fldbench.baselines.ert.starts import mixed_shapes, start_shapes
from fldbench.baselines.mean_shape import MeanShape
from fldbench.baselines.parts.frames import frames_of, turned
from fldbench.dataset import load_dataset
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.faces.crops import crop_image
from fldbench.geometry import crop_matrix, invert, tight_box, transform
from fldbench.method import load_method
from fldbench.progress import listening
from fldbench.schemes import get_scheme
from fldbench.shapes import from_box_frame, mirrored

SMALL = {"stages": 4, "trees": 40, "copies": 3, "nu": 0.3, "crop_size": 120, "pool": 100, "reach": 0.2}


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


def answered(method, crop, shape, flip):
    """Second route, in plain Python: one shape (L, 2) px of a blurred crop through all stages."""
    crop = crop[:, ::-1] if flip else crop
    for stage in range(method.stages):
        frame = frames_of(method.reference_, shape)
        at = shape[method.anchors_[stage]] + turned(method.deltas_[stage].astype(float), frame)
        column, row = (np.clip(at, 0, method.crop_size - 1) + 0.5).astype(int).T
        grey = crop[row, column].astype(int)
        step = method.biases_[stage, int(flip)].astype(float)
        for pixels, thresholds, leaves in zip(
            method.pixels_[stage], method.thresholds_[stage], method.leaves_[stage], strict=True
        ):
            node = 0
            while node < len(pixels):
                one, two = pixels[node]
                node = 2 * node + (2 if grey[one] - grey[two] > thresholds[node] else 1)
            step = step + leaves[node - len(pixels)] @ method.components_[stage].astype(float)
        shape = shape + turned(step.reshape(-1, 2), frame)
    return shape


@pytest.mark.parametrize("starts", [1, 5])
def test_it_is_the_median_over_starts_and_mirror_images(fitted, test_set, starts):
    """An answer in the mirror image is mirrored back."""
    import cv2

    method = ERT(**SMALL, starts=starts)
    method.restore(fitted.learned())
    image, box = test_set.images[0], test_set.boxes[:1]
    matrix = crop_matrix(box, 120, 0.2)
    crop = cv2.blur(crop_image(image, matrix[0], 120, grey=True), (3, 3))
    answers = []
    for start in start_shapes(fitted.mean_shape_, starts, method.start_spread):
        begin = transform(from_box_frame(start, box), matrix)[0]
        answers.append(answered(fitted, crop, begin, flip=False))
        answers.append(mirrored(answered(fitted, crop, begin, flip=True), get_scheme("mtfl-5").mirror, 119))
    expected = transform(np.median(answers, axis=0), invert(matrix))
    assert np.allclose(method.predict([image], box), expected, atol=1e-6)


def test_training_moves_shapes_as_prediction_does(fitted):
    """The mean shape is the first start of every face in training too: after the last stage both stand at one place."""
    train = drawn_faces(80)
    seen = []

    class Watched(ERT):
        def _stages(self, crops, truth, shapes):
            yield from super()._stages(crops, truth, shapes)
            seen.append(shapes)

    method = Watched(**SMALL, starts=1).fit(train)
    both = seen[0][:, :, 0].copy()
    both[:, 1] = mirrored(both[:, 1], get_scheme("mtfl-5").mirror, 119)
    matrices = crop_matrix(train.boxes, 120, 0.2)
    answers = transform(method._each(train.images, train.boxes).reshape(80, -1, 2), matrices).reshape(both.shape)
    assert np.allclose(answers, both, atol=1e-6)


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


def test_mixed_shapes_lie_between_two_shapes():
    shapes = np.array([[[0.0, 1.0]], [[1.0, 3.0]]])
    mixed = mixed_shapes(shapes, 500, 4, np.random.default_rng(0))[:, :, 0]
    assert np.allclose(mixed[..., 1], 1 + 2 * mixed[..., 0])
    share = mixed[..., 0].ravel()
    assert share.min() == 0 and share.max() == 1 and abs(share.mean() - 0.5) < 0.02
    inside = share[(share > 0) & (share < 1)]
    assert 0.45 < len(inside) / len(share) < 0.55  # the others drew one shape twice
    assert inside.min() > 0.1 / 1.2 - 1e-9 and inside.max() < 1.1 / 1.2 + 1e-9


def flipped_faces(faces):
    images = [np.ascontiguousarray(image[:, ::-1]) for image in faces.images]
    return images, faces.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (199, 0, 199, 0)


def test_mirrored_images_give_mirrored_answers_but_for_what_labels_have_of_one_side(fitted, test_set):
    scheme = get_scheme("mtfl-5")
    even = copy.deepcopy(fitted)
    even.biases_ = np.repeat(fitted.biases_.mean(axis=1, keepdims=True), 2, axis=1)
    expected = scheme.flip(even.predict(test_set.images, test_set.boxes), 200)
    # The mirrored crop is sampled at positions that differ in the last digits.
    assert np.median(np.abs(even.predict(*flipped_faces(test_set)) - expected)) < 0.05


def test_what_labels_have_of_one_side_is_learned():
    """All true points 4 px further right: a method that is its own mirror image cannot say so."""
    train, test = drawn_faces(150), drawn_faces(40, seed=1)
    method = ERT(**SMALL)
    plain = method.fit(train).predict(test.images, test.boxes)
    shifted = FaceSet(train.ids, train.images, train.boxes, train.landmarks + np.array([4, 0]), train.scheme)
    moved = method.fit(shifted).predict(test.images, test.boxes)
    assert np.abs((moved - plain).mean(axis=(0, 1)) - (4, 0)).max() < 0.3


def test_threads_change_nothing(test_set):
    one, three = (ERT(**SMALL, threads=threads).fit(drawn_faces(40)) for threads in (1, 3))
    for name, value in one.learned().items():
        assert np.array_equal(value, three.learned()[name]), name
    answers = [method.predict(test_set.images, test_set.boxes) for method in (one, three)]
    assert np.array_equal(*answers)


def test_parameters_are_the_numbers_in_the_trees(fitted):
    # 4 stages of 40 trees with 15 splits of two pixels and a threshold, 16 leaves of 10 components; for each stage 100
    # pixels of a landmark and an offset, 10 components and 2 biases of 10; the mean shape twice and the mirror map
    assert fitted.n_parameters == 4 * (40 * (15 * 3 + 16 * 10) + 100 * 3 + 100 + 20) + 20 + 5


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
    with pytest.raises(DataError, match=r"has no .mean_shape_.; fit it again if an earlier version saved it"):
        ERT().restore({"model_": np.arange(9, dtype=np.uint8), "n_points_": 5})
    wrong = {"anchors_": fitted.anchors_ + 9, "leaves_": fitted.leaves_[:, :, 1:], "pixels_": fitted.pixels_ + 999}
    for name, value in wrong.items():
        with pytest.raises(DataError, match=f"the model of ert: {name} is"):
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


def test_training_reports():
    news = []
    with listening(lambda *what: news.append(what)):
        ERT(**SMALL).fit(drawn_faces(4))
    mine = [what for what in news if what[0] == "fitting ert"]
    assert mine == [("fitting ert", tree, 160) for tree in range(161)]


def test_errors_name_the_cause():
    faces = drawn_faces(2)
    with pytest.raises(MethodError, match="call fit first"):
        ERT().predict([], np.zeros((0, 4)))
    wrong = {
        "depth": ("deep", "a whole number from 1 to 12"),
        "starts": (4, "an odd number from 1 to 9, since"),
        "blur": (2, "an odd number from 1 to 15"),
        "nu": (2.0, "a number above 0"),
        "stages": (True, "a whole number from 1"),
        "reach": (float("nan"), "a number above 0"),
        "threads": (0, "None or a whole number from 1"),
    }
    for name, (value, text) in wrong.items():
        with pytest.raises(MethodError, match=rf"{name} is {value!r}; must be {text}"):
            ERT(**{name: value}).fit(faces)
    with pytest.raises(DataError, match="has no faces"):
        ERT(**SMALL).fit(faces[:0])


def test_real_faces():
    if not os.environ.get("FLDBENCH_DATA"):
        pytest.skip("set FLDBENCH_DATA to the folder that holds 300w to test on real faces")
    train = load_dataset("300w", split="train")[::25]  # 81 faces
    test = load_dataset("300w", split="test")[::11]  # 30 faces
    method = ERT(trees=30, nu=0.2, stages=6).fit(train)
    assert error(method, test) < 0.6 * error(MeanShape().fit(train), test)
