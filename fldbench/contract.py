"""What the base class does around `fit` and `predict` of every method: checks, read-only views, whole or not at all."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any

import numpy as np

from fldbench.errors import DataError, FldbenchError, MethodError, must_be, raised_at, text_of
from fldbench.faces import FaceSet, facts_of
from fldbench.faces.facts import ENOUGH
from fldbench.faces.given import given_faces, given_shapes
from fldbench.params import LANDMARKS, check_training_faces

PREDICTS = (
    "predict",
    "predict_attributes",
    "predict_confidence",
    "confidence_of_points",
)  # calls that take images and boxes
OF_FACES = ("sample_weight", "start_shapes")  # arguments of `fit` with a row for each face
LOCKED = ("read-only", "readonly", "WRITEABLE")  # in the errors of whoever writes into a read-only array

_asked: ContextVar[bool] = ContextVar("fldbench_asked", default=False)  # inside of a method that asks its members


def whole_or_not_at_all(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fit`: what it is given is checked, and a failure restores the method's attributes, so that an old model
    never contains half of a new one."""

    @wraps(fit)
    def whole(self: Any, train: FaceSet, val: FaceSet | None = None, *args: Any, **more: Any) -> Any:
        before = dict(vars(self))
        if val is not None and not self.validates:
            warnings.warn(f"{self.label} does not use a validation set; `val` changes nothing", stacklevel=2)
            val = None
        try:
            if not isinstance(train, FaceSet):
                allowed = "a FaceSet, as fldbench.load_dataset returns it"
                raise DataError(must_be(self.label, "train", type(train).__name__, allowed))
            if self.learns:
                self.check_params()
                check_training_faces(train)
            shown = train
            if tuple(self.tasks) == (LANDMARKS,):
                shown, more = _with_landmarks(train, more)
                val = None if val is None else _with_landmarks(val, {})[0]
            fitted = fit(self, shown, *((val, *args) if args or val is not None else ()), **more)
            self._fitted_on, self._boxes_seen = facts_of(train), []
            return fitted
        except BaseException as error:
            vars(self).clear()
            vars(self).update(before)
            _refuse_writing(self, error)
            raise

    return whole


def _with_landmarks(faces: FaceSet, more: dict[str, Any]) -> tuple[FaceSet, dict[str, Any]]:
    """Return the faces without those that have attributes and no landmarks, and the arguments of these faces likewise.

    They teach a method of landmarks nothing.
    """
    there = np.isfinite(faces.landmarks).all(axis=-1).any(axis=-1)
    if there.all():
        return faces, more
    rows = {name: value for name, value in more.items() if name in OF_FACES and np.shape(value)[:1] == (len(faces),)}
    return faces[there], more | {name: np.asarray(value)[there] for name, value in rows.items()}


def on_checked_faces(predict: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a call that takes images and boxes so that they are checked, the same for all methods, and read-only."""

    @wraps(predict)
    def checked(self: Any, images: Sequence[np.ndarray], boxes: np.ndarray, *args: Any, **more: Any) -> Any:
        images, boxes = given_faces(images, boxes)
        if not _asked.get():  # a member is asked in boxes that its method has made, or has warned of
            _warn_of_other_boxes(self, boxes)
        if "start_shapes" in more:
            more["start_shapes"] = given_shapes(more["start_shapes"], len(boxes))
        inside = _asked.set(True)
        try:
            return predict(self, images, boxes, *args, **more)
        except Exception as error:
            lacks = isinstance(error, AttributeError) and error.obj is self and str(error.name).endswith("_")
            if lacks and not self.learned():
                raise MethodError(f"{self.label} has not been fitted; call fit first, or load a model") from error
            _refuse_writing(self, error)
            raise
        finally:
            _asked.reset(inside)

    return checked


def _warn_of_other_boxes(method: Any, boxes: np.ndarray) -> None:
    """Warn, once for each model, of boxes unlike those that it was fitted on; a single call may be too few to tell."""
    facts, seen = method.fitted_on, method._boxes_seen
    if facts is None or seen is None or not method.uses_boxes:
        return
    if len(boxes) < ENOUGH:
        method._boxes_seen = seen = [*seen, *boxes.tolist()]
        if len(seen) < ENOUGH:
            return
        method._boxes_seen, boxes = [], np.array(seen)
    unlike = facts.unlike(boxes)
    if unlike:
        method._boxes_seen = None
        low, high = facts.box_shape
        warnings.warn(
            f"{method.label} was fitted on {facts}, width over height {low:.2f} to {high:.2f}; the boxes given now "
            f"come from elsewhere: {unlike}. Its errors grow; fit it on boxes like these, or give boxes like those",
            stacklevel=3,
        )


def _refuse_writing(method: Any, error: BaseException) -> None:
    """Raise MethodError if `error` comes from writing into what a method was given; it names the line that did it."""
    if isinstance(error, FldbenchError) or not any(word in text_of(error) for word in LOCKED):
        return
    text = text_of(error)
    raise MethodError(
        f"{method.label} tried to change what it was given, which others use too ({raised_at(error)}: {text}); "
        "let it work on a copy, such as boxes = boxes.copy()"
    ) from error
