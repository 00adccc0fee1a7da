"""Method: the contract of every landmark method; saving and loading without pickle."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from fldbench import registry
from fldbench.errors import DataError, MethodError, StoreError, near_miss
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes

MODEL_FORMAT = 1


class Method:
    """Base of every landmark method; scikit-learn's rules.

    `__init__` only stores its arguments under their own names. `fit` learns, and what it learns ends in `_`.
    `predict` takes n RGB uint8 images of any sizes and their boxes (n, 4) px, and returns (n, L, 2) px in each image's
    own frame: row i answers image i, whatever the others are; a face that the method gives up on is a row of NaN.
    Nothing passed in is changed; predict sees no truth; randomness comes from the parameter `random_state` alone.

    `fit` may cut a validation part from `train` (`train.split`), or is given one as `val`. One that fails or is
    interrupted leaves the method as it was, whatever it had learned by then: that comes with the base class.

    Learned values that are arrays, numbers, strings or plain lists of them are saved by the base class. A method that
    learns anything else (a network, a library's own file) overrides `learned` and `restore`.
    """

    version = 1  # raise it when a change of the code changes the numbers

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "fit" in vars(cls):
            cls.fit = _whole_or_not_at_all(cls.fit)

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Method:
        raise NotImplementedError

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def get_params(self) -> dict[str, Any]:
        """The constructor's arguments by name, as they are now."""
        return {name: getattr(self, name) for name in parameters_of(type(self))}

    @property
    def members(self) -> list[Method]:
        """The methods that this one is made of, whose code can change its numbers too; most are made of none."""
        return []

    @property
    def members_alone(self) -> dict[str, Method]:
        """Registered name -> unfitted member, of a method whose `fit` is no more than that of its members on the same
        faces; a run that has all of them fitted puts them into `members_` and fits nothing."""
        return {}

    def learned(self) -> dict[str, Any]:
        """Everything that `fit` learned: name -> array or JSON value."""
        return {name: value for name, value in vars(self).items() if name.endswith("_") and not name.startswith("_")}

    def restore(self, learned: dict[str, Any]) -> None:
        """Takes back what `learned` gave."""
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

    def save(self, path: str | Path) -> Path:
        """Writes one safetensors file: the arrays, and as its metadata a JSON header with method, params and the rest.

        Raises MethodError when nothing was learned or when something learned fits neither; StoreError when the file
        cannot be written.
        """
        from safetensors.numpy import save_file

        learned = self.learned()
        if not learned:
            raise MethodError(f"{type(self).__name__} has not been fitted; call fit first")
        # Not ascontiguousarray, which gives a single number an axis.
        arrays = {key: np.require(v, requirements="C") for key, v in learned.items() if isinstance(v, np.ndarray)}
        header = {
            "format": MODEL_FORMAT,
            "method": registry.method_name(type(self)),
            "params": self.get_params(),
            "learned": {key: value for key, value in learned.items() if key not in arrays},
        }
        try:
            metadata = {"fldbench": json.dumps(header, allow_nan=False)}
        except (TypeError, ValueError) as error:
            raise MethodError(
                f"{type(self).__name__} cannot be saved: {error}; learned values are arrays, numbers, strings or lists "
                "of them, or `learned` and `restore` must be overridden"
            ) from error
        try:
            save_file(arrays, str(path), metadata)
        except Exception as error:  # safetensors raises its own type, and OSError
            raise StoreError(f"{path}: the model cannot be written ({error}); choose a folder that can") from error
        return Path(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"


def _whole_or_not_at_all(fit: Callable[..., Method]) -> Callable[..., Method]:
    """`fit` that puts the method's attributes back as they were when it fails: no half of a new model in an old one."""

    @wraps(fit)
    def whole(self: Method, *args: Any, **kwargs: Any) -> Method:
        before = dict(vars(self))
        try:
            return fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return whole


def parameters_of(cls: type) -> dict[str, Any]:
    """Names and defaults of a method's constructor arguments; an argument without a default has `inspect._empty`."""
    if cls.__init__ is object.__init__:
        return {}
    return {name: p.default for name, p in inspect.signature(cls.__init__).parameters.items() if name != "self"}


def make_method(name: str, **params: Any) -> Method:
    """A new, unfitted method from the registry.

    Raises UnknownNameError for a name that nobody registered and MethodError for a parameter that it does not have.
    """
    cls = registry.resolve("method", name)
    known = parameters_of(cls)
    for key in params:
        if key not in known:
            raise MethodError(f"method {name!r} has no parameter {key!r}; {near_miss(key, known)}")
    return cls(**params)


def load_method(path: str | Path) -> Method:
    """The fitted method in a file that `save` wrote.

    Raises DataError for a file that is no such model, UnknownNameError for one whose method is not registered here.
    """
    from safetensors import safe_open

    try:
        with safe_open(str(path), framework="np") as file:
            header = json.loads((file.metadata() or {})["fldbench"])
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is no mapping
    except FileNotFoundError as error:
        raise DataError("there is no such model file", path) from error
    except Exception as error:
        raise DataError(f"not a model that fldbench saved ({error})", path) from error
    if header.get("format") != MODEL_FORMAT:
        raise DataError(f"model format {header.get('format')!r}; this version reads {MODEL_FORMAT}", path)
    method = make_method(header["method"], **header["params"])
    method.restore(arrays | header["learned"])
    return method


def predict_checked(method: Method, images: Sequence[np.ndarray], boxes: np.ndarray, n_points: int) -> np.ndarray:
    """`method.predict`, with the contract checked on both sides: (n, n_points, 2) float, a given-up face a NaN row.

    A row with some point that is not finite becomes a NaN row: a face is found whole or it is missed.
    Raises DataError for impossible boxes and MethodError for an answer of another shape.
    """
    boxes = check_boxes(boxes)
    answer = np.asarray(method.predict(images, boxes.copy()))
    if answer.shape != (len(images), n_points, 2) or answer.dtype.kind not in "fiu":
        raise MethodError(
            f"{method!r} answered {len(images)} faces with {answer.dtype} of shape {answer.shape}; "
            f"needed are numbers of shape ({len(images)}, {n_points}, 2)"
        )
    answer = answer.astype(float)
    answer[~np.isfinite(answer).all(axis=(1, 2))] = np.nan
    return answer
