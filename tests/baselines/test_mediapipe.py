"""MediaPipe as a peer, with a fake mediapipe in an environment of its own: whose face, in which px, what is refused."""

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from fake_mediapipe import COLOURS, UNIT, make_environment

import fldbench
from fldbench.baselines.mediapipe import client, worker
from fldbench.baselines.mediapipe.method import IBUG_68, MediaPipe
from fldbench.checks import METHOD_CHECKS, Maker, Skipped, quick_faces
from fldbench.errors import DataError, MethodError, MissingDependencyError
from fldbench.faces import ImageArrays
from fldbench.geometry import tight_box
from fldbench.records.keys import fit_key
from fldbench.schemes import get_scheme


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return make_environment(tmp_path_factory.mktemp("environments") / "mediapipe")


def painted(faces):
    """The faces with photos where only their tight boxes can be seen."""
    images = []
    for image, box in zip(faces.images, tight_box(faces.landmarks), strict=True):
        photo = np.zeros_like(image)
        x0, y0, x1, y1 = np.round(box).astype(int)
        photo[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1] = COLOURS[0]
        images.append(photo)
    return replace(faces, images=ImageArrays(images))


@pytest.fixture(scope="module")
def faces():
    train, test = quick_faces()
    return painted(train), painted(test)


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_the_contract(check, python, faces):
    try:
        check(Maker("mediapipe", python=python, ridge=0.1), *faces)
    except Skipped as reason:
        allowed = {"random_state", "threads", "sample_weight", "refines", "keeps_training", "files", "members"}
        allowed |= {"attributes", "attribute_rows", "attributes_seen", "attributes_saved", "exports"}
        allowed |= {"confidence", "confidence_rows", "not_clipped"}
        assert check.__name__.removeprefix("check_") in allowed, reason
        pytest.skip(str(reason))


def photo_of(*boxes, size=(80, 100)):
    photo = np.zeros((*size, 3), np.uint8)
    for colour, (x0, y0, x1, y1) in zip(COLOURS, boxes, strict=False):
        photo[y0:y1, x0:x1] = colour
    return photo


def test_the_given_box_says_which_face_is_meant(python, faces):
    method = MediaPipe(python, map="index").fit(faces[0])
    photo = photo_of((10, 10, 40, 50), (60, 20, 90, 70))
    first, second, none = method.predict([photo] * 3, [[12, 8, 44, 50], [55, 20, 88, 75], [0, 60, 30, 79]])
    # The first pixel of the face has its centre at (10, 10), so its border is half a pixel further out.
    assert np.allclose(first, UNIT[IBUG_68] * (30, 40) + (9.5, 9.5), atol=1e-4)
    assert np.allclose(second, UNIT[IBUG_68] * (30, 50) + (59.5, 19.5), atol=1e-4)
    assert np.isnan(none).all()
    assert np.isnan(method.predict([photo_of()], [[0, 0, 50, 50]])).all()


def test_the_list_of_indices_is_the_one_that_is_passed_around():
    assert IBUG_68.shape == (68,) and len(set(IBUG_68.tolist())) == 68
    # Where the mirror image of each point is: these are the pairs of the mesh at the corners of eyes and mouth.
    pairs = {33: 263, 133: 362, 61: 291, 78: 308, 105: 334, 234: 454, 97: 326}
    mirror = get_scheme("ibug-68").mirror
    where = {int(index): i for i, index in enumerate(IBUG_68)}
    assert all(mirror[where[left]] == where[right] for left, right in pairs.items())
    assert all(mirror[where[index]] == where[index] for index in (152, 168, 4, 2, 0, 17, 13, 14))


def test_a_linear_map_is_learned_exactly_where_there_is_one(python, faces):
    rng = np.random.default_rng(1)
    low, side = rng.integers(2, 20, (9, 2)), rng.integers(30, 55, (9, 2))
    boxes = np.concatenate([low, low + side], axis=1).astype(float)
    train = faces[0][:9].with_boxes(boxes)
    mix = rng.dirichlet(np.ones(478), 68)  # points that are means of mesh points, and lie where those of all faces do
    meshes = UNIT * (boxes[:, None, 2:] - boxes[:, None, :2]) + boxes[:, None, :2] - 0.5
    train = replace(
        train, images=ImageArrays([photo_of(box) for box in boxes.astype(int).tolist()]), landmarks=mix @ meshes
    )
    method = MediaPipe(python, ridge=1e-6).fit(train)
    assert np.abs(method.predict(list(train.images), train.boxes) - train.landmarks).max() < 0.01
    assert method.ridge_ == 1e-6 and method.mesh_.shape == (478, 2)
    moved = [np.roll(photo, (5, 3), (0, 1)) for photo in train.images]
    answers = method.predict(moved, boxes + np.array([3, 5, 3, 5]))
    assert np.allclose(answers, method.predict(list(train.images), boxes) + np.array([3, 5]), atol=1e-3)


def test_faces_that_are_not_found_or_have_missing_points_teach_nothing(python, faces):
    train = faces[0][:8]
    blank = replace(train, images=ImageArrays([np.zeros((160, 160, 3), np.uint8), *list(train.images)[1:]]))
    landmarks = train.landmarks.copy()
    landmarks[0, 5] = np.nan
    missing = replace(train, landmarks=landmarks)
    models = [MediaPipe(python, ridge=0.1).fit(one) for one in (blank, missing, train[1:])]
    assert all(np.array_equal(model.coefficients_, models[0].coefficients_) for model in models)
    with pytest.raises(DataError, match=r"no face has all points and is found by mediapipe"):
        MediaPipe(python).fit(blank[:1])


def of_scheme(faces, scheme):
    """The same photos with points of another scheme."""
    points = np.resize(faces.landmarks, (len(faces), get_scheme(scheme).n_points, 2))
    return replace(faces, landmarks=points, visible=np.ones(points.shape[:2], bool), scheme=scheme)


def test_the_index_list_is_for_ibug_68_and_what_it_maps_to(python, faces):
    train = faces[0][:3]
    five = of_scheme(train, "mtfl-5")
    answer = MediaPipe(python, map="index").fit(five).predict(list(train.images), train.boxes)
    assert answer.shape == (3, 5, 2) and np.isfinite(answer).all()
    other = of_scheme(train, "wflw-98")
    with pytest.raises(MethodError, match=r"places the points of ibug-68; .* the map 'linear' learns any"):
        MediaPipe(python, map="index").fit(other)


def test_what_is_missing_is_said_before_a_fit(python, faces, tmp_path):
    with pytest.raises(
        MethodError, match=r"mediapipe: python is None; must be the Python .*pip install mediapipe==0.10.21"
    ):
        MediaPipe().check_params()
    with pytest.raises(MissingDependencyError, match=r"gone cannot be started .*; make one by"):
        MediaPipe(str(tmp_path / "gone")).check_params()
    with pytest.raises(MissingDependencyError, match=r"no Python"):
        MediaPipe("/bin/ls").check_params()
    newer = make_environment(tmp_path / "newer", "0.10.35", models=False)
    with pytest.raises(MissingDependencyError, match=r"its mediapipe 0.10.35 has no modules/face_landmark"):
        MediaPipe(newer).check_params()
    bare = tmp_path / "bare"
    bare.symlink_to(sys.executable)
    said = json.loads(subprocess.run([bare, worker.__file__, "--version"], capture_output=True, check=True).stdout)
    assert set(said) <= {"error", "mediapipe"}
    broken = make_environment(tmp_path / "broken", mesh="import no_such_package")
    with pytest.raises(MissingDependencyError, match=r"cannot be imported .ModuleNotFoundError.*no_such_package"):
        MediaPipe(broken).fit(faces[0])


def test_a_worker_that_dies_is_an_error_that_says_why_and_the_next_model_has_a_new_one(python, faces):
    method = MediaPipe(python, map="index").fit(faces[0])
    with pytest.raises(MethodError, match=r"its process in .* ended with 1: .*a crash of the library"):
        method.predict([np.full((9, 9, 3), 9, np.uint8)], [[0, 0, 8, 8]])
    photo = photo_of((10, 10, 40, 50))
    assert np.isfinite(method.predict([photo], [[10, 10, 40, 50]])).all()


@pytest.mark.parametrize(
    "does", ["exec >&-; exec sleep 1000", 'echo \'{"mediapipe": "1"}\'; read line; echo 7; exec sleep 1000']
)
def test_a_worker_that_hangs_or_answers_what_is_none_is_ended(does, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "SECONDS", 0.01)
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{does}\n")
    script.chmod(0o700)
    with pytest.raises(MethodError, match=r"its process in .*python ended with -9: it said nothing"):
        client.Client(str(script)).meshes(photo_of())


def test_a_program_that_says_something_else_is_no_python(tmp_path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 7\n")
    script.chmod(0o700)
    with pytest.raises(MissingDependencyError, match=r"python is no Python"):
        client.installed(str(script))


def test_the_worker_ends_with_its_method_and_copies_have_their_own(python, faces):
    method = MediaPipe(python, map="index").fit(faces[0])
    photo, box = photo_of((10, 10, 40, 50)), [[10, 10, 40, 50]]
    expected = method.predict([photo], box)
    process = method._client._process
    assert np.array_equal(copy.deepcopy(method).predict([photo], box), expected)
    assert process.poll() is None
    del method
    assert process.poll() is not None


def test_the_key_has_the_version_and_not_the_place(python, faces, tmp_path):
    same = make_environment(tmp_path / "same")
    older = make_environment(tmp_path / "older", "0.10.14")
    keys = [fit_key(MediaPipe(one), faces[0]) for one in (python, same, older)]
    assert keys[0] == keys[1] != keys[2]
    assert "fldbench.baselines.mediapipe.worker" in fldbench.digest.code_of(MediaPipe)
    model = MediaPipe(python, map="index").fit(faces[0]).save(tmp_path / "m.safetensors")
    loaded = fldbench.load_method(model)
    loaded.python = older
    with pytest.raises(MethodError, match=r"was fitted with mediapipe 0.10.21, and .* has 0.10.14; fit it again"):
        loaded.predict([photo_of()], [[0, 0, 9, 9]])


def test_our_packages_are_not_led_to_the_other_python(python, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    assert "PYTHONPATH" not in client._environment() and client._environment()["PATH"] == os.environ["PATH"]
