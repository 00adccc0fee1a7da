"""Checks of a face detector: its answers, its declarations, and that it can be copied and asked again."""

from __future__ import annotations

import copy
import pickle

import numpy as np

from fldbench.checks.common import Skipped, raises, should
from fldbench.checks.subject import quick_faces
from fldbench.detector import Detector, make_detector, tight_in_frame
from fldbench.errors import DataError, MethodError, MissingDependencyError
from fldbench.geometry import box_centre, box_iou, box_size, tight_box, usable_boxes
from fldbench.params import Rule, parameters_of

MARGIN, MOVED = 96, 24  # px: a grey border around a face, and how far the face is moved in it
SHAKY = 0.15  # sides of its box by which a moved face may be found elsewhere
ENOUGH = 0.5  # IoU from which a box is that of the face


class DetectorUnderTest:
    """A detector by its registered name, and synthetic photos with one face each."""

    def __init__(self, name: str, **params: object):
        self.name, self.params = name, params
        self.detector = make_detector(name, **params)
        faces = quick_faces()[1]
        self.photos = [np.pad(image, [(MARGIN,) * 2, (MARGIN,) * 2, (0, 0)], mode="edge") for image in faces.images]
        self.tight = tight_box(faces.landmarks) + MARGIN

    def check_ready(self) -> None:
        """Raise Skipped if it lacks a file or a package, so that it cannot be asked."""
        try:
            self.detector.detect(self.photos[0])
        except MissingDependencyError as error:
            raise Skipped(str(error)) from error
        except MethodError as error:
            if any(self.detector.get_params()[name] is None for name in self.detector.files):
                raise Skipped(str(error)) from error
            raise


def check_declarations(subject: DetectorUnderTest) -> None:
    """Its declarations have the right types and name parameters that it has; its frame is a box."""
    detector, known = subject.detector, parameters_of(type(subject.detector))
    for what in ("licence", "trained_on", "score", "measured"):
        assert isinstance(getattr(detector, what), str), f"{what} is {getattr(detector, what)!r}, not a text"
    for what in ("files", "changes_nothing", "rules"):
        unknown = [name for name in getattr(detector, what) if name not in known]
        assert not unknown, f"{what} names {', '.join(unknown)}, not a parameter of its own"
    assert all(isinstance(rule, Rule) for rule in detector.rules.values()), f"rules is {detector.rules!r}"
    if detector.frame is not None:
        found = tight_in_frame(np.array([[0.0, 0.0, 1.0, 1.0]]), detector.frame)
        assert usable_boxes(found).all(), f"frame is {detector.frame!r}"


@should
def check_licence(subject: DetectorUnderTest) -> None:
    """It names its licence, and what it learned from."""
    assert subject.detector.licence, "licence is empty"
    assert subject.detector.trained_on, "trained_on is empty"


def check_only_stores(subject: DetectorUnderTest) -> None:
    """The constructor only stores its arguments; a second detector of them has the same identity."""
    given = subject.detector.get_params()
    other = type(subject.detector)(**given)
    assert other.get_params().keys() == given.keys()
    assert subject.detector.identity == other.identity, "two detectors with the same parameters differ"


def check_parameters(subject: DetectorUnderTest) -> None:
    """A value that cannot be is refused with a MethodError, before any image is looked at."""
    given = subject.detector.get_params()
    if not given:
        raise Skipped("it has no parameters")
    for name in given:
        wrong = type(subject.detector)(**given | {name: object()})
        text = raises(MethodError, lambda bad=wrong: bad.detect(subject.photos[0]), f"{name} is an object")  # type: ignore[misc]
        assert name in text, f"the message does not name {name}: {text}"


def check_no_image(subject: DetectorUnderTest) -> None:
    """What is no image is refused with a DataError."""
    subject.check_ready()
    for thing in (None, "photo.jpg", np.zeros((9, 9)), np.zeros((3, 9, 9), np.uint8)):
        raises(DataError, lambda bad=thing: subject.detector.detect(bad), f"the image is {thing!r}")  # type: ignore[misc]


def check_same_answer(subject: DetectorUnderTest) -> None:
    """The same image gives the same answer, whatever was asked between; the image is left as it was."""
    subject.check_ready()
    photo = subject.photos[0]
    before = photo.copy()
    first = subject.detector.detect(photo)
    subject.detector.detect(subject.photos[1])
    again = subject.detector.detect(photo)
    assert np.array_equal(photo, before), "it changed the image"
    assert np.array_equal(first.boxes, again.boxes) and np.array_equal(first.scores, again.scores)


def check_copies(subject: DetectorUnderTest) -> None:
    """A copy, and one that was sent to another process, give the same answer."""
    subject.check_ready()
    first = subject.detector.detect(subject.photos[0])
    for what, other in (("copy", copy.deepcopy(subject.detector)), ("pickle", _pickled(subject.detector))):
        assert np.array_equal(first.boxes, other.detect(subject.photos[0]).boxes), f"its {what} answers otherwise"


def check_any_image(subject: DetectorUnderTest) -> None:
    """Images of any size are answered: one pixel, a thin strip, one without a face; also grey and with alpha."""
    subject.check_ready()
    for shape in ((1, 1), (5, 300), (300, 5, 3), (240, 320, 4)):
        found = subject.detector.detect(np.full(shape, 127, np.uint8))
        assert len(found.boxes) == 0, f"a plain grey image of shape {shape} has {len(found.boxes)} faces"


def check_order(subject: DetectorUnderTest) -> None:
    """The surest face comes first."""
    subject.check_ready()
    for photo in subject.photos[:3]:
        scores = subject.detector.detect(photo).scores
        assert (np.diff(scores) <= 0).all(), f"the scores are {scores.tolist()}"


@should
def check_moves(subject: DetectorUnderTest) -> None:
    """A face that is moved in its photo is found that much farther, so the pixels are those of the image."""
    subject.check_ready()
    tried = 0
    for photo in subject.photos:
        found = subject.detector.detect(photo)
        moved = subject.detector.detect(np.pad(photo, [(MOVED, 0), (MOVED, 0), (0, 0)], mode="edge"))
        if len(found.boxes) == len(moved.boxes) == 1:
            tried += 1
            off = box_centre(moved.boxes[0]) - box_centre(found.boxes[0]) - MOVED
            assert np.abs(off).max() < SHAKY * box_size(found.boxes[0]).max(), f"it is off by {off.tolist()} px"
    if not tried:
        raise Skipped("it finds no synthetic face")


@should
def check_finds_synthetic_faces(subject: DetectorUnderTest) -> None:
    """Where it finds a synthetic face, its mapped box overlaps the tight box of the landmarks."""
    subject.check_ready()
    overlaps = []
    for photo, tight in zip(subject.photos, subject.tight, strict=True):
        boxes = subject.detector.tight_boxes(subject.detector.detect(photo).boxes)
        overlaps += [float(box_iou(boxes, tight).max())] if len(boxes) else []
    if not overlaps:
        raise Skipped("it finds no synthetic face")
    assert np.median(overlaps) >= ENOUGH, f"the median IoU is {np.median(overlaps):.2f}, measured on drawn faces"


def _pickled(detector: Detector) -> Detector:
    return pickle.loads(pickle.dumps(detector))


CHECKS = (
    *(check_declarations, check_licence, check_only_stores, check_parameters, check_no_image, check_same_answer),
    *(check_copies, check_any_image, check_order, check_moves, check_finds_synthetic_faces),
)
