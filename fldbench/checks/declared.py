"""Checks of the declarations on a method's class: each one holds, and no capability is undeclared."""

from __future__ import annotations

import importlib
import inspect
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.checks.common import Skipped, raises
from fldbench.checks.subject import FEW, Maker, predict
from fldbench.errors import DataError, FldbenchError, MethodError, MissingDependencyError
from fldbench.faces import FaceSet
from fldbench.method import Method
from fldbench.params import Rule, parameters_of
from fldbench.progress import listening

SAME = 0.01  # px, between answers that may differ by rounding
MOVED = 1.0  # px, by which answers must move when the start shapes move by a tenth of the box
CAPABILITIES = {  # declaration -> the parameter that belongs to it, and the calls that take it
    "weighs_faces": ("sample_weight", ("fit",)),
    "refines": ("start_shapes", ("fit", "predict")),
    "keeps_training": ("folder", ("fit",)),
}
VALUES = (1, 2, None, True, False, 0.5)  # tried for a parameter that changes nothing
EXPORTER = "fldbench.cnn.export:export_onnx"  # by its name, as plug-ins are found


def check_declarations(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Its declarations have the right types and name parameters that it has."""
    method = make()
    known = method.get_params()
    for what in ("tasks", "of_tasks", "files", "changes_nothing", "trained_on"):
        value = getattr(method, what)
        kinds = (tuple, list) if what in known else tuple  # a suite gives a list as a parameter
        assert isinstance(value, kinds) and all(isinstance(name, str) for name in value), f"{what} is {value!r}"
    assert "landmarks" in method.tasks, f"tasks is {method.tasks!r}, without 'landmarks'"
    for what in ("weighs_faces", "validates", "uses_boxes", "refines", "keeps_training", "exports", "learns"):
        assert isinstance(getattr(method, what), bool), f"{what} is {getattr(method, what)!r}, not True or False"
    fixed = {name for base in type(method).__mro__ for name in vars(base)}
    for what in ("of_tasks", "files", "changes_nothing", "rules", "refiner_params"):
        # A family may fix a parameter of its base on the class; the rule of the base still names it.
        allowed = known.keys() | fixed if what == "rules" else known
        unknown = [name for name in getattr(method, what) if name not in allowed]
        assert not unknown, f"{what} names {', '.join(unknown)}, not a parameter of its own"
    for name, rule in method.rules.items():
        assert isinstance(rule, Rule), f"rules[{name!r}] is {rule!r}, not a Rule"
    assert method.refines or not method.refiner_params, "it declares refiner_params, but not refines = True"
    assert isinstance(method.device_, str) and method.device_, f"device_ is {method.device_!r}"


def check_undeclared(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The arguments of fit and predict match its declarations."""
    make.trained(train)
    method = make()
    for declaration, (parameter, calls) in CAPABILITIES.items():
        named = [parameter in _arguments(getattr(method, call)) for call in calls]
        if getattr(method, declaration):
            assert _takes(method, declaration), f"it declares {declaration}, but {calls[0]} takes no {parameter}"
        else:
            assert not any(named), f"{calls[0]} takes {parameter}; declare {declaration} = True"
    paths = [name for name, value in method.get_params().items() if isinstance(value, str) and Path(value).is_file()]
    secret = [name for name in paths if name not in (*method.files, *method.changes_nothing)]
    assert not secret, f"{secret[0]} is the path of a file; declare files = ({secret[0]!r},)"


def check_rules(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """fit refuses an impossible value of a parameter with the message of `check_params`."""
    make.trained(train)
    method = make()
    defaults = parameters_of(type(method))
    checked = [n for n in defaults if n in method.rules or isinstance(defaults[n], (str, int, float))]
    if not checked:
        raise Skipped("it has no parameter with a rule or a kind")
    for name in checked:
        text = raises(MethodError, partial(make.fit, train[:FEW], **{name: object()}), f"an object as {name}")
        assert f"{name} is " in text and "; must be " in text, f"{name}: the error is {text!r}"


def check_sample_weight(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Faces of weight 0 teach nothing, weights of 1 change nothing, and impossible weights are refused."""
    _declares(make, train, "weighs_faces")
    few = train[:FEW]

    def weighted(faces: FaceSet, weight: np.ndarray) -> np.ndarray:
        method: Any = make()  # its `fit` takes more than that of every method, here and below
        method.fit(faces, sample_weight=weight)
        return predict(method, test)

    half = np.tile([1.0, 0.0], FEW // 2)
    wrong = few.landmarks.copy()
    wrong[1::2] += 0.3 * (few.boxes[1::2, 2:] - few.boxes[1::2, :2])[:, None]
    moved = replace(few, landmarks=wrong, visible=np.isfinite(wrong).all(axis=-1))
    off = np.abs(weighted(few, half) - weighted(moved, half)).max()
    assert off <= SAME, f"faces of weight 0 move the answers by {off:.3g} px"
    off = np.abs(weighted(few, np.ones(FEW)) - make.observed(train, test).answers).max()
    assert off <= SAME, f"weights of 1 move the answers by {off:.3g} px"
    for bad in (np.ones(FEW - 1), -np.ones(FEW), np.full(FEW, np.nan)):
        raises(DataError, partial(weighted, few, bad), f"sample_weight of shape {bad.shape}, first {bad[0]}")


def check_validation_set(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """fit takes a validation set as its second argument, and looks at it if it declares `validates`."""
    make.trained(train)
    method = make()
    seen: set[str] = set()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        method.fit(train[:FEW], _watched(train[FEW : 2 * FEW], seen))
    ignored = any("does not use a validation set" in str(warning.message) for warning in said)
    assert method.validates or ignored, "it accepts `val` silently and does not declare `validates`"
    assert seen or not method.validates, "it declares `validates`, but fit never looks at `val`"
    assert predict(method, test).shape == (len(test), 68, 2)


def check_refines(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """It begins from the given start shapes, and elsewhere if they are NaN."""
    _declares(make, train, "refines")
    few, rng = train[:FEW], np.random.default_rng(0)
    starts = few.landmarks + rng.normal(0, 2, (FEW, 1, 2))
    starts[1] = np.nan
    known = make().get_params()
    method: Any = make(**{name: value for name, value in make().refiner_params.items() if name in known})
    method.fit(few, start_shapes=starts)

    def refined(shapes: np.ndarray) -> np.ndarray:
        return np.asarray(method.predict(list(test.images), test.boxes.copy(), start_shapes=shapes))

    step = (test.boxes[:, 2:] - test.boxes[:, :2])[:, None] / 10
    near = test.landmarks.copy()
    answers = refined(near)
    assert np.array_equal(near, test.landmarks), "it changes the start shapes"
    off = np.abs(answers - refined(near + step)).max()
    assert off >= MOVED, f"other start shapes move the answers by {off:.3g} px only"
    near[0] = np.nan
    assert np.isfinite(refined(near)).all(), "a missing start shape spoils the answer"
    raises(FldbenchError, lambda: refined(near[:, :5]), "start shapes of five points")
    unfitted: Any = make()
    raises(FldbenchError, lambda: unfitted.fit(few, start_shapes=starts[:3]), "too few start shapes")


def check_keeps_training(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """fit writes its curves into the folder; an interrupted fit continues there and gives the same method."""
    _declares(make, train, "keeps_training")
    expected, steps = make.observed(train, test).answers, make.observed(train, test).steps
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "training"
        folder.mkdir()
        method: Any = make()
        method.fit(train[:FEW], folder=folder)
        assert any(folder.iterdir()), "the folder is empty afterwards"
        off = np.abs(predict(method, test) - expected).max()
        assert off <= SAME, f"with a folder the answers are off by {off:.3g} px"
    with tempfile.TemporaryDirectory() as name:
        method = make()
        try:
            with listening(_interruption(len(steps) // 2)):
                method.fit(train[:FEW], folder=Path(name))
        except _Interrupted:
            pass
        method = make()
        method.fit(train[:FEW], folder=Path(name))
        off = np.abs(predict(method, test) - expected).max()
        assert off <= SAME, f"after an interruption the answers are off by {off:.3g} px"


def check_files(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """An absent file is refused with an error that names it."""
    make.trained(train)
    names = [name for name in make().files if name in make().get_params()]
    if not names:
        raise Skipped("it declares no files")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "absent.bin")
        for name in names:
            text = raises(FldbenchError, partial(make.fit, train[:FEW], **{name: path}), f"an absent {name}")
            assert "absent.bin" in text, f"{name}: the error does not name the file: {text}"


def check_changes_nothing(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The parameters in `changes_nothing` do not change what it learns."""
    make.trained(train)
    names = [name for name in make().changes_nothing if name in make().get_params()]
    if not names:
        raise Skipped("it declares no parameter that changes nothing")
    for name in names:
        answers = []
        for value in [value for value in VALUES if _allowed(make, name, value)][:2]:
            method = make.fit(train, **{name: value})
            setattr(method, name, make().get_params()[name])  # the fit alone is compared
            answers.append(predict(method, test))
        for answer in answers[1:]:
            off = np.abs(answer - answers[0]).max()
            assert off <= SAME, f"another {name} moves the answers by {off:.3g} px"


def check_members(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Members that were fitted separately give the same method as its own fit."""
    fitted, assembled = make.trained(train), make()
    alone = assembled.members_alone
    if not alone:
        raise Skipped("it has no members that could be fitted separately")
    for member in alone.values():
        member.fit(train)
    assembled.assemble(list(alone.values()), train)
    off = np.abs(predict(assembled, test) - predict(fitted, test)).max()
    assert off <= SAME, f"assembled from its members, its answers are off by {off:.3g} px"


def check_exports(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """`fldbench export` can write it."""
    fitted = make.trained(train)
    if not fitted.exports:
        raise Skipped("it declares no exports")
    module, _, function = EXPORTER.partition(":")
    export = getattr(importlib.import_module(module), function)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = export(fitted, Path(folder) / "network.onnx")
        except MissingDependencyError as error:
            raise Skipped(str(error)) from error
        assert Path(path).stat().st_size, "the file is empty"


class _Interrupted(Exception):
    """Raised to interrupt a fit from inside."""


def _interruption(after: int) -> Callable[[str, int, int], None]:
    """Return a listener that interrupts the fit after a number of progress reports."""
    heard: list[str] = []

    def listen(what: str, done: int, total: int) -> None:
        heard.append(what)
        if len(heard) > after:
            raise _Interrupted

    return listen


def _declares(make: Maker, train: FaceSet, declaration: str) -> None:
    """Skip the check if the declaration is absent, or cannot be tried; `check_undeclared` reports the latter."""
    make.trained(train)
    method = make()
    if not getattr(method, declaration):
        raise Skipped(f"it does not declare {declaration}")
    if not _takes(method, declaration):
        raise Skipped(f"it takes no {CAPABILITIES[declaration][0]}")


def _takes(method: Method, declaration: str) -> bool:
    """Return whether all calls have the parameter of a declaration, or accept any parameter."""
    parameter, calls = CAPABILITIES[declaration]
    arguments = [_arguments(getattr(method, call)) for call in calls]
    return all(
        parameter in each or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in each.values()) for each in arguments
    )


def _arguments(call: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(call).parameters


def _allowed(make: Maker, name: str, value: Any) -> bool:
    try:
        make(**{name: value}).check_params()
    except FldbenchError:
        return False
    return True


def _watched(faces: FaceSet, seen: set[str]) -> FaceSet:
    """Return the same faces in a set that records access to its images or landmarks."""

    class Watched(FaceSet):
        def __getattribute__(self, name: str) -> Any:
            if name in ("images", "landmarks") and object.__getattribute__(self, "__dict__").get("open"):
                seen.add(name)
            return super().__getattribute__(name)

    watched = object.__new__(Watched)
    vars(watched).update(vars(faces), open=True)
    return watched


CHECKS = (
    check_declarations,
    check_undeclared,
    check_rules,
    check_sample_weight,
    check_validation_set,
    check_refines,
    check_keeps_training,
    check_files,
    check_changes_nothing,
    check_members,
    check_exports,
)
