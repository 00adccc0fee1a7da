"""Models trained by others, which the user has as a file: dlib's 68 and 5 points, OpenCV's LBF and Kazemi.

Nothing is trained here. `fit` only learns where the model expects its box: it was trained with the boxes of a face
detector, which differ from those of the training set. The file itself is never copied into a saved model, because
its licence does not allow redistribution: a saved model names the file and its SHA-256.

The result of a model of 68 points on 300-W is not a fair comparison: these files were trained on iBUG 300-W. Their
makers do not say which of its faces a file has seen; the images that dlib's author trained on include HELEN's test
faces. So all public parts count as seen, and so do other annotations of the same photos (HELEN's 194 points).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from fldbench.baselines.parts.fitting import LARGEST_CROP, check_fitted, mean_unit_shape
from fldbench.baselines.parts.normalised import grey_crops
from fldbench.baselines.parts.threads import each_block
from fldbench.baselines.pretrained.files import read_kazemi, read_lbf
from fldbench.errors import DataError, MethodError, UnknownNameError, must_be
from fldbench.faces import FaceSet
from fldbench.faces.crops import crop_image
from fldbench.files import read_bytes, sha256_of
from fldbench.geometry import box_centre, box_size, check_boxes, crop_matrix, invert, transform, usable_boxes
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import THREADS, Rule, also, kind, optional, real, whole
from fldbench.schemes import get_scheme, map_landmarks

MARGIN = 0.5  # sides of the model's box around it in the crop, as LBF reads pixels that far away
FACES_PER_TASK = 16  # faces that one thread places at a time


def _is_shift(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray)) and len(value) == 2 and all(map(real().fits, value))


@dataclass(eq=False, repr=False)
class Pretrained(Method):
    """Base of the wrappers: the file, the box that its model expects, and crops with that box always in the same place.

    If scale or shift are None, fit takes those that bring the model's own mean shape nearest to the mean training shape
    in squared distance: a closed form, which reads no image. The training points are those of the file's
    scheme, ibug-68 for most, or of one that it maps to; answers are in the scheme of the training set.

    Parameters
    ----------
    model : str
        Path of the file.
    box_scale : float, optional
        Side of the model's square box, in longer sides of the given box.
    box_shift : pair of float, optional
        (x, y) from the given box's centre to that of the model's box, in longer sides of the given box.
    crop_size : int
        Side of the crop, px, a multiple of 4; the model's box is put into its middle half.
    passes : int
        How often each face is answered, 1 to 4: after the first time in the box where the model's own mean shape,
        scaled and shifted, lies nearest to its last answer. For boxes that are not those of the detector that the model
        was trained with.
    threads : int, optional
        Of the prediction; None is one thread for each core. OpenCV's models run in one.

    Attributes
    ----------
    box_scale_ : float
    box_shift_ : list of float
        x and y.
    scheme_ : str
        Of the training set.
    sha256_ : str
        Of the file.
    """

    files = ("model",)
    changes_nothing = ("threads",)
    trained_on = ("300w-train", "300w-test", "300w-labels-test", "helen194-train", "helen194-test")
    rules = {
        "model": optional(kind(str, allowed="a path as a string")),
        "box_scale": optional(real(above=0)),
        "box_shift": optional(Rule("two numbers, x and y", _is_shift)),
        "crop_size": also(whole(40, LARGEST_CROP), "and a multiple of 4", lambda value: value % 4 == 0),
        "passes": whole(1, 4),
        "threads": THREADS,
    }
    scheme: ClassVar[str] = "ibug-68"  # of the file's points
    file_name: ClassVar[str]  # the file's name as its makers publish it
    makers: ClassVar[str]  # in words, the place of publication
    warning: ClassVar[str] = (
        "it was trained on iBUG 300-W, maybe with test faces, so its numbers on 300-W are no fair comparison"
    )

    model: str | None = None
    box_scale: float | None = None
    box_shift: tuple[float, float] | None = None
    crop_size: int = 400
    passes: int = 1
    threads: int | None = None

    def read(self, path: str) -> Any:
        """Return the model in the file, with mean (L, 2) in the model's box, `offset`, `size` and `run`.

        Raises DataError for a file that is none.
        """
        raise NotImplementedError

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Pretrained:
        """Learn where the model's box lies; the file is read.

        Raises
        ------
        DataError
            For a file that cannot be read or is not such a model.
        MethodError
            For a model of other points, and for training points that those of ibug-68 do not map to.
        """
        self.check_params()
        vars(self).pop("_model", None)
        self.sha256_ = sha256_of(self.model)
        self.scheme_ = train.scheme
        found, points = len(self._model.mean), get_scheme(self.scheme).n_points
        if found != points:
            raise MethodError(must_be(self.label, f"the number of points of {self.model}", found, f"{points}"))
        try:
            mean = map_landmarks(self._model.mean, self.scheme, train.scheme)
        except UnknownNameError as error:
            raise MethodError(
                f"{self.label} places the points of {self.scheme}; {train.label} needs others: {error}"
            ) from error
        square = square_boxes(train.boxes)
        scale, shift = fit_box(mean, mean_unit_shape(train.with_boxes(square)), self.box_scale)
        if not scale > 0:
            raise MethodError(
                f"{self.label}: the training shapes look like the model's upside down; check the landmarks"
            )
        self.box_scale_ = scale
        self.box_shift_ = list(shift if self.box_shift is None else map(float, self.box_shift))
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "sha256_")
        boxes = check_boxes(boxes)
        side = box_size(boxes).max(axis=1, keepdims=True)
        centre, half = box_centre(boxes) + np.array(self.box_shift_) * side, self.box_scale_ * side / 2
        model_boxes = np.concatenate([centre - half, centre + half], axis=1)
        answers = self._answers(images, model_boxes)
        mean = self._model.mean + self._model.offset / (self.crop_size / 2)
        for _ in range(self.passes - 1):
            model_boxes = own_boxes(mean, answers)
            rows = np.flatnonzero(usable_boxes(model_boxes)).tolist()  # a face keeps an answer that has no box
            if rows:
                answers[rows] = self._answers([images[row] for row in rows], model_boxes[rows])
        return map_landmarks(answers, self.scheme, self.scheme_)

    def _answers(self, images: Sequence[np.ndarray], model_boxes: np.ndarray) -> np.ndarray:
        """Return the model's points (n, L, 2) px in its boxes (n, 4) px."""
        matrices = crop_matrix(model_boxes, self.crop_size, MARGIN)
        return transform(self._model.run(images, matrices, self.crop_size, self.threads), invert(matrices))

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError if the file is gone or differs from that of the fit."""
        found = Learned(self.label, learned)
        found.number("box_scale_", 0.01, 100)
        shift = found.pair("box_shift_", 100)
        map_landmarks(np.zeros((get_scheme(self.scheme).n_points, 2)), self.scheme, found.scheme("scheme_"))
        found.text("sha256_")
        found.end()
        super().restore(learned | {"box_shift_": shift})
        check_digest(self.model, self.sha256_)

    @property
    def n_parameters(self) -> int:
        """Number of parameters of the file's model."""
        return self._model.size if "sha256_" in vars(self) else 0

    @cached_property
    def _model(self) -> Any:
        check_digest(self.model, self.sha256_)
        return self.read(self.model)

    def __getstate__(self) -> dict[str, Any]:
        # The loaded model cannot be copied or sent to another process; the path is enough to load it again.
        return {name: value for name, value in vars(self).items() if name != "_model"}

    def check_params(self) -> None:
        """Check the parameters, and that there is a file."""
        super().check_params()
        if self.model is None:
            raise MethodError(
                f"{self.label} needs the file {self.file_name} as its parameter `model`, which you must get yourself "
                f"({self.makers}); {self.warning}"
            )


class Dlib68(Pretrained):
    """dlib's 68 points: an ensemble of regression trees trained on iBUG 300-W (King, 2014).

    Run from the file's trees without dlib, which would round the answers to whole pixels.
    """

    file_name = "shape_predictor_68_face_landmarks.dat"
    makers = "dlib's author publishes it beside dlib, on its site of model files; not for commercial use"

    def read(self, path: str) -> Any:
        return _DlibModel(path)


class Dlib5(Dlib68):
    """dlib's 5 points, the corners of the eyes and the base of the nose: an ensemble of regression trees (King, 2017).

    Its author trained it on 7,198 photos of his own choice, not on 300-W.
    """

    scheme = "dlib-5"
    trained_on = ()
    remark = "trained on 7,198 faces that dlib's author annotated"
    file_name = "shape_predictor_5_face_landmarks.dat"
    makers = "dlib's author publishes it beside dlib, on its site of model files; public domain"
    warning = "it was trained on photos that its author collected and annotated himself"


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
    offset = 0.0

    def __init__(self, path: str):
        from fldbench.baselines.pretrained.trees import read_trees  # compiled when imported

        try:
            self._trees = read_trees(read_bytes(path))
        except DataError as error:
            raise DataError(error.message, path) from error
        self.mean = self._trees.mean.astype(float)
        self.size = sum(array.size for array in vars(self._trees).values())

    def run(self, images: Sequence[np.ndarray], matrices: np.ndarray, size: int, threads: int | None) -> np.ndarray:
        """Return the landmarks (n, L, 2), px of the crops, of n images with their maps to crops (n, 2, 3)."""
        from fldbench.baselines.pretrained.trees import run_trees

        out = np.empty((len(matrices), len(self.mean), 2))
        low, high = np.array([size / 4, 3 * size / 4]) - 0.5

        def work(rows: slice) -> None:
            crops = grey_crops(images[rows], matrices[rows], size, 1)
            corners = np.tile([[low, low], [high, high]], (len(crops), 1, 1))
            shapes = run_trees(self._trees, crops, corners, self._trees.mean[None])[:, 0]
            out[rows] = low + shapes * (high - low)

        each_block(work, len(matrices), FACES_PER_TASK, threads)
        return out


class _OpencvModel:
    offset = 0.5  # px of the crop: OpenCV's boxes begin at the centre of their first pixel, not at its border

    def __init__(self, path: str, maker: str, reader: Callable[[str], tuple[np.ndarray, int]], grey: bool):
        import cv2

        create = getattr(getattr(cv2, "face", None), maker, None)  # only OpenCV's contrib packages have it
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
        """Return the landmarks (n, L, 2), px of the crops, of n images with maps to crops (n, 2, 3), one by one."""
        out = np.empty((len(matrices), len(self.mean), 2))
        box = np.array([[size // 4, size // 4, size // 2, size // 2]], np.int32)
        for i, matrix in enumerate(matrices):
            crop = crop_image(images[i], matrix, size, self._grey)
            if not self._grey and crop.ndim == 2:
                crop = np.stack([crop] * 3, axis=-1)  # it always reads three channels
            found, shapes = self._facemark.fit(crop, box)
            out[i] = np.reshape(shapes[0], (-1, 2)) if found else np.nan
        return out


def square_boxes(boxes: np.ndarray) -> np.ndarray:
    """Return the square around each box's centre with its longer side: (n, 4) px -> (n, 4) px.

    >>> square_boxes(np.array([[0.0, 0.0, 4.0, 8.0]])).tolist()
    [[-2.0, 0.0, 6.0, 8.0]]
    """
    centre, half = box_centre(boxes), box_size(boxes).max(axis=-1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def fit_box(model: np.ndarray, truth: np.ndarray, scale: float | None = None) -> tuple[float, tuple[float, float]]:
    """Return the side of a model's box, and the step from the centre of the unit square to its centre.

    They map one mean shape onto another. With m and t the centred shapes, scale = sum(m t) / sum(m m) minimises
    sum |scale model + shift - truth|^2; the shift follows.

    Parameters
    ----------
    model : ndarray of shape (L, 2)
        In the frame of the model's box.
    truth : ndarray of shape (L, 2)
        In that of the unit square.
    scale : float, optional
        The side, if given.

    >>> scale, shift = fit_box(np.array([[0.5, 0.5], [1.0, 0.5]]), np.array([[0.75, 0.5], [1.0, 0.5]]))
    >>> round(scale, 6), np.round(shift, 6).tolist()
    (0.5, [0.25, 0.0])
    """
    m, t = model - model.mean(axis=0), truth - truth.mean(axis=0)
    if scale is None:
        scale = float((m * t).sum() / (m * m).sum()) if m.any() else 1.0
    shift = truth.mean(axis=0) - 0.5 - scale * (model.mean(axis=0) - 0.5)
    return float(scale), (float(shift[0]), float(shift[1]))


def own_boxes(mean: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Return the square boxes in which a model's mean shape lies nearest to its answers: (n, 4) px, NaN for no answer.

    The scale is that of `fit_box`, for each answer alone.

    Parameters
    ----------
    mean : ndarray of shape (L, 2)
        In the frame of the model's box.
    answers : ndarray of shape (n, L, 2)
        Px.

    >>> own_boxes(np.array([[0.25, 0.5], [0.75, 0.5]]), np.array([[[10.0, 20.0], [20.0, 20.0]]])).tolist()
    [[5.0, 10.0, 25.0, 30.0]]
    """
    m, a = mean - mean.mean(axis=0), answers - answers.mean(axis=1, keepdims=True)
    side = (m * a).sum(axis=(1, 2)) / (m * m).sum()
    low = answers.mean(axis=1) - side[:, None] * mean.mean(axis=0)
    return np.concatenate([low, low + side[:, None]], axis=1)


def check_digest(path: str, sha256: str) -> None:
    """Raise DataError if the file is gone or has another SHA-256."""
    found = sha256_of(path)
    if found != sha256:
        raise DataError(
            f"the file has changed since the fit: its SHA-256 begins with {found[:12]}, then with {sha256[:12]}; "
            "put the old file back or fit again",
            path,
        )
