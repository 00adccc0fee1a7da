"""The wrappers of pretrained files: tiny files of each format, the box into which they are put, and every refusal."""

import copy
import pickle
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fldbench import registry
from fldbench.baselines.parts.fitting import mean_unit_shape
from fldbench.baselines.pretrained.files import read_kazemi, read_lbf
from fldbench.baselines.pretrained.method import (
    Dlib5,
    Dlib68,
    OpencvKazemi,
    OpencvLBF,
    fit_box,
    own_boxes,
    square_boxes,
)
from fldbench.checks import METHOD_CHECKS, Maker, Skipped, quick_faces
from fldbench.errors import DataError, MethodError
from fldbench.geometry import box_size, crop_matrix, invert, transform, usable_boxes
from fldbench.method import load_method
from fldbench.schemes import get_scheme, map_landmarks

CLASSES = {"dlib-68": Dlib68, "opencv-lbf": OpencvLBF, "opencv-kazemi": OpencvKazemi}
MEAN = get_scheme("ibug-68").template * 0.6 + 0.2  # in the frame of the model's box


def write_dlib(path, faces):
    """A predictor of 68 points, trained by dlib from an XML file."""
    import cv2
    import dlib

    entries = []
    for i, face in enumerate(faces):
        cv2.imwrite(str(path.with_name(f"{i}.png")), face.image[..., ::-1])
        x0, y0, x1, y1 = (round(v) for v in face.box.tolist())
        parts = "".join(
            f"<part name='{k:04d}' x='{round(x)}' y='{round(y)}'/>" for k, (x, y) in enumerate(face.landmarks.tolist())
        )
        box = f"<box top='{y0}' left='{x0}' width='{x1 - x0}' height='{y1 - y0}'>{parts}</box>"
        entries.append(f"<image file='{i}.png'>{box}</image>")
    path.with_suffix(".xml").write_text(f"<?xml version='1.0'?><dataset><images>{''.join(entries)}</images></dataset>")
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.num_trees_per_cascade_level, options.tree_depth = 2, 5, 2
    options.oversampling_amount, options.feature_pool_size, options.num_threads = 3, 40, 1
    dlib.train_shape_predictor(str(path.with_suffix(".xml")), str(path), options)
    return path


def write_lbf(path, points=68, step=0.004, skip=None, mean=MEAN, trees=1):
    """OpenCV's own layout: two stages, one tree for each point, two splits deep; `skip` is left out."""
    import cv2

    rng = np.random.default_rng(0)
    file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)

    def write(name, value):
        if name != skip:
            file.write(name, value)

    for name, value in {"stages_n": 2, "tree_n": trees, "tree_depth": 2, "n_landmarks": points}.items():
        write(name, value)
    write("regressor_meanshape", 2 * mean[:points] - 1)
    for stage in range(2):
        for point in range(points):
            write(f"tree_{stage}_{point}_0", rng.uniform(-0.3, 0.3, (4, 4)))
            if skip != "thresholds":
                file.startWriteStruct(f"thresholds_{stage}_{point}_0", cv2.FILE_NODE_SEQ)
                for value in rng.integers(-50, 50, 4).tolist():
                    file.write("", value)
                file.endWriteStruct()
        write(f"weights_{stage}", rng.normal(0, step, (2 * points, 2 * points)))
    file.release()
    return path


def kazemi_bytes(points=68, step=0.004, second_pixel=2, leaf_points=None, nodes=3):
    rng = np.random.default_rng(0)
    out = []

    def word(text):
        out.append(struct.pack("<Q", len(text)) + text.encode())

    def number(value):
        out.append(struct.pack("<Q", value))

    def floats(values):
        out.append(np.asarray(values, "<f4").tobytes())

    word("cascade_depth"), number(2)
    word("pixel_coordinates"), number(10), floats(rng.uniform(0.1, 0.6, (2, 10, 2)))
    word("mean_shape"), number(points), floats(MEAN[:points] / (1, 1.3))
    word("num_trees"), number(3)
    for _ in range(6):
        word("num_nodes"), number(nodes)
        word("split"), out.append(struct.pack("<QQfI", 1, second_pixel, 3.0, 0))
        for _ in range(2):
            word("leaf"), number(leaf_points or points), floats(rng.normal(0, step, (leaf_points or points, 2)))
    return b"".join(out)


@pytest.fixture(scope="module")
def faces():
    return quick_faces()[0][:12]


@pytest.fixture(scope="module")
def files(tmp_path_factory, faces):
    folder = tmp_path_factory.mktemp("models")
    (folder / "kazemi.dat").write_bytes(kazemi_bytes())
    return {
        "dlib-68": str(write_dlib(folder / "dlib.dat", faces)),
        "opencv-lbf": str(write_lbf(folder / "lbf.yaml")),
        "opencv-kazemi": str(folder / "kazemi.dat"),
    }


@pytest.fixture(scope="module", autouse=True)
def registered():
    with pytest.MonkeyPatch.context() as patch:
        for name, cls in CLASSES.items():
            patch.setitem(registry.TABLES["method"], name, f"fldbench.baselines.pretrained.method:{cls.__name__}")
        yield


@pytest.fixture(scope="module", params=CLASSES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def maker(name, files):
    return Maker(name, model=files[name], crop_size=200)


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_the_contract(check, maker):
    try:
        check(maker, *quick_faces())
    except Skipped as reason:
        allowed = {"random_state", "progress", "sample_weight", "refines", "keeps_training", "members", "exports"}
        allowed |= {"attributes", "attribute_rows", "attributes_seen", "attributes_saved"}
        allowed |= {"confidence", "confidence_rows"}
        assert check.__name__.removeprefix("check_") in allowed, reason
        pytest.skip(str(reason))


@pytest.fixture
def fitted(name, files, faces):
    return CLASSES[name](model=files[name], crop_size=200).fit(faces)


def predict(method, faces):
    return method.predict(list(faces.images), faces.boxes)


def test_answers_lie_about_the_face(fitted, faces):
    answer = predict(fitted, faces)
    distance = np.linalg.norm(answer - faces.landmarks, axis=2).mean(axis=1)
    assert answer.shape == (12, 68, 2) and (distance < 0.25 * box_size(faces.boxes).max(axis=1)).all()
    assert fitted.predict([], np.empty((0, 4))).shape == (0, 68, 2)
    single = np.concatenate([fitted.predict([face.image], face.box[None]) for face in faces])
    assert np.array_equal(single, answer)


def test_the_image_and_not_only_the_box_decides(fitted, faces):
    other = fitted.predict([image[::-1] for image in faces.images], faces.boxes)
    assert not np.allclose(other, predict(fitted, faces), atol=0.1)


def test_saved_it_names_the_file_and_holds_none_of_it(fitted, faces, files, name, tmp_path):
    path = fitted.save(tmp_path / "m.safetensors")
    assert path.stat().st_size < 2000 and fitted.n_parameters > 1000
    again = load_method(path)
    assert again.n_parameters == fitted.n_parameters
    assert np.array_equal(predict(again, faces), predict(fitted, faces))
    for twin in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):  # as a worker process gets it
        assert np.array_equal(predict(twin, faces), predict(fitted, faces))


def test_a_file_that_is_gone_or_changed_is_named(name, files, faces, tmp_path):
    moved = tmp_path / "moved"
    moved.write_bytes(Path(files[name]).read_bytes())
    path = CLASSES[name](model=str(moved)).fit(faces).save(tmp_path / "m.safetensors")
    with open(moved, "ab") as file:
        file.write(b"\n")
    with pytest.raises(DataError, match=r"moved: the file has changed since the fit: its SHA-256 begins with \w{12}"):
        load_method(path)
    moved.unlink()
    with pytest.raises(DataError, match="moved: cannot be read"):
        load_method(path)


def test_other_schemes(fitted, name, files, faces):
    small = replace(faces, landmarks=map_landmarks(faces.landmarks, "ibug-68", "mtfl-5"), visible=None, scheme="mtfl-5")
    five = CLASSES[name](
        model=files[name], crop_size=200, box_scale=fitted.box_scale_, box_shift=fitted.box_shift_
    ).fit(small)
    assert np.allclose(predict(five, faces), map_landmarks(predict(fitted, faces), "ibug-68", "mtfl-5"))
    profile = replace(faces, landmarks=np.ones((12, 39, 2)), visible=None, scheme="menpo-39")
    with pytest.raises(MethodError, match=r"places the points of ibug-68; .* needs others: no map"):
        CLASSES[name](model=files[name]).fit(profile)


def test_asked_again_it_is_put_where_its_mean_shape_lies_nearest_to_its_answer(name, files, faces, tmp_path):
    first = CLASSES[name](model=files[name], crop_size=200, box_scale=1.0, box_shift=(0.0, 0.0)).fit(faces)
    again = replace(first, passes=3).fit(faces)
    first._fitted_on = None  # the boxes below are square, of which it would warn
    answer = predict(first, faces)
    mean = first._model.mean + (0.0 if name == "dlib-68" else 0.005)  # half a pixel of the box of 100
    for _ in range(2):
        boxes = own_boxes(mean, answer)
        assert np.allclose(boxes, square_boxes(boxes))
        for box, shape in zip(boxes, answer, strict=True):  # second route: numpy's least squares
            design = np.stack([mean.ravel(), *np.tile(np.eye(2), 68)], axis=1)
            side, *low = np.linalg.lstsq(design, shape.ravel(), rcond=None)[0]
            assert np.allclose(box, [*low, *(np.array(low) + side)])
        answer = first.predict(list(faces.images), boxes)
    assert np.allclose(predict(again, faces), answer)
    assert not np.allclose(predict(again, faces), predict(first, faces), atol=0.1)


def test_a_model_that_never_moves_stays_where_it_is_however_often_it_is_asked(faces, tmp_path):
    path = str(write_lbf(tmp_path / "still.yaml", step=0.0))
    one, four = (OpencvLBF(model=path, crop_size=200, passes=passes).fit(faces) for passes in (1, 4))
    assert np.allclose(predict(one, faces), predict(four, faces), atol=1e-3)


def test_an_answer_without_a_size_is_kept():
    assert np.isnan(own_boxes(MEAN, np.full((1, 68, 2), np.nan))).all()
    flat = own_boxes(MEAN, np.full((1, 68, 2), 7.0))
    assert np.array_equal(flat, np.full((1, 4), 7.0)) and not usable_boxes(flat).any()


@pytest.mark.parametrize("box_scale", [None, 0.8])
def test_a_model_that_never_moves_answers_its_mean_shape_laid_onto_the_training_shapes(faces, tmp_path, box_scale):
    """With steps of zero the answer is scale * mean + shift in the square box, by numpy's least squares."""
    path = write_lbf(tmp_path / "still.yaml", step=0.0)
    method = OpencvLBF(model=str(path), crop_size=200, box_scale=box_scale).fit(faces)
    square = square_boxes(faces.boxes)
    truth = mean_unit_shape(faces.with_boxes(square))
    rows = np.zeros((68, 2, 3))
    rows[:, 0, :2] = np.stack([MEAN[:, 0], np.ones(68)], 1)
    rows[:, 1, ::2] = np.stack([MEAN[:, 1], np.ones(68)], 1)
    design, target = rows.reshape(-1, 3), truth.ravel()
    if box_scale is None:
        found = np.linalg.lstsq(design, target, rcond=None)[0]
    else:
        found = np.append(box_scale, np.linalg.lstsq(design[:, 1:], target - box_scale * design[:, 0], rcond=None)[0])
    expected = (found[0] * MEAN + found[1:]) * box_size(square)[:, None] + square[:, None, :2]
    # OpenCV's box is whole pixels of the crop, whose edges lie half a pixel beside
    assert np.allclose(predict(method, faces), expected, atol=box_size(square).max() / 100)


def test_dlib_itself_gives_the_same_to_a_pixel_of_the_crop(files, faces):
    import dlib

    from fldbench.faces.crops import crop_image

    method = Dlib68(model=files["dlib-68"], box_scale=1.0, box_shift=(0.0, 0.0), crop_size=200).fit(faces)
    matrices = crop_matrix(square_boxes(faces.boxes), 200, 0.5)
    predictor = dlib.shape_predictor(files["dlib-68"])
    crops = [crop_image(image, m, 200, grey=True) for image, m in zip(faces.images, matrices, strict=True)]
    parts = [predictor(crop, dlib.rectangle(50, 50, 149, 149)).parts() for crop in crops]
    there = transform(predict(method, faces), matrices)
    off = np.abs(there - [[(part.x, part.y) for part in face] for face in parts])
    assert np.median(off) < 0.8 and off.mean() < 1.5  # boxes half a pixel apart may turn a split
    assert np.allclose(transform(there, invert(matrices)), predict(method, faces))


def test_nothing_but_its_constructor_is_needed_to_say_what_is_missing(name, faces):
    wanted = {
        "dlib-68": "shape_predictor_68_face_landmarks.dat",
        "opencv-lbf": "lbfmodel.yaml",
        "opencv-kazemi": "face_landmark_model.dat",
    }
    with pytest.raises(MethodError, match=f"needs the file {wanted[name]}.*300-W are no fair comparison"):
        CLASSES[name]().fit(faces)
    with pytest.raises(MethodError, match="has not been fitted"):
        CLASSES[name]().predict([], np.empty((0, 4)))
    with pytest.raises(MethodError, match="has not been fitted"):
        CLASSES[name]().save("m.safetensors")
    assert CLASSES[name]().n_parameters == 0


@pytest.mark.parametrize(
    ("params", "allowed"),
    [
        ({"model": 3}, "model is 3; must be None or a path as a string"),
        ({"box_scale": 0}, "box_scale is 0; must be None or a number above 0"),
        ({"box_shift": (1,)}, "two numbers"),
        ({"crop_size": 42}, "a multiple of 4"),
        ({"passes": 5}, "passes is 5; must be a whole number from 1 to 4"),
    ],
)
def test_impossible_parameters(name, files, faces, params, allowed):
    with pytest.raises(MethodError, match=allowed):
        CLASSES[name](**{"model": files[name]} | params).fit(faces)


def test_any_other_file_is_refused_and_named(name, faces, tmp_path):
    for content in (b"", b"\n", b"hello", b"%YAML:1.0\n---\nstages_n: 5\n", bytes(range(256)) * 40, b"\xff" * 64):
        path = tmp_path / "other"
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"other(, line 1)?: "):
            CLASSES[name](model=str(path)).fit(faces)
    with pytest.raises(DataError, match="gone: cannot be read"):
        CLASSES[name](model=str(tmp_path / "gone")).fit(faces)


def test_truncated_files_are_refused(name, files, faces, tmp_path):
    content = Path(files[name]).read_bytes()
    for share in (0.1, 0.5, 0.9):
        path = tmp_path / f"short{share}.yaml"
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DataError, match=r"short0\.\d"):
            CLASSES[name](model=str(path)).fit(faces)


def test_the_five_points_of_dlib_are_those_of_their_own_file(files, faces, tmp_path):
    five = map_landmarks(faces.landmarks, "ibug-68", "dlib-5")
    train = replace(faces, landmarks=five, visible=None, scheme="dlib-5")
    path = str(write_dlib(tmp_path / "five.dat", train))
    method = Dlib5(path, crop_size=200, passes=2).fit(train)
    answer = predict(method, train)
    assert answer.shape == (12, 5, 2)
    assert (np.linalg.norm(answer - five, axis=2).mean(axis=1) < 0.25 * box_size(train.boxes).max(axis=1)).all()
    assert np.array_equal(predict(load_method(method.save(tmp_path / "m.safetensors")), train), answer)
    assert method.trained_on == () and method.label == "dlib-5" and "dlib's author" in method.remark
    with pytest.raises(MethodError, match=r"dlib-5: the number of points of .* is 68; must be 5"):
        Dlib5(files["dlib-68"]).fit(train)
    with pytest.raises(MethodError, match=r"dlib-5 places the points of dlib-5; .* needs others: no map"):
        Dlib5(path).fit(faces)
    with pytest.raises(MethodError, match=r"needs the file shape_predictor_5_face_landmarks.dat .*public domain"):
        Dlib5().fit(train)


def test_a_model_of_other_points_is_refused(faces, tmp_path):
    (tmp_path / "k.dat").write_bytes(kazemi_bytes(points=20))
    for method in (
        OpencvLBF(model=str(write_lbf(tmp_path / "l.yaml", points=29))),
        OpencvKazemi(model=str(tmp_path / "k.dat")),
    ):
        with pytest.raises(MethodError, match=r"the number of points of .* is (29|20); must be 68"):
            method.fit(faces)


@pytest.mark.parametrize(
    "skip", ["stages_n", "regressor_meanshape", "tree_1_67_0", "thresholds", "weights_1", "n_landmarks"]
)
def test_an_lbf_file_without_one_part(skip, tmp_path):
    with pytest.raises(DataError, match=f"LBF model.*{skip if skip != 'thresholds' else '4 thresholds'}"):
        read_lbf(write_lbf(tmp_path / "l.yaml", skip=skip))


def test_an_lbf_file_with_fewer_trees_than_it_says(tmp_path):
    with pytest.raises(DataError, match="'tree_0_0_1' is not a matrix of 4 x 4 numbers"):
        read_lbf(write_lbf(tmp_path / "l.yaml", trees=2))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"second_pixel": 10}, "a split that leads nowhere"),
        ({"leaf_points": 60}, "a leaf of another number of points"),
        ({"nodes": 2}, "a split that leads nowhere"),
        ({"nodes": 1 << 40}, "a count of"),
        ({"nodes": 4}, "no word split or leaf"),
        ({"step": np.nan}, "a number that is not finite"),
    ],
)
def test_kazemi_files_that_would_end_the_process(tmp_path, change, what):
    path = tmp_path / "k.dat"
    path.write_bytes(kazemi_bytes(**change))
    with pytest.raises(DataError, match=f"FacemarkKazemi: it has {what}"):
        read_kazemi(path)


def test_what_the_readers_give(files, tmp_path):
    mean, size = read_kazemi(files["opencv-kazemi"])
    assert np.allclose(mean, MEAN, atol=1e-6) and size == 40 + 136 + 6 * (3 + 2 * 136)
    mean, size = read_lbf(files["opencv-lbf"])
    assert np.allclose(mean, MEAN) and size == 136 + 2 * (68 * 20 + 136 * 136)
    long = tmp_path / "long"
    long.write_bytes(Path(files["opencv-kazemi"]).read_bytes() + b"123456789")
    with pytest.raises(DataError, match="9 bytes too many"):
        read_kazemi(long)


def test_a_mean_shape_upside_down_is_refused(faces, files):
    upside = faces.landmarks * (-1, -1) + faces.boxes[:, None, :2] + faces.boxes[:, None, 2:]
    with pytest.raises(MethodError, match="upside down"):
        OpencvLBF(model=files["opencv-lbf"]).fit(replace(faces, landmarks=upside))


def test_grey_images(fitted, faces):
    grey = np.ascontiguousarray(faces.images[0][..., 1])
    coloured = np.stack([grey] * 3, axis=-1)
    assert np.allclose(*(fitted.predict([image], faces.boxes[:1]) for image in (grey, coloured)), atol=1e-6)


def test_fit_box_keeps_a_given_scale():
    scale, shift = fit_box(MEAN, 0.5 * MEAN + 0.1, 0.7)
    assert scale == 0.7
    assert np.allclose(np.array(shift) + 0.5 + 0.7 * (MEAN.mean(axis=0) - 0.5), (0.5 * MEAN + 0.1).mean(axis=0))
