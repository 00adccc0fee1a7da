"""Method: the contract of every landmark method; saving and loading without pickle."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fldbench import registry
from fldbench.builtin import model_path
from fldbench.compact import compacted
from fldbench.contract import PREDICTS, on_checked_faces, whole_or_not_at_all
from fldbench.errors import (
    DataError,
    FldbenchError,
    MethodError,
    MissingDependencyError,
    UnknownNameError,
    must_be,
    near_miss,
    shown,
)
from fldbench.faces import FaceFacts, FaceSet
from fldbench.files import written_whole
from fldbench.found import OnPhotos
from fldbench.geometry import check_boxes, usable_boxes
from fldbench.model_file import COMPACT, WHOLE, check_names, read_model
from fldbench.params import Rule, check_rules, parameters_of
from fldbench.schemes import content_of, remember


class Method(OnPhotos):
    """Base of every landmark method; scikit-learn's rules.

    `__init__` only stores its arguments under their own names. `fit` learns, and what it learns ends in `_`.
    `predict` takes n RGB uint8 images of any sizes and their boxes (n, 4) px, and returns (n, L, 2) px in each image's
    own frame. Row i belongs to image i and does not depend on the other images; a face that the method misses is a row
    of NaN.
    What is passed in is read-only; predict sees no truth; randomness comes from the parameter `random_state` alone.

    The base class checks, for every method, what `fit` and `predict` are given, and passes images as RGB, (h, w, 3),
    also if they came grey or with an alpha channel (`fldbench.contract`).

    `fit` may cut a validation part from `train` (`train.split`). A `val` that is passed in is used by methods that
    declare `validates`; others say that they do not use it. A fit that fails or is interrupted leaves the method as it
    was before; the base class ensures that.

    Learned values that are arrays, numbers, strings or plain lists of them are saved by the base class. A method that
    learns anything else (a network, a library's own file) overrides `learned` and `restore`.

    Everything that fldbench asks of a method beyond `fit` and `predict` is declared on the class; `fldbench check`
    compares the declarations with what the method does.

    Attributes
    ----------
    version : int
        Raised when a change of the code changes the numbers.
    tasks : tuple of str
        What it predicts: "landmarks", and the attributes that `predict_attributes` answers. A method with a choice
        has a parameter of this name instead.
    of_tasks : tuple of str
        Parameters that count only beside attributes, such as weights of the tasks; an ablation leaves them out where
        landmarks are the only task.
    rules : mapping of str to Rule
        What its parameters may be, checked by `check_params`; parameters without a rule are checked by the kind of
        their default.
    files : tuple of str
        Parameters that are paths of files. The content of the files decides the numbers, so it is part of every key.
    changes_nothing : tuple of str
        Parameters that never change the numbers, such as threads; no part of any key.
    weighs_faces : bool
        `fit` takes `sample_weight`, (n,) how much each face counts.
    validates : bool
        `fit` uses `val`.
    uses_boxes : bool
        `predict` looks at the boxes. False for a method of whole images, for images of one face each.
    refines : bool
        `fit` and `predict` take `start_shapes`, (n, L, 2) px, and begin from them; a NaN row means no start shape.
    refiner_params : mapping
        Parameters that suit it where it refines the answers of another method.
    keeps_training : bool
        `fit` takes `folder`: it resumes there from a checkpoint, and leaves its curves.
    gives_confidence : bool
        `predict_confidence` says how sure it is of each face.
    exports : bool
        It is a network that `fldbench export` can write.
    trained_on : tuple of str
        Splits whose faces the weights that it ships with or reads have seen, or may have seen, before any `fit`: each
        "DATASET-SPLIT", as `FaceSet.label` writes it, such as "300w-train". A result on one of them is no fair test.
    learns : bool
        `fit` learns, and must come before `predict`. False for a model that is ready as it is.
    remark : str
        Said beside its name in tables.
    device_ : str
        Where it was fitted.
    classes_ : dict of str to list of str
        Attribute that it answers -> the names of its classes, which `fit` takes from the training faces.
    fitted_on : FaceFacts or None
        What it was fitted on, noted by the base class and kept in a saved model; None before `fit`, and for models that
        an earlier version saved.
    """

    version: ClassVar[int] = 1
    tasks: Sequence[str] = ("landmarks",)
    of_tasks: ClassVar[tuple[str, ...]] = ()
    rules: ClassVar[Mapping[str, Rule]] = {}
    files: ClassVar[tuple[str, ...]] = ()
    changes_nothing: ClassVar[tuple[str, ...]] = ()
    weighs_faces: ClassVar[bool] = False
    validates: ClassVar[bool] = False
    uses_boxes: ClassVar[bool] = True
    refines: ClassVar[bool] = False
    refiner_params: ClassVar[Mapping[str, Any]] = {}
    keeps_training: ClassVar[bool] = False
    gives_confidence: ClassVar[bool] = False
    exports: ClassVar[bool] = False
    trained_on: ClassVar[tuple[str, ...]] = ()
    learns: ClassVar[bool] = True
    remark: ClassVar[str] = ""
    device_: str = "cpu"
    classes_: dict[str, list[str]]  # without a default, so that a method that was not fitted says so
    _fitted_on: FaceFacts | None = None
    _boxes_seen: list[list[float]] | None = []  # replaced, never changed; None once it has warned

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "fit" in vars(cls):
            cls.fit = whole_or_not_at_all(cls.fit)  # type: ignore[method-assign]  # wrapped once, on purpose
        for name in PREDICTS:
            if name in vars(cls):
                setattr(cls, name, on_checked_faces(vars(cls)[name]))

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Method:
        """Learn from faces with boxes and landmarks in px, NaN where a point is not annotated; return the method."""
        raise NotImplementedError

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images and their boxes (n, 4) px; NaN rows for missed faces.

        Parameters
        ----------
        images : sequence of ndarray
            uint8, (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey, of any sizes. One face is `predict([image], [box])`.
        boxes : array-like
            One for each image: x0, y0, x1, y1 in its px.

        Raises
        ------
        DataError, MethodError
            For an image or a box that cannot be used, which it names; before `fit`.
        """
        raise NotImplementedError

    def predict_attributes(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> dict[str, np.ndarray]:
        """Return the probabilities of each attribute in `tasks`: name -> (n, k), rows that sum to 1.

        The k classes are those of the training faces' `attribute_types`, in the order of their codes. A face that the
        method cannot answer is a row of NaN. A method without attributes returns an empty dict.

        Parameters
        ----------
        images, boxes
            As for `predict`.

        Raises
        ------
        DataError, MethodError
            As `predict`.
        """
        return {}

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return how sure it is of the landmarks of each face, (n,): larger is surer, in any unit; NaN where it missed.

        `images` and `boxes` as for `predict`. Raises MethodError for methods that do not declare `gives_confidence`.
        """
        raise MethodError(f"{self.label} does not say how sure it is; methods that do declare gives_confidence")

    @property
    def fitted_on(self) -> FaceFacts | None:
        """What it was fitted on."""
        return self._fitted_on

    def get_params(self) -> dict[str, Any]:
        """The constructor's arguments by name, as they are now."""
        return {name: getattr(self, name) for name in parameters_of(type(self))}

    def key_params(self) -> dict[str, Any]:
        """The parameters that can change a number: part of the key of every result."""
        return {name: value for name, value in self.get_params().items() if name not in self.changes_nothing}

    @property
    def members(self) -> list[Method]:
        """The methods that this one consists of; their code can change its numbers too. Usually empty."""
        return []

    @property
    def members_alone(self) -> dict[str, Method]:
        """Registered name -> unfitted member, of a method whose `fit` begins by fitting its members on the same faces.
        A run that has fitted all of them passes them to `assemble` instead."""
        return {}

    def assemble(self, members: Sequence[Method], train: FaceSet) -> None:
        """Take fitted members, in the order of `members_alone`, and learn from the faces what is left to learn."""
        raise MethodError(f"{self.label} has no members that could be fitted separately; call fit")

    @property
    def label(self) -> str:
        """The registered name, or that of the class without one; for messages."""
        try:
            return registry.method_name(type(self))
        except UnknownNameError:
            return type(self).__name__

    def check_params(self) -> None:
        """Check the parameters by `rules`; a method whose parameters depend on each other extends it.

        Raises
        ------
        MethodError
            `{label}: {name} is {value}; must be {allowed}`.
        """
        check_rules(self.label, self.get_params(), self.rules, parameters_of(type(self)))

    def learned(self) -> dict[str, Any]:
        """Everything that `fit` learned: name -> array or JSON value."""
        return {name: value for name, value in vars(self).items() if name.endswith("_") and not name.startswith("_")}

    def restore(self, learned: dict[str, Any]) -> None:
        """Takes back what `learned` gave. A method whose code could not bear any value there checks them first.

        Raises DataError for a name that `fit` cannot have learned.
        """
        check_names(self.label, type(self), learned)
        for name, value in learned.items():
            setattr(self, name, value)

    @property
    def n_parameters(self) -> int:
        """How many numbers were learned."""
        return sum(value.size for value in self.learned().values() if isinstance(value, np.ndarray))

    @property
    def multiply_adds(self) -> int | None:
        """Multiplications with an addition that one face costs; None for a method that does not count them."""
        return None

    def save(self, path: str | Path, weights: str = "float32") -> Path:
        """Writes one safetensors file: the arrays, and as its metadata a JSON header with method, params and the rest.

        Parameters
        ----------
        path : str or Path
        weights : {"float32", "float16", "int8"}
            How learned numbers of single precision are stored: as they are, or in 16 or 8 bits each, which makes a
            smaller file of a model that answers a little differently; see `fldbench.compact`. They are float32 again
            when it is loaded.

        Raises
        ------
        MethodError
            When nothing was learned, when something learned fits neither arrays nor JSON, or not into `weights`.
        StoreError
            When the file cannot be written.
        """
        from safetensors.numpy import save

        learned = self.learned()
        if not learned:
            raise MethodError(f"{type(self).__name__} has not been fitted; call fit first")
        # Not ascontiguousarray, which adds an axis to a single number.
        arrays = {key: np.require(v, requirements="C") for key, v in learned.items() if isinstance(v, np.ndarray)}
        stored, compact = compacted(type(self).__name__, arrays, weights)
        header = {
            "format": COMPACT if compact else WHOLE,
            "method": registry.method_name(type(self)),
            "params": self.get_params(),
            "learned": {key: value for key, value in learned.items() if key not in arrays},
            "fitted_on": None if self.fitted_on is None else asdict(self.fitted_on),
            "own_scheme": None if self.fitted_on is None else content_of(self.fitted_on.scheme),
            **({"compact": compact} if compact else {}),
        }
        try:
            metadata = {"fldbench": json.dumps(header, allow_nan=False)}
        except (TypeError, ValueError) as error:
            raise MethodError(
                f"{type(self).__name__} cannot be saved: {error}; learned values are arrays, numbers, strings or lists "
                "of them, or `learned` and `restore` must be overridden"
            ) from error
        with written_whole(path, "wb") as file:
            file.write(save(stored, metadata))
        return Path(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"


def make_method(name: str, **params: Any) -> Method:
    """A new, unfitted method from the registry.

    Raises UnknownNameError for a name that nobody registered and MethodError for a parameter that it does not have.
    """
    cls = registry.resolve("method", name)
    if not (isinstance(cls, type) and issubclass(cls, Method)):
        raise MethodError(must_be(f"method {name!r}", "what is registered", cls, "a subclass of fldbench.Method"))
    known = parameters_of(cls)
    for key in params:
        if key not in known:
            raise MethodError(f"method {name!r} has no parameter {key!r}; {near_miss(key, known)}")
    return cls(**params)


def load_method(path: str | Path) -> Method:
    """The fitted method in a file that `save` wrote; "builtin" is the one that comes with fldbench.

    Raises DataError for a file that is no such model, or is damaged, and UnknownNameError for one whose method is not
    registered here.
    """
    path = model_path(path)
    header, arrays = read_model(path)
    registry.resolve("method", header.method)  # an unknown method is no damage
    try:
        remember(header.own_scheme)
        method = make_method(header.method, **_as_their_defaults(header.method, header.params))
        method.check_params()
        method.restore(arrays | header.learned)
    except MissingDependencyError:
        raise
    except FldbenchError as error:
        raise DataError(str(error), path) from error
    except Exception as error:  # a plug-in may take what it finds as it is
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"what it learned does not fit the method {header.method!r} ({text})", path) from error
    method._fitted_on = header.fitted_on
    return method


def _as_their_defaults(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a saved model, where JSON has made lists of tuples."""
    defaults = parameters_of(registry.resolve("method", name))
    return {
        key: tuple(value) if isinstance(value, list) and isinstance(defaults.get(key), tuple) else value
        for key, value in params.items()
    }


def predict_checked(method: Method, images: Sequence[np.ndarray], boxes: np.ndarray, n_points: int) -> np.ndarray:
    """`method.predict`, with its answer checked: (n, n_points, 2) float, a NaN row for a missed face.

    If any point of a row is not finite, the whole row becomes NaN: a face is either found or missed. A face whose box
    is impossible (`geometry.check_boxes`) is missed, with a warning, and spoils no other.
    Raises what `predict` raises, and MethodError for an answer of another shape.
    """
    boxes = np.asarray(boxes, float)
    usable = usable_boxes(boxes)
    if not usable.all():
        return _with_missed(method, images, boxes, usable, n_points)
    found = filled(method.predict(images, boxes))
    try:
        answer = np.asarray(found)
    except ValueError:  # rows of different lengths
        answer = np.empty((), object)
    if answer.shape != (len(images), n_points, 2) or answer.dtype.kind not in "fiu":
        came = f"{answer.dtype} of shape {answer.shape}" if answer.ndim else " ".join(shown(found).split())
        raise MethodError(
            f"{method!r} answered {len(images)} faces with {came}; "
            f"must be numbers of shape ({len(images)}, {n_points}, 2)"
        )
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is missed
        answer = answer.astype(float)
    answer[~np.isfinite(answer).all(axis=(1, 2))] = np.nan
    return answer


def filled(answer: Any) -> Any:
    """Return an answer with NaN in the place of what is masked, which the method does not mean."""
    masked = isinstance(answer, np.ma.MaskedArray) and answer.dtype.kind in "fiu"
    return answer.astype(float).filled(np.nan) if masked else answer


def _with_missed(
    method: Method, images: Sequence[np.ndarray], boxes: np.ndarray, usable: np.ndarray, n_points: int
) -> np.ndarray:
    """Return the answers for the faces with usable boxes, and NaN rows for the others."""
    found = ~np.isnan(boxes).all(axis=1)  # a detector found them; one that it did not find is nothing to warn of
    try:
        check_boxes(boxes[found])
    except DataError as error:
        warnings.warn(f"{method.label}: missed, because of its box: {error}", stacklevel=3)
    answer = np.full((len(images), n_points, 2), np.nan)
    rows = np.flatnonzero(usable).tolist()
    if rows:
        answer[rows] = predict_checked(method, [images[row] for row in rows], boxes[rows], n_points)
    return answer
