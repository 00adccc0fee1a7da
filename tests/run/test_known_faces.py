"""The truth behind records, read from their dataset: points, errors of landmarks by a second route, pictures."""

import cv2
import numpy as np
import pytest
from toys import TOY_TEST, toy_faces

from fldbench import registry, run_suite
from fldbench.metrics import point_errors
from fldbench.npz import read_npz
from fldbench.records.known_faces import Square
from fldbench.run.known_faces import PICTURE, known_faces


@pytest.fixture
def out(toy, tmp_path):
    run_suite(toy | {"methods": ["noisy", "gives-up"], "protocols": ["toy-test", "toy-even"]}, tmp_path)
    return tmp_path


def test_the_faces_of_each_protocol_with_the_errors_of_their_landmarks(out):
    known, notes = known_faces([out])
    assert notes == [] and sorted(len(one.ids) for one in known.values()) == [TOY_TEST // 2, TOY_TEST]
    faces = toy_faces(TOY_TEST, 2)
    (whole,) = (one for one in known.values() if len(one.ids) == TOY_TEST)
    assert np.array_equal(whole.landmarks, faces.landmarks) and len(whole.point_errors) == 2
    eyes = np.linalg.norm(faces.landmarks[:, 0] - faces.landmarks[:, 1], axis=1)
    for key, errors in whole.point_errors.items():
        arrays = read_npz(out / "records" / key / "faces.npz", ("predictions", "errors"))
        found = np.isfinite(arrays["errors"])
        each = point_errors(arrays["predictions"], faces.landmarks) / eyes[:, None]
        assert errors == pytest.approx(each[found].mean(axis=0))
        assert errors.mean() == pytest.approx(arrays["errors"][found].mean())


def test_the_mean_face_is_inside_its_square(out):
    known, _ = known_faces([out])
    for one in known.values():
        low, high = one.mean_face.min(axis=0), one.mean_face.max(axis=0)
        assert (low >= 0).all() and (high <= 1).all() and (low + high) / 2 == pytest.approx(0.5, abs=0.05)


def test_a_picture_is_the_part_of_the_image_that_was_asked_for(out):
    known, _ = known_faces([out], pictures=True)
    one = next(iter(known.values()))
    row, centre = 0, one.landmarks[0, 2]
    kind, content = one.picture(row, Square(*(centre - 4), 8.0))
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert kind == "image/jpeg" and image.shape == (PICTURE, PICTURE)
    light = np.argwhere(image > 150).mean(axis=0)  # the nose is a light dot on dark ground
    assert light == pytest.approx([PICTURE / 2, PICTURE / 2], abs=4)
    assert known_faces([out])[0][next(iter(known))].picture is None


def test_absent_data_are_a_note_and_no_error(out):
    del registry.TABLES["dataset"]["toy"]
    known, notes = known_faces([out])
    assert known == {} and len(notes) == 2 and all(note.startswith("toy-") for note in notes)
