"""Checks of a method's parameters, its training, and its saved models."""

from __future__ import annotations

import copy
import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.checks.common import Skipped, raises, should
from fldbench.checks.subject import FEW, Maker, predict
from fldbench.errors import FldbenchError, MethodError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.faces.frame import image_frames
from fldbench.method import load_method
from fldbench.params import parameters_of
from fldbench.schemes import map_landmarks

WORSE = 1.5  # of the mean shape's error: so few faces may not be enough for a network
SAME = 0.01  # px, between answers that may differ by rounding


def check_fits(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """fit learns from 48 faces, returns the method itself, and what it learned ends in an underscore."""
    make.trained(train)
    seen = make.observed(train, test)
    assert seen.returned is seen.method, "fit returned something else"
    assert seen.method.learned(), "nothing was learned: no attribute ends in an underscore"


def check_constructor(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The constructor only stores its arguments, of any kind, and get_params returns them."""
    cls = type(make())
    given = {name: object() for name in parameters_of(cls)}
    method = cls(**given)
    assert method.get_params().keys() == given.keys(), f"get_params names {', '.join(method.get_params())}"
    changed = [name for name, value in method.get_params().items() if value is not given[name]]
    assert not changed, f"stored changed: {', '.join(changed)}"
    more = vars(method).keys() - given.keys()
    assert not more, f"it made more than its parameters: {', '.join(sorted(more))}"


def check_parameters(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """fit does not change the parameters, so that they make the same method again."""
    seen = make.observed(train, test)
    assert not seen.params, f"fit changed {', '.join(seen.params)}"
    assert repr(type(seen.method)(**seen.method.get_params())) == repr(seen.method)


def check_unfitted(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Before fit, predict and save raise MethodError."""
    if not make().learns:
        raise Skipped("it is ready without a fit")
    raises(MethodError, lambda: predict(make(), test), "predict before fit")
    with tempfile.TemporaryDirectory() as folder:
        raises(MethodError, lambda: make().save(Path(folder) / "m"), "save before fit")


@should
def check_learns(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """After 48 faces its error is at most 1.5 times that of the mean shape in the box, or in the image if it is what
    the method sees."""
    fitted = make.trained(train)
    seen = [f if fitted.uses_boxes else f.with_boxes(image_frames(f.images)) for f in (train, test)]
    floor = _error(predict(Maker("mean-shape").fit(seen[0]), seen[1]), test)
    found = _error(predict(fitted, test), test)
    assert found <= WORSE * floor, f"off by {found:.3f} of the box, the mean shape by {floor:.3f}"


def check_training_set_unchanged(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """fit changes nothing in the training set."""
    changed = make.observed(train, test).columns
    assert not changed, f"changed: {', '.join(changed)}"


def check_saved_and_loaded(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Saved and loaded, it predicts the same and has the same parameters; the file contains no pickle."""
    fitted = make.trained(train)
    with tempfile.TemporaryDirectory() as folder:
        again = load_method(fitted.save(Path(folder) / "m.safetensors"))
        assert np.array_equal(predict(again, test), predict(fitted, test), equal_nan=True), "other answers"
    before, after = (json.loads(json.dumps(one.get_params())) for one in (fitted, again))  # JSON has no tuples
    assert after == before, f"other parameters: {again.get_params()}"
    counts = again.n_parameters, fitted.n_parameters
    assert counts[0] == counts[1] and (counts[1] > 0 or not fitted.learns), f"{counts[0]} of {counts[1]} parameters"
    for name, value in fitted.learned().items():
        raw = value.tobytes() if isinstance(value, np.ndarray) and value.dtype.itemsize == 1 else b""
        assert not (raw[:1] == b"\x80" and raw[1:2] <= b"\x05" and raw[-1:] == b"."), f"{name} is a pickle"
        assert not (raw[:2] == b"PK" and b"data.pkl" in raw), f"{name} is an archive with a pickle in it"


def check_copy(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """A deep copy predicts the same, so that copies can be sent to other processes."""
    fitted = make.trained(train)
    assert np.array_equal(predict(copy.deepcopy(fitted), test), predict(fitted, test), equal_nan=True)


def check_repeatable(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The same faces and parameters give the same method for any state of the global random generators."""
    expected = make.observed(train, test).answers
    state = np.random.get_state(), random.getstate()
    try:
        np.random.seed(1)
        random.seed(1)
        answer = predict(make.fit(train[:FEW]), test)
    finally:
        np.random.set_state(state[0])
        random.setstate(state[1])
    assert np.array_equal(answer, expected, equal_nan=True), f"off by {np.nanmax(np.abs(answer - expected)):.3g} px"


def check_random_state(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Another random_state is accepted, and gives the same method each time."""
    if not make.accepts("random_state"):
        raise Skipped("it has no parameter random_state")
    first, again = (predict(make.fit(train[:FEW], random_state=7), test) for _ in range(2))
    assert np.array_equal(first, again, equal_nan=True)


def check_global_state(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """fit and predict do not change the global random generators of numpy and Python."""
    moved = make.observed(train, test).generators
    assert not moved, f"{' and '.join(moved)} moved"


def check_fitted_again(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """A second fit forgets the first one."""
    method = make.fit(train[FEW : 2 * FEW])
    method.fit(train[:FEW])
    assert np.array_equal(predict(method, test), make.observed(train, test).answers, equal_nan=True)


def check_threads(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The number of threads does not change the answers of a fitted method, and an impossible one is refused."""
    if not make.accepts("threads"):
        raise Skipped("it has no parameter threads")
    answers = []
    for threads in (1, 2):
        method: Any = copy.copy(make.trained(train))
        method.threads = threads
        answers.append(predict(method, test))
    off = np.abs(answers[0] - answers[1]).max()
    assert off <= SAME, f"off by {off:.3g} px with two threads"
    raises(FldbenchError, lambda: predict(make.fit(train[:FEW], threads=0), test), "threads=0")


def check_progress(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Steps reported from inside fit are named, counted from 0 upwards, and never more than there are."""
    steps = make.observed(train, test).steps
    if not steps:
        raise Skipped("it reports no progress")
    last: dict[str, int] = {}
    for what, done, total in steps:
        assert isinstance(what, str) and what.strip(), "a step without a name"
        assert 0 <= done <= total, f"{what}: {done} of {total} done"
        assert done == 0 or done >= last.get(what, 0), f"{what}: {done} done after {last[what]}"
        last[what] = done


def check_missing_points(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Points that are not annotated do not stop the training or spoil its predictions."""
    landmarks = train.landmarks[:FEW].copy()
    landmarks[::3, 10] = np.nan
    landmarks[1, 20:40] = np.nan
    make.trained(train)
    answer = predict(make.fit(_with_landmarks(train[:FEW], landmarks)), test)
    assert np.isfinite(answer).all()


@should
def check_one_face(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """One training face is enough, or the error says why it is not."""
    _works_or_says_why(make, train[:1], test)


@should
def check_same_faces(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Training faces that are all the same are enough, or the error says why they are not."""
    rows = [0] * 6
    same = FaceSet(
        ids=np.array([f"same-{i}" for i in range(6)]),
        images=ImageArrays([train.images[0]] * 6),
        boxes=train.boxes[rows],
        landmarks=train.landmarks[rows],
        scheme=train.scheme,
        attributes={name: column[rows] for name, column in train.attributes.items()},
    )
    _works_or_says_why(make, same, test)


@should
def check_any_scheme(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Any landmark scheme can be learned, here one of five points."""
    five = map_landmarks(train.landmarks[:FEW], "ibug-68", "mtfl-5")
    small = replace(train[:FEW], landmarks=five, visible=np.isfinite(five).all(axis=-1), scheme="mtfl-5")
    try:
        method = make.fit(small)
    except MethodError as error:
        raise Skipped(f"it refuses mtfl-5: {error}") from error
    assert predict(method, test).shape == (len(test), 5, 2)


def _with_landmarks(faces: FaceSet, landmarks: np.ndarray) -> FaceSet:
    return replace(faces, landmarks=landmarks, visible=np.isfinite(landmarks).all(axis=-1))


def _works_or_says_why(make: Maker, train: FaceSet, test: FaceSet) -> None:
    try:
        method = make.fit(train)
    except FldbenchError as error:
        assert "face" in str(error), f"the error does not speak of faces: {error}"
    else:
        assert np.isfinite(predict(method, test)).all(), "its answers are not all numbers"


def _error(answer: np.ndarray, faces: FaceSet) -> float:
    """Return the mean distance in diagonals of the box; a missed face counts as one diagonal."""
    diagonal = np.linalg.norm(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1)
    distance = np.linalg.norm(answer - faces.landmarks, axis=2).mean(axis=1) / diagonal
    return float(np.where(np.isfinite(distance), distance, 1.0).mean())


CHECKS = (
    check_fits,
    check_constructor,
    check_parameters,
    check_unfitted,
    check_learns,
    check_training_set_unchanged,
    check_saved_and_loaded,
    check_copy,
    check_repeatable,
    check_random_state,
    check_global_state,
    check_fitted_again,
    check_threads,
    check_progress,
    check_missing_points,
    check_one_face,
    check_same_faces,
    check_any_scheme,
)
