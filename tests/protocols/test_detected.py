"""boxes=detected:NAME: whose detection it is, what a missed face counts, the cache, training and suites."""

from zlib import crc32

import numpy as np
import pytest
from toys import Noisy, toy_faces, toy_protocol

from fldbench import (
    Detector,
    MissingDependencyError,
    ProtocolError,
    UnknownNameError,
    get_protocol,
    register_detector,
    registry,
    run_suite,
)
from fldbench.detector import tight_in_frame, whole_face
from fldbench.errors import SuiteError
from fldbench.geometry import tight_box
from fldbench.method import predict_checked
from fldbench.protocols import boxes_from, detected
from fldbench.protocols.detected import SAME_FACE, chosen, detected_boxes
from fldbench.run.data import for_training
from fldbench.run.predict import predict_protocol

WIDE = 1.25  # the detector of these tests draws boxes that are larger than the face by this


class Knows(Detector):
    """Finds a face by the brightness of its image, which says which one it is; every third is missed."""

    licence, trained_on = "ours", "nothing"
    frame = tuple((np.array([-1, -1, 1, 1]) / WIDE + 1) / 2)
    asked = 0

    def find(self, image):
        type(self).asked += 1
        row = self.images.index(image.tobytes())
        if row % 3 == 2:
            return [], []
        face = whole_face(self.true_boxes[row : row + 1], "mtfl-5")[0]
        centre, half = (face[:2] + face[2:]) / 2, (face[2:] - face[:2]) / 2 * WIDE
        box = np.concatenate([centre - half, centre + half])
        return [box, box + 40 * half[0], box * 0.5], [0.5, 0.9, 0.7]  # the surer ones are not this face


@pytest.fixture
def knows(toy, monkeypatch, tmp_path):
    faces = toy_faces(9, 3)
    monkeypatch.setattr(detected, "user_cache", lambda part: tmp_path / "cache" / part)
    monkeypatch.setattr(detected, "_remembered", {})
    monkeypatch.setattr(Knows, "images", [image.tobytes() for image in faces.images], raising=False)
    monkeypatch.setattr(Knows, "true_boxes", tight_box(faces.landmarks), raising=False)
    monkeypatch.setattr(Knows, "asked", 0)
    register_detector("knows", Knows)
    return faces


def test_the_detection_that_overlaps_the_face_most_becomes_its_box(knows):
    found = boxes_from(knows, "detected:knows")
    lost = np.arange(9) % 3 == 2
    assert found.box_source == "detected:knows"
    assert np.isnan(found.boxes[lost]).all()
    assert np.allclose(found.boxes[~lost], tight_box(knows.landmarks)[~lost])  # the map undoes what the detector does


def test_the_box_of_a_face_does_not_depend_on_the_others(knows):
    whole = detected_boxes(knows, "knows")
    assert np.array_equal(detected_boxes(knows[4:6], "knows"), whole[4:6], equal_nan=True)


def test_what_overlaps_too_little_is_another_face():
    face = np.array([100.0, 100.0, 200.0, 200.0])
    detector = Detector()  # its boxes are used as they are
    high = 100 * (1 - SAME_FACE)  # a box that is lower by this has an IoU below the least one
    for step, there in ((0.0, True), (high / (1 + SAME_FACE) - 1, True), (high / (1 + SAME_FACE) + 1, False)):
        box = chosen(detector, face[None] + np.array([0, step, 0, step]), face, "ibug-68")
        assert np.isfinite(box).all() == there, step
    assert np.isnan(chosen(detector, np.zeros((0, 4)), face, "ibug-68")).all()


def test_points_inside_the_face_get_the_box_of_these_points():
    face = np.array([[0.0, 0.0, 100.0, 200.0]])
    five = Detector().tight_boxes(face, "mtfl-5")
    assert np.allclose(five, [[26.4, 34.6, 74.0, 136.8]])
    assert np.allclose(whole_face(five, "mtfl-5"), face)
    assert np.allclose(Detector().tight_boxes(face, "wflw-98"), face, atol=5)  # by the templates
    for scheme in ("kaggle-15", "webmorph-189"):
        assert np.allclose(whole_face(Detector().tight_boxes(face, scheme), scheme), face)


def test_detections_are_kept_and_found_again(knows, monkeypatch, tmp_path):
    first = detected_boxes(knows, "knows")
    files = sorted((tmp_path / "cache" / "detections").rglob("*.json"))
    assert Knows.asked == len(files) == 9
    assert np.array_equal(detected_boxes(knows, "knows"), first, equal_nan=True) and Knows.asked == 9
    monkeypatch.setattr(detected, "_remembered", {})  # another process
    assert np.array_equal(detected_boxes(knows, "knows"), first, equal_nan=True) and Knows.asked == 9
    monkeypatch.setattr(detected, "_remembered", {})
    files[0].write_text('{"version": 1, "boxes": [[1, 2, 3]]')  # damaged
    files[1].write_text('{"version": 1, "boxes": [[1, 2, 3, 4]], "scores": []}')
    assert np.array_equal(detected_boxes(knows, "knows"), first, equal_nan=True) and Knows.asked == 11
    monkeypatch.setattr(detected, "_remembered", {})
    monkeypatch.setattr(Knows, "frame", None)  # of the boxes, not of the detections
    assert not np.array_equal(detected_boxes(knows, "knows"), first, equal_nan=True)


def test_a_cache_that_cannot_be_written_changes_nothing(knows, monkeypatch, tmp_path):
    first = detected_boxes(knows, "knows")
    monkeypatch.setattr(detected, "_remembered", {})
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(detected, "user_cache", lambda part: tmp_path / "file" / part)
    assert np.array_equal(detected_boxes(knows, "knows"), first, equal_nan=True)


def test_a_missed_face_is_a_failure_and_warns_nobody(knows):
    protocol = toy_protocol("d", box_source="detected:knows", n_expected=9)
    faces = protocol.select(knows)
    model = Noisy().fit(toy_faces(12, 1))
    answers = predict_checked(model, list(faces.images), faces.boxes, faces.landmarks.shape[1])
    score = protocol.score(answers, faces)
    assert score.missed == 3 and score.metrics["fr08"] >= 100 / 3
    assert not protocol.knows_truth
    assert "by a face detector: the one that overlaps the true face most, an IoU of 0.4" in protocol.boxes_in_words()
    clipped = toy_protocol("d", box_source="detected:knows", n_expected=9, clipped=True)
    assert clipped.score(answers, faces).missed == 3


def test_names_of_protocols(knows):
    assert get_protocol("toy-test@boxes=detected:knows").name == "toy-test@boxes=detected:knows"
    assert get_protocol("toy-test@boxes=detected").box_source == "detected:dlib-hog"
    with pytest.raises(UnknownNameError, match="no detector named 'knowz'; did you mean 'knows'"):
        get_protocol("toy-test@boxes=detected:knowz")
    with pytest.raises(ProtocolError, match=r"boxes is 'detected:'; must be tight, official, detected:NAME"):
        get_protocol("toy-test@boxes=detected:")
    hashes = {get_protocol(f"toy-test@boxes={one}").hash for one in ("tight", "detected", "detected:knows")}
    assert len(hashes) == 3
    content = get_protocol("toy-test@boxes=detected:knows").to_dict()
    del registry.TABLES["detector"]["knows"]
    assert type(get_protocol("toy-test")).from_dict(content).box_source == "detected:knows"  # a record of elsewhere


def test_a_training_set_keeps_the_faces_that_are_found(knows):
    found = for_training(knows, "detected:knows")
    assert len(found) == 6 and found.parts["found by knows"] == (6, 9) and np.isfinite(found.boxes).all()
    assert for_training(knows, "tight").parts == knows.parts


def test_a_suite_runs_under_detected_boxes(toy, monkeypatch, tmp_path):
    class Half(Detector):
        """Finds the faces in images whose checksum is even."""

        def find(self, image):
            height, width = image.shape[:2]
            return ([[0, 0, width, height]], [1.0]) if crc32(image.tobytes()) % 2 == 0 else ([], [])

    class Absent(Detector):
        """Lacks its package."""

        def find(self, image):
            raise MissingDependencyError("absent needs the package nothing")

    monkeypatch.setattr(detected, "user_cache", lambda part: tmp_path / "cache" / part)
    monkeypatch.setattr(detected, "SAME_FACE", 0.01)
    register_detector("half", Half)
    register_detector("absent", Absent)
    protocols = ["toy-test@boxes=detected:half", "toy-test", "toy-test@boxes=detected:absent"]
    suite = {
        "name": "detected",
        "train": [{"dataset": "toy", "split": "train"}],
        "methods": ["noisy"],
        "protocols": protocols,
        "allow_overlap": True,
    }
    records = {one.protocol.name: one for one in run_suite(suite, tmp_path / "out")}
    half, tight, absent = (records[name] for name in protocols)
    assert half.status == tight.status == "ok" and 0 < half.test.missed < half.test.n and tight.test.missed == 0
    assert absent.status == "failed" and absent.reason == "absent needs the package nothing"
    with pytest.raises(SuiteError, match="no detector named 'haf'; did you mean 'half'"):
        run_suite(suite | {"train": [{"dataset": "toy", "boxes": "detected:haf"}]}, tmp_path / "out")
    found = predict_protocol(Noisy().fit(toy_faces(12, 1)), protocols[0])
    assert int(np.isnan(found.errors).sum()) == half.test.missed


def test_frames_nest():
    box = np.array([[3.0, 5.0, 13.0, 25.0]])
    inner = tight_in_frame(box, (0.1, 0.2, 0.6, 0.7))
    assert np.allclose(tight_in_frame(inner, (-0.2, -0.4, 1.8, 1.6)), box)
