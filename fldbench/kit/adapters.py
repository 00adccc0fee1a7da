"""`wrap`: a model of another library as a method; the crop, the values of its pixels and the way back are stated.

It may be an estimator or pipeline of scikit-learn, a module of torch, an ONNX file, a function, or a command. Only an
estimator that is not fitted yet learns in `fit`; everything else is used as it is, and its key is its content.
"""

from __future__ import annotations

import copyreg
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fldbench.errors import DataError, MethodError, MissingDependencyError, UnknownNameError, must_be
from fldbench.faces import FaceSet
from fldbench.faces.crops import crop_faces
from fldbench.files import sha256_of
from fldbench.geometry import box_size, crop_matrix, invert, transform
from fldbench.kit.commands import run_command
from fldbench.kit.content import as_array, code_within, content_of, home_of, kind_of
from fldbench.kit.estimators import packed, unpacked
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.schemes import get_scheme, map_landmarks

AT_ONCE = 64  # crops that a model gets together
COLOURS = ("rgb", "bgr", "grey")
VALUES = {"0..255": (0.0, 255.0), "0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0)}
LAYOUTS = ("hwc", "chw", "flat")
OUTPUTS = ("crop", "unit", "signed", "box", "photo")
NOT_STATED = "its training faces are not stated"


@dataclass(frozen=True)
class View:
    """How a model sees a face, and in which coordinates it answers; see `wrap`."""

    crop: int | None
    context: float
    colour: str
    values: str
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    layout: str
    output: str

    def seen(self, images: np.ndarray) -> np.ndarray:
        """Return crops, uint8 RGB or grey, as the model takes them."""
        images = np.ascontiguousarray(images[..., ::-1]) if self.colour == "bgr" else images
        images = images[..., None] if images.ndim == 3 else images
        if (self.values, self.layout, self.mean) != ("0..255", "hwc", None):
            low, high = VALUES[self.values]
            images = (low + images.astype(np.float32) / 255 * (high - low)).astype(np.float32)
        if self.mean is not None or self.std is not None:
            mean, std = np.asarray(self.mean or 0, np.float32), np.asarray(self.std or 1, np.float32)
            images = (images - mean) / std
        if self.layout == "chw":
            images = np.ascontiguousarray(np.moveaxis(images, -1, 1))
        return images.reshape(len(images), -1) if self.layout == "flat" else images

    def to_photo(self, points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Move the model's points (n, L, 2) to px of the photos with these boxes (n, 4)."""
        if self.output == "photo" or self.crop is None:
            return points
        if self.output == "box":
            return points * box_size(boxes)[:, None] + boxes[:, None, :2]
        points = (points + 1) / 2 if self.output == "signed" else points
        points = points if self.output == "crop" else points * self.crop - 0.5
        return transform(points, invert(crop_matrix(boxes, self.crop, self.context)))

    def from_photo(self, points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Move points (n, L, 2) px of the photos to the model's coordinates."""
        if self.output == "photo" or self.crop is None:
            return points
        if self.output == "box":
            return (points - boxes[:, None, :2]) / box_size(boxes)[:, None]
        points = transform(points, crop_matrix(boxes, self.crop, self.context))
        points = points if self.output == "crop" else (points + 0.5) / self.crop
        return points * 2 - 1 if self.output == "signed" else points


class _WrappedClass(type):
    """The class of wrapped classes: each is sent to other processes as what it wraps."""


class Wrapped(Method, metaclass=_WrappedClass):
    """A model of another library; `wrap` makes a subclass for each.

    Attributes
    ----------
    foreign : object
        The model.
    kind : str
        estimator, torch, onnx, function or command.
    view : View
        How it sees a face.
    scheme : str
        Of its points.
    """

    foreign: ClassVar[Any] = None
    kind: ClassVar[str] = ""
    view: ClassVar[View]
    scheme: ClassVar[str] = ""

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Wrapped:
        """Fit an estimator that is not fitted yet; otherwise note the scheme of the faces, to which answers are mapped.

        Raises
        ------
        MethodError
            For faces whose points those of the model do not map to.
        DataError
            Where no face has all points.
        """
        try:
            self._check_scheme(train.scheme)
        except UnknownNameError as error:
            raise MethodError(f"{self.label} answers {self.scheme}; {train.label} needs others: {error}") from error
        if self.learns:
            self._learn(train)
        self.scheme_ = train.scheme
        return self

    def _check_scheme(self, scheme: str) -> None:
        """Raise UnknownNameError if the model's points do not map to this scheme."""
        map_landmarks(np.zeros((1, get_scheme(self.scheme).n_points, 2)), self.scheme, scheme)

    def _learn(self, train: FaceSet) -> None:
        if train.scheme != self.scheme:
            allowed = f"{self.scheme}, whose points {self.label} learns"
            raise MethodError(must_be(train.label, "the scheme", train.scheme, allowed))
        train = train[np.isfinite(train.landmarks).all(axis=(1, 2))]
        if not len(train):
            raise DataError(f"{train.label}: no face has all points; {self.label} needs faces that do")
        targets = self.view.from_photo(train.landmarks, train.boxes).reshape(len(train), -1)
        clone = importlib.import_module("sklearn.base").clone
        self._estimator = clone(self.foreign).fit(self._crops(train.images, train.boxes), targets)

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        if self.learns and not hasattr(self, "_estimator"):
            raise MethodError(f"{self.label} has not been fitted; call fit first, or load a model")
        if not len(images):
            found = np.empty((0, get_scheme(self.scheme).n_points, 2))
        elif self.view.crop is None:
            found = self._points(self.foreign(images, boxes), len(images))
        else:
            parts = [slice(start, start + AT_ONCE) for start in range(0, len(images), AT_ONCE)]
            answers = [self._points(self._run(images[part], boxes[part]), len(boxes[part])) for part in parts]
            found = self.view.to_photo(np.concatenate(answers), boxes)
        return map_landmarks(found, self.scheme, getattr(self, "scheme_", self.scheme))

    def _crops(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        view = self.view
        if view.crop is None:
            raise MethodError(f"{self.label} takes whole images")
        return view.seen(crop_faces(images, boxes, view.crop, view.context, view.colour == "grey").images)

    def _run(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> Any:
        """Return what the model says about some faces."""
        crops = self._crops(images, boxes)
        if self.kind == "estimator":
            return getattr(self, "_estimator", self.foreign).predict(crops)
        if self.kind == "torch":
            torch = sys.modules["torch"]
            seen = torch.from_numpy(np.require(crops, requirements="W"))
            with torch.inference_mode(), _evaluating(self.foreign) as network:
                return as_array(network(seen.to(next((one.device for one in network.parameters()), seen.device))))
        if self.kind == "onnx":
            session = _session(self.foreign, sha256_of(self.foreign))
            wanted = session.get_inputs()[0]
            crops = crops.astype(np.uint8) if wanted.type == "tensor(uint8)" else crops.astype(np.float32)
            if wanted.shape and wanted.shape[0] == 1:  # exported for one face
                return np.concatenate([session.run(None, {wanted.name: crop[None]})[0] for crop in crops])
            return session.run(None, {wanted.name: crops})[0]
        if self.kind == "command":
            return run_command(self.foreign, crops, get_scheme(self.scheme).n_points)
        return np.stack([np.asarray(as_array(self.foreign(crop)), float).reshape(-1) for crop in crops])

    def _points(self, answer: Any, n: int) -> np.ndarray:
        """Return an answer as (n, L, 2) float; raise MethodError that says what came for another shape."""
        points = get_scheme(self.scheme).n_points
        try:
            found = np.asarray(as_array(answer), float)
        except (TypeError, ValueError) as error:
            came = type(answer).__name__
            raise MethodError(must_be(self.label, "its answer", came, f"an array ({n}, {points}, 2)")) from error
        if found.shape not in ((n, points, 2), (n, 2 * points)):
            allowed = f"({n}, {points}, 2) or ({n}, {2 * points}): x and y of the {points} points of {self.scheme}"
            raise MethodError(must_be(self.label, f"its answer for {n} faces", found.shape, allowed))
        return found.reshape(n, points, 2)

    def key_params(self) -> dict[str, Any]:
        """Return what decides the numbers: the content of the model and the code in it, its view and its library."""
        found = {"wraps": self.kind, "content": content_of(self.foreign), "scheme": self.scheme} | asdict(self.view)
        code = code_within(self.foreign)
        return found | ({"code": code} if code else {})

    def learned(self) -> dict[str, Any]:
        """Return the digest of the model, and what an estimator learned."""
        found = {"content_": content_of(self.foreign)} | super().learned()
        if self.learns:
            if not hasattr(self, "_estimator"):
                return {}
            value, arrays = packed(self._estimator, self.label)
            found |= {"estimator_": value} | {f"array/{i}": array for i, array in enumerate(arrays)}
        return found

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError if the model has changed since."""
        found = Learned(self.label, learned)
        if found.text("content_") != content_of(self.foreign):
            raise DataError(f"{self.label}: the wrapped {self.kind} is another one than that of the saved model")
        if found.has("scheme_"):
            scheme = found.scheme("scheme_")
            self._check_scheme(scheme)
            self.scheme_ = scheme
        if "estimator_" in learned:
            arrays = [learned[f"array/{i}"] for i in range(sum(name.startswith("array/") for name in learned))]
            self._estimator = unpacked(learned["estimator_"], arrays)

    @property
    def n_parameters(self) -> int:
        """Number of learned numbers, where the model can say it."""
        if self.kind == "torch":
            return sum(int(value.numel()) for value in self.foreign.parameters())
        return super().n_parameters


def wrap(
    model: Any,
    scheme: str,
    *,
    output: str | None = None,
    crop: int | None = None,
    context: float = 0.25,
    colour: str = "rgb",
    values: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    layout: str | None = None,
    trained_on: Sequence[str] | None = None,
    name: str = "",
) -> Wrapped:
    """Return a model of another library as a method.

    Parameters
    ----------
    model : object
        An estimator or pipeline of scikit-learn (fitted, or to be fitted by `fit`), a torch module, the path of an
        `.onnx` file, a function, or a command as a list of words with `{crops}`, see `commands.run_command`.
        A function without `crop` gets (images, boxes) and returns (n, L, 2) px; with `crop`, it gets one crop.
    scheme : str
        Of its points.
    output : {"crop", "unit", "signed", "box", "photo"}
        The coordinates of its points: px of the crop, the centre of the first pixel at (0, 0); [0, 1] or [-1, 1] from
        border to border of the crop; [0, 1] of the face's box; px of the photo.
    crop : int
        Side of the square crop around the box, px.
    context : float
        Growth of the box on each end, as a share of its longer side.
    colour : {"rgb", "bgr", "grey"}
    values : {"0..255", "0..1", "-1..1"}
        Of the pixels; by default 0..1, and uint8 from 0..255 for functions and commands.
    mean, std : sequence of float, optional
        Of the channels: (value - mean) / std.
    layout : {"hwc", "chw", "flat"}
        Of one crop; by default chw for torch and ONNX, flat for estimators, else hwc.
    trained_on : sequence of str, optional
        What its weights have seen, as "DATASET-SPLIT"; empty for nothing. Without it, tables say that this is not
        stated.
    name : str
        The name in tables; by default that of the function, class or file.

    Raises
    ------
    MethodError
        For an object that is none of these, and for a view that is not stated.

    >>> box_centre = wrap(lambda crop: np.full((5, 2), 0.5), "mtfl-5", crop=32, output="unit")
    >>> box_centre.predict([np.zeros((9, 9), np.uint8)], [[2, 2, 6, 6]])[0, 0].round(6).tolist()
    [4.0, 4.0]
    """
    kind = kind_of(model)
    if kind == "onnx":
        model = str(Path(model).absolute())
        content_of(model)
    label = name or _name_of(model, kind)
    points = get_scheme(scheme).n_points
    learns = kind == "estimator" and not _is_fitted(model)
    if crop is None and kind != "function":
        raise MethodError(must_be(label, "crop", None, "the side of the model's square crop in px"))
    if crop is None:
        output = output or "photo"
    if learns:
        output = output or "unit"
    quiet = kind in ("function", "command")
    view = View(
        crop,
        context,
        colour,
        values or ("0..255" if quiet else "0..1"),
        None if mean is None else tuple(map(float, mean)),
        None if std is None else tuple(map(float, std)),
        layout or {"torch": "chw", "onnx": "chw", "estimator": "flat"}.get(kind, "hwc"),
        output or "",
    )
    for what, allowed in (("colour", COLOURS), ("values", tuple(VALUES)), ("layout", LAYOUTS), ("output", OUTPUTS)):
        if getattr(view, what) not in allowed:
            then = f"it says where its {points} points lie" if what == "output" else ""
            one_of = f"one of {', '.join(map(repr, allowed))}"
            raise MethodError(must_be(label, what, getattr(view, what), one_of, then))
    seen = () if trained_on is None else tuple(trained_on)
    remark = NOT_STATED if trained_on is None and not learns else ""
    return _class_of(model, kind, view, scheme, learns, seen, remark, label)()


def _class_of(
    model: Any, kind: str, view: View, scheme: str, learns: bool, seen: tuple[str, ...], remark: str, label: str
) -> type[Wrapped]:
    """Return the class of one wrapped model; its module is that of the model's code, so that keys hold the code."""
    facts: dict[str, Any] = {
        "foreign": model,
        "kind": kind,
        "view": view,
        "scheme": scheme,
        "learns": learns,
        "remark": remark,
    }
    facts |= {"trained_on": seen, "__module__": home_of(model, kind)}
    if kind == "function":
        facts["foreign"] = staticmethod(model)  # which is not called with the method as its first argument
    return _WrappedClass(label, (Wrapped,), facts)  # type: ignore[return-value]  # it is one, by its base


def _sent(cls: type[Wrapped]) -> Any:
    if cls is Wrapped:
        return "Wrapped"
    parts = (cls.foreign, cls.kind, cls.view, cls.scheme, cls.learns, cls.trained_on, cls.remark, cls.__name__)
    return _class_of, parts


copyreg.pickle(_WrappedClass, _sent)  # type: ignore[arg-type]  # a class is reduced like any object


def _name_of(model: Any, kind: str) -> str:
    if kind == "onnx":
        return Path(model).stem
    if kind == "command":
        return Path(model[0]).name
    name = getattr(model, "__name__", type(model).__name__)
    return "function" if name == "<lambda>" else str(name)


def _is_fitted(estimator: Any) -> bool:
    module = importlib.import_module("sklearn.utils.validation")
    try:
        module.check_is_fitted(estimator)
    except importlib.import_module("sklearn.exceptions").NotFittedError:
        return False
    except TypeError:  # not an estimator of scikit-learn itself
        return True
    return True


@contextmanager
def _evaluating(network: Any) -> Iterator[Any]:
    """Set a torch module to evaluation, and its parts back to what they were; no copy, which would miss training."""
    training = [part for part in network.modules() if part.training]
    network.eval()
    try:
        yield network
    finally:
        for part in training:
            part.training = True


@cache
def _session(path: str, digest: str) -> Any:
    """Return the ONNX file as a session; `digest` makes one for each content."""
    try:
        onnxruntime: Any = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingDependencyError(f"{path} needs onnxruntime; install fldbench[onnx]") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
