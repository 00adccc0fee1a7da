"""Models that others have trained and that a user has as a file: dlib's 68 points, OpenCV's LBF and Kazemi.

Nothing is trained here. `fit` only learns where the model expects its box: it was trained with the boxes of a face
detector, which lie otherwise than those of the training set. The file itself is never copied into a saved model, since
its licence is not ours to pass on: a saved model names the file and its SHA-256.

A number that such a model gets on 300-W is no fair comparison: these files were trained on iBUG 300-W, presumably with
faces that are in its test sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fldbench.baselines.mean_shape import check_fitted, mean_unit_shape
from fldbench.baselines.parts.normalised import grey_crops
from fldbench.baselines.parts.threads import each_block
from fldbench.baselines.pretrained.files import read_kazemi, read_lbf
from fldbench.crops import crop_image
from fldbench.errors import DataError, MethodError, UnknownNameError
from fldbench.faces import FaceSet
from fldbench.geometry import box_centre, box_size, check_boxes, crop_matrix, invert, transform
from fldbench.method import Method
from fldbench.params import count_threads
from fldbench.schemes import map_landmarks

SCHEME = "ibug-68"
MARGIN = 0.5  # of the model's box, around it in the crop: LBF looks as far as that
BLOCK = 16  # faces at a time in one thread


class Pretrained(Method):
    """Base of the wrappers: the file, the box that its model expects, and crops in which that box always lies the same.

    model       path of the file, as text
    box_scale   side of the model's square box, in longer sides of the given box
    box_shift   (x, y) from the given box's centre to that of the model's box, in longer sides of the given box
    crop_size   side of the crop, px, in whose middle half the model's box is put
    threads     of the prediction, None one a core; OpenCV's models run in one

    Where scale or shift are None, fit takes those that lay the model's own mean shape onto the mean training shape with
    the least squared distance: a closed form, and no image is looked at. The training points are those of ibug-68 or of
    a scheme that ibug-68 maps to; answers are in the scheme of the training set.
    """

    file_name: ClassVar[str]  # what its makers call the file
    makers: ClassVar[str]  # where they publish it, in words

    def __init__(
        self,
        model: str | None = None,
        box_scale: float | None = None,
        box_shift: tuple[float, float] | None = None,
        crop_size: int = 400,
        threads: int | None = None,
    ):
        self.model = model
        self.box_scale = box_scale
        self.box_shift = box_shift
        self.crop_size = crop_size
        self.threads = threads

    def read(self, path: str) -> Any:
        """The model in the file: an object with mean (L, 2) in the model's box and `size`, and `run`; or DataError."""
        raise NotImplementedError

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Pretrained:
        """Learns box_scale_, box_shift_ (x, y), scheme_ and sha256_, that of the file."""
        name = type(self).__name__
        self._check_params(name)
        self.__dict__.pop("_model", None)
        self.sha256_ = digest(self.model)
        self.scheme_ = train.scheme
        if len(self._model.mean) != 68:
            found = len(self._model.mean)
            raise MethodError(f"{name}: {self.model} places {found} points; wanted is a model of {SCHEME}")
        try:
            mean = map_landmarks(self._model.mean, SCHEME, train.scheme)
        except UnknownNameError as error:
            raise MethodError(f"{name} places the points of {SCHEME}; {train.label} needs others: {error}") from error
        square = square_boxes(train.boxes)
        scale, shift = fit_box(mean, mean_unit_shape(train.with_boxes(square)), self.box_scale)
        if not scale > 0:
            raise MethodError(f"{name}: the training shapes look like the model's upside down; check the landmarks")
        self.box_scale_ = scale
        self.box_shift_ = list(shift if self.box_shift is None else map(float, self.box_shift))
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px."""
        check_fitted(self, "sha256_")
        boxes = check_boxes(boxes)
        side = box_size(boxes).max(axis=1, keepdims=True)
        centre, half = box_centre(boxes) + np.array(self.box_shift_) * side, self.box_scale_ * side / 2
        matrices = crop_matrix(np.concatenate([centre - half, centre + half], axis=1), self.crop_size, MARGIN)
        answers = self._model.run(images, matrices, self.crop_size, self.threads)
        return map_landmarks(transform(answers, invert(matrices)), SCHEME, self.scheme_)

    def restore(self, learned: dict[str, Any]) -> None:
        """Takes back what `learned` gave; raises DataError when the file is gone, or is not the one of the fit."""
        super().restore(learned)
        check_digest(self.model, self.sha256_)

    @property
    def n_parameters(self) -> int:
        """How many numbers the file's model has."""
        return self._model.size if hasattr(self, "sha256_") else 0

    @cached_property
    def _model(self) -> Any:
        check_digest(self.model, self.sha256_)
        return self.read(self.model)

    def __getstate__(self) -> dict[str, Any]:
        # The loaded model cannot be copied or sent to another process; the path is enough to load it again.
        return {name: value for name, value in vars(self).items() if name != "_model"}

    def _check_params(self, name: str) -> None:
        if self.model is None:
            raise MethodError(
                f"{name} needs the file {self.file_name} as its parameter `model`, which you have to get yourself "
                f"({self.makers}); it was trained on iBUG 300-W, maybe with test faces, so its numbers on 300-W are no "
                "fair comparison"
            )
        count_threads(self.threads)
        rules = {
            "model": (isinstance(self.model, str), "a path as text"),
            "box_scale": (self.box_scale is None or self.box_scale > 0, "None or above 0"),
            "box_shift": (self.box_shift is None or np.shape(self.box_shift) == (2,), "None or two numbers, x and y"),
            "crop_size": (self.crop_size >= 40 and self.crop_size % 4 == 0, "a multiple of 4, at least 40"),
        }
        for key, (fine, allowed) in rules.items():
            if not fine:
                raise MethodError(f"{name}: {key} is {getattr(self, key)!r}; it has to be {allowed}")


class Dlib68(Pretrained):
    """dlib's 68 points: an ensemble of regression trees trained on iBUG 300-W (King, 2014).

    Run from the file's trees without dlib, which would round the answers to whole pixels.
    """

    file_name = "shape_predictor_68_face_landmarks.dat"
    makers = "dlib's author publishes it beside dlib, on its site of model files; not for commercial use"

    def read(self, path: str) -> Any:
        return _DlibModel(path)


class OpencvLBF(Pretrained):
    """OpenCV's FacemarkLBF (opencv_contrib): regressed local binary features, Ren et al., CVPR 2014."""

    file_name = "lbfmodel.yaml"
    makers = "the author of OpenCV's face landmark module publishes it in the repository of his summer of code project"

    def read(self, path: str) -> Any:
        return _OpencvModel(path, "createFacemarkLBF", read_lbf, grey=True)


class OpencvKazemi(Pretrained):
    """OpenCV's FacemarkKazemi (opencv_contrib): regression trees, Kazemi & Sullivan, CVPR 2014."""

    file_name = "face_landmark_model.dat"
    makers = "OpenCV's face module downloads it from OpenCV's repository of third-party files when it is built"

    def read(self, path: str) -> Any:
        return _OpencvModel(path, "createFacemarkKazemi", read_kazemi, grey=False)


class _DlibModel:
    def __init__(self, path: str):
        from fldbench.baselines.ert.trees import read_trees  # compiled when imported

        try:
            self._trees = read_trees(Path(path).read_bytes())
        except DataError as error:
            raise DataError(error.message, path) from error
        self.mean = self._trees.mean.astype(float)
        self.size = sum(array.size for array in vars(self._trees).values())

    def run(self, images: Sequence[np.ndarray], matrices: np.ndarray, size: int, threads: int | None) -> np.ndarray:
        """n images, maps to crops (n, 2, 3) -> (n, L, 2) px of the crops."""
        from fldbench.baselines.ert.trees import run_trees

        out = np.empty((len(matrices), len(self.mean), 2))
        low, high = np.array([size / 4, 3 * size / 4]) - 0.5

        def work(rows: slice) -> None:
            crops = grey_crops(images[rows], matrices[rows], size, 1)
            corners = np.tile([[low, low], [high, high]], (len(crops), 1, 1))
            shapes = run_trees(self._trees, crops, corners, self._trees.mean[None])[:, 0]
            out[rows] = low + shapes * (high - low)

        each_block(work, len(matrices), BLOCK, threads)
        return out


class _OpencvModel:
    def __init__(self, path: str, maker: str, reader: Any, grey: bool):
        import cv2

        create = getattr(getattr(cv2, "face", None), maker, None)
        if create is None:
            raise MethodError(f"this OpenCV has no cv2.face.{maker}; install opencv-contrib-python-headless")
        self.mean, self.size = reader(path)
        self._grey = grey
        self._facemark = create()
        flags = cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY | cv2.FILE_STORAGE_FORMAT_YAML
        quiet = cv2.FileStorage("%YAML:1.0\n---\nverbose: 0\n", flags)  # LBF prints on stdout otherwise
        self._facemark.read(quiet.root())
        self._facemark.loadModel(path)

    def run(self, images: Sequence[np.ndarray], matrices: np.ndarray, size: int, threads: int | None) -> np.ndarray:
        """n images, maps to crops (n, 2, 3) -> (n, L, 2) px of the crops; one face after the other."""
        out = np.empty((len(matrices), len(self.mean), 2))
        box = np.array([[size // 4, size // 4, size // 2, size // 2]], np.int32)
        for i, matrix in enumerate(matrices):
            crop = crop_image(images[i], matrix, size, self._grey)
            if not self._grey and crop.ndim == 2:
                crop = np.stack([crop] * 3, axis=-1)  # it reads three channels, whatever it is given
            found, shapes = self._facemark.fit(crop, box)
            out[i] = np.reshape(shapes[0], (-1, 2)) if found else np.nan
        return out


def square_boxes(boxes: np.ndarray) -> np.ndarray:
    """The square around each box's centre with its longer side: (n, 4) px -> (n, 4) px.

    >>> square_boxes(np.array([[0.0, 0.0, 4.0, 8.0]])).tolist()
    [[-2.0, 0.0, 6.0, 8.0]]
    """
    centre, half = box_centre(boxes), box_size(boxes).max(axis=-1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def fit_box(model: np.ndarray, truth: np.ndarray, scale: float | None = None) -> tuple[float, tuple[float, float]]:
    """Side of a model's box, and from the centre of the unit square to its centre, that fit two mean shapes.

    model (L, 2) in the frame of the model's box, truth (L, 2) in that of the unit square. With m and t their centred
    shapes, scale = sum(m t) / sum(m m) minimises sum |scale model + shift - truth|^2; the shift follows.

    >>> scale, shift = fit_box(np.array([[0.5, 0.5], [1.0, 0.5]]), np.array([[0.75, 0.5], [1.0, 0.5]]))
    >>> round(scale, 6), np.round(shift, 6).tolist()
    (0.5, [0.25, 0.0])
    """
    m, t = model - model.mean(axis=0), truth - truth.mean(axis=0)
    if scale is None:
        scale = float((m * t).sum() / (m * m).sum()) if m.any() else 1.0
    shift = truth.mean(axis=0) - 0.5 - scale * (model.mean(axis=0) - 0.5)
    return float(scale), (float(shift[0]), float(shift[1]))


def digest(path: str) -> str:
    """SHA-256 of a file, 64 hex digits; raises DataError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"the pretrained model cannot be read ({error.strerror})", path) from error


def check_digest(path: str, sha256: str) -> None:
    """Raises DataError when the file is gone or is another one than that with this SHA-256."""
    found = digest(path)
    if found != sha256:
        raise DataError(
            f"the file has changed since the fit: its SHA-256 begins with {found[:12]}, then with {sha256[:12]}; "
            "put the old file back or fit again",
            path,
        )
