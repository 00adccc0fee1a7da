"""Detector: the contract of every face detector. It finds the faces of one image, as boxes with scores.

Each detector draws its boxes in its own way: one around the eyes and the mouth, another around the whole head. Methods
expect the tight box of the landmarks, so a detector knows where that box lies in the frame of its own: four numbers,
measured on training faces.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from functools import wraps
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fldbench import registry
from fldbench.digest import code_of, libraries_of
from fldbench.errors import DataError, MethodError, UnknownNameError, must_be, near_miss
from fldbench.faces.pixels import is_image, refuse_image, rgb
from fldbench.files import sha256_of
from fldbench.geometry import box_size, check_boxes, tight_box, usable_boxes
from fldbench.params import Rule, check_rules, optional, parameters_of
from fldbench.schemes import get_scheme
from fldbench.shapes import from_box_frame, to_box_frame

DEFAULT = "dlib-hog"
DIGITS = 20  # of an identity
FACE = "ibug-68"  # the scheme whose tight box is that of the whole face

# Where the tight box of a scheme lies in that of ibug-68: medians over the 2,012 faces of 300w-train; of webmorph-189,
# which goes around hair and ears, by dlib-hog on 37 faces of london. The scheme's template says it for others.
WITHIN = {
    "ibug-51": (0.082, 0.0, 0.911, 0.768),
    "ibug-49": (0.082, 0.0, 0.911, 0.768),
    "mtfl-5": (0.264, 0.173, 0.740, 0.684),
    "dlib-5": (0.186, 0.165, 0.809, 0.533),
    "webmorph-189": (-0.14, -0.51, 1.12, 1.14),
}


class Detections(NamedTuple):
    """The faces that a detector found in one image, the surest first: boxes (n, 4) px, and scores (n,)."""

    boxes: np.ndarray
    scores: np.ndarray


def _is_frame(value: Any) -> bool:
    if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != 4:
        return False
    return bool(np.isfinite(np.asarray(value, float)).all() and value[0] < value[2] and value[1] < value[3])


FRAME: Rule = optional(Rule("four numbers x0, y0, x1, y1 with x0 < x1 and y0 < y1", _is_frame))


class Detector:
    """Base of every face detector; the constructor only stores its arguments under their own names.

    A detector overrides `find`. Users call `detect`, which checks the image and the answer. What is expensive to make,
    such as a network, belongs into `engine`: each thread gets one of its own, and copies and other processes make it
    again.

    Attributes
    ----------
    licence : str
        Of the code and of the weights.
    trained_on : str
        What is known about the faces that it learned from, in words.
    score : str
        What its scores mean, in words.
    files : tuple of str
        Parameters that are paths of files; their content is part of `identity`.
    changes_nothing : tuple of str
        Parameters that never change an answer, such as threads.
    rules : mapping of str to Rule
        What its parameters may be.
    frame : tuple of float or None
        Where the tight box of the landmarks lies in the frame of the detector's box, measured on training faces:
        x0, y0, x1, y1, with (0, 0) the top-left corner of the detector's box and (1, 1) the bottom-right one. None
        where nobody measured it: the boxes are then used as they are. A parameter `tight` replaces it.
    measured : str
        On which faces the frame was measured, and what is left: see results/detectors.
    """

    licence: ClassVar[str] = ""
    trained_on: ClassVar[str] = ""
    score: ClassVar[str] = ""
    files: ClassVar[tuple[str, ...]] = ()
    changes_nothing: ClassVar[tuple[str, ...]] = ()
    rules: ClassVar[Mapping[str, Rule]] = {}
    frame: ClassVar[tuple[float, float, float, float] | None] = None
    measured: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "find" in vars(cls):
            cls.find = _on_rgb(vars(cls)["find"])  # type: ignore[method-assign]  # wrapped once, on purpose

    def make_engine(self) -> Any:
        """Return what `find` works with; called once in each thread that detects."""
        return None

    def find(self, image: np.ndarray) -> tuple[Any, Any]:
        """Return the boxes (n, 4) px and the scores (n,) of the faces in an RGB image, in any order.

        Boxes are x0, y0, x1, y1; the centre of the top-left pixel is (0, 0).
        """
        raise NotImplementedError

    def detect(self, image: np.ndarray) -> Detections:
        """Return the faces of one image, uint8 (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey, the surest first.

        Raises
        ------
        DataError
            For anything else than an image.
        MethodError
            For parameters that are not allowed, and a detector that answers with anything but boxes and scores.
        MissingDependencyError
            When it needs a package that is not installed.
        """
        self.check_params()
        boxes, scores = self.find(image)
        try:
            found, sure = np.asarray(boxes, float).reshape(-1, 4), np.asarray(scores, float).reshape(-1)
        except (TypeError, ValueError) as error:
            allowed = "boxes (n, 4) and scores (n,)"
            raise MethodError(must_be(self.label, "what find answers", boxes, allowed)) from error
        if len(found) != len(sure) or not np.isfinite(sure).all() or not usable_boxes(found).all():
            allowed = "finite boxes (n, 4) with x0 < x1 and y0 < y1, and a finite score for each"
            raise MethodError(must_be(self.label, "what find answers", (found.tolist(), sure.tolist()), allowed))
        order = np.argsort(-sure, kind="stable")
        return Detections(found[order], sure[order])

    def tight_boxes(self, boxes: np.ndarray, scheme: str = FACE) -> np.ndarray:
        """Return the boxes that methods expect for boxes of this detector, (n, 4) px each.

        Parameters
        ----------
        boxes : ndarray of shape (n, 4)
            px, as `detect` returns them.
        scheme : str
            Of the landmarks that the methods answer with; by default ibug-68.
        """
        frame = getattr(self, "tight", None)
        frame = self.frame if frame is None else frame
        boxes = np.asarray(boxes, float).reshape(-1, 4)
        face = boxes if frame is None else tight_in_frame(boxes, frame)
        return face if scheme == FACE else tight_in_frame(face, _within_face(scheme))

    @property
    def engine(self) -> Any:
        """What `make_engine` made for this thread."""
        local = self.__dict__.setdefault("_local", threading.local())
        if not hasattr(local, "engine"):
            local.engine = self.make_engine()
        return local.engine

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_local"}

    def get_params(self) -> dict[str, Any]:
        """The constructor's arguments by name, as they are now."""
        return {name: getattr(self, name) for name in parameters_of(type(self))}

    def check_params(self) -> None:
        """Check the parameters by `rules`; raise MethodError for one that is not allowed."""
        check_rules(self.label, self.get_params(), self.rules, parameters_of(type(self)))

    @property
    def label(self) -> str:
        """The registered name, or that of the class without one; for messages."""
        known = registry.table("detector").items()
        for own in (self, type(self), self._place):
            for name, target in known:
                if target is own or (isinstance(target, str) and target == own):
                    return name
        return type(self).__name__

    @property
    def _place(self) -> str:
        return f"{type(self).__module__}:{type(self).__qualname__}"

    @property
    def identity(self) -> str:
        """A digest of everything that decides its answers: parameters, files, code, versions of libraries."""
        given = self.get_params()
        params = {name: _plain(given[name]) for name in given if name not in (*self.files, *self.changes_nothing)}
        files = {name: sha256_of(given[name]) for name in self.files if given[name] is not None}
        content = [self._place, params, files, code_of(type(self)), libraries_of(type(self))]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:DIGITS]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.get_params().items())})"


def _on_rgb(find: Any) -> Any:
    """Wrap `find` so that every detector gets a read-only RGB image, whatever came."""

    @wraps(find)
    def checked(self: Detector, image: np.ndarray) -> Any:
        if not is_image(image):
            raise refuse_image(image, self.label)
        return find(self, rgb(image))

    return checked


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist() if isinstance(value, (tuple, list, np.ndarray)) else value


def make_detector(name: str, **params: Any) -> Detector:
    """Return a detector from the registry.

    Parameters
    ----------
    name : str
        The registered name.
    **params
        Those of its class. What was registered is a class or a detector that is made already; the latter takes none.

    Raises
    ------
    UnknownNameError
        For a name that nobody registered.
    MethodError
        For a parameter that it does not have, or whose value is not allowed.
    """
    target = registry.resolve("detector", name)
    if isinstance(target, Detector) and not params:
        target.check_params()
        return target
    cls = type(target) if isinstance(target, Detector) else target
    if not (isinstance(cls, type) and issubclass(cls, Detector)):
        allowed = "a subclass of fldbench.Detector, or one of its detectors"
        raise MethodError(must_be(f"detector {name!r}", "what is registered", target, allowed))
    known = parameters_of(cls)
    for key in params:
        if key not in known:
            raise MethodError(f"detector {name!r} has no parameter {key!r}; {near_miss(key, known)}")
    given = target.get_params() if isinstance(target, Detector) else {}
    made = cls(**given | params)
    made.check_params()
    return made


def check_detector_name(name: str) -> None:
    """Raise UnknownNameError for a name that nobody registered; nothing is imported."""
    if name not in registry.table("detector"):
        raise UnknownNameError(registry.unknown("detector", name))


def tight_in_frame(boxes: np.ndarray, frame: Any) -> np.ndarray:
    """Return the boxes that lie at `frame`, (4,) in units of each box: (n, 4) px -> (n, 4) px.

    >>> tight_in_frame(np.array([[10.0, 20.0, 30.0, 60.0]]), (0.0, 0.5, 1.0, 1.25)).tolist()
    [[10.0, 40.0, 30.0, 70.0]]
    """
    return from_box_frame(np.asarray(frame, float).reshape(2, 2), boxes).reshape(-1, 4)


def whole_face(tight: np.ndarray, scheme: str) -> np.ndarray:
    """Return the tight boxes of ibug-68 for those of another scheme, (n, 4) px each: how large the faces are.

    >>> whole_face(np.array([[0.0, 0.0, 100.0, 100.0]]), "ibug-68").tolist()
    [[0.0, 0.0, 100.0, 100.0]]
    >>> box = np.array([[100.0, 100.0, 300.0, 300.0]])
    >>> whole_face(make_detector("yunet").tight_boxes(box, "mtfl-5"), "mtfl-5").round(6).tolist()
    [[100.0, 100.0, 300.0, 300.0]]
    """
    x0, y0, x1, y1 = _within_face(scheme)
    wide, high = x1 - x0, y1 - y0
    return tight_in_frame(tight, (-x0 / wide, -y0 / high, (1 - x0) / wide, (1 - y0) / high))


def _within_face(scheme: str) -> tuple[float, float, float, float]:
    """Return where the tight box of a scheme lies in that of ibug-68; the same place for one without a template."""
    if scheme in WITHIN:
        return WITHIN[scheme]
    own, face = get_scheme(scheme).template, get_scheme(FACE).template
    if scheme == FACE or own is None or face is None:
        return 0.0, 0.0, 1.0, 1.0
    x0, y0, x1, y1 = to_box_frame(tight_box(own).reshape(1, 2, 2), tight_box(face)[None]).reshape(-1).tolist()
    return x0, y0, x1, y1


class Fit(NamedTuple):
    """How tight boxes lie in the frame of a detector's boxes.

    Attributes
    ----------
    frame : tuple of float
        x0, y0, x1, y1: the medians.
    spread : tuple of float
        1.4826 times the median absolute deviation of each, the standard deviation of a normal distribution.
    n : int
        Pairs of boxes.
    """

    frame: tuple[float, ...]
    spread: tuple[float, ...]
    n: int


def fit_frame(boxes: np.ndarray, tight: np.ndarray) -> Fit:
    """Return where tight boxes lie in the frame of a detector's boxes: the median of each edge, and its spread.

    Least absolute deviations of a constant in the frame of the box, so that it does not depend on the size or the place
    of a face, and a few wrong pairs do not matter.

    Parameters
    ----------
    boxes, tight : ndarray of shape (n, 4)
        px; row i of both is the same face.

    Raises
    ------
    DataError
        For fewer than two pairs.

    >>> boxes = np.array([[0.0, 0.0, 10.0, 10.0], [5.0, 5.0, 25.0, 25.0], [0.0, 0.0, 4.0, 4.0]])
    >>> fit_frame(boxes, np.array([[1.0, 2.0, 9.0, 11.0], [7.0, 9.0, 23.0, 27.0], [0.0, 0.0, 4.0, 4.0]])).frame
    (0.1, 0.2, 0.9, 1.1)
    """
    boxes, tight = check_boxes(boxes), check_boxes(tight)
    if len(boxes) < 2 or len(boxes) != len(tight):
        raise DataError(must_be("fit_frame", "the number of pairs", (len(boxes), len(tight)), "two or more"))
    unit = to_box_frame(tight.reshape(-1, 2, 2), boxes).reshape(-1, 4)
    frame = np.median(unit, axis=0)
    spread = 1.4826 * np.median(np.abs(unit - frame), axis=0)
    return Fit(tuple(frame.round(4).tolist()), tuple(spread.round(4).tolist()), len(boxes))


def off_by(boxes: np.ndarray, tight: np.ndarray) -> np.ndarray:
    """Return by what boxes miss tight ones, (n, 4): steps of the centre in sides of the tight box, log of the sides.

    >>> off_by(np.array([[1.0, 0.0, 3.0, 4.0]]), np.array([[0.0, 0.0, 2.0, 4.0]])).tolist()
    [[0.5, 0.0, 0.0, 0.0]]
    """
    size, true = box_size(boxes), box_size(tight)
    step = (np.asarray(boxes)[:, :2] + size / 2 - np.asarray(tight)[:, :2] - true / 2) / true
    return np.concatenate([step, np.log(size / true)], axis=1)
