"""MediaPipe's face mesh as a peer: 478 points of a network that Google trained, brought to the points of a scheme.

MediaPipe (Apache-2.0; Lugaresi et al., "MediaPipe: A Framework for Building Perception Pipelines", 2019; mesh:
Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019; eyes and lips:
Grishchenko et al., "Attention Mesh", 2020) wants packages that conflict with ours, so it runs in an environment of its
own, which the user makes; `worker.py` is what runs there. Its training faces are Google's own and not published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fldbench.baselines.mediapipe.client import HOW, Client, installed
from fldbench.baselines.mediapipe.worker import POINTS
from fldbench.baselines.parts.fitting import check_fitted
from fldbench.baselines.parts.ridge import NormalEquations, choose_ridge, with_constant
from fldbench.errors import DataError, FldbenchError, MethodError, UnknownNameError, must_be
from fldbench.faces import FaceSet
from fldbench.faces.images import decoded
from fldbench.geometry import box_iou, check_boxes, fit_similarity, invert, tight_box, transform
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import kind, one_of, optional, real
from fldbench.progress import say_progress
from fldbench.schemes import get_scheme, map_landmarks
from fldbench.shapes import to_box_frame

# The points of the mesh that stand for those of ibug-68 in the list that is passed around among users of MediaPipe.
IBUG_68 = np.array(
    [
        *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),  # jaw
        *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),  # brows
        *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),  # mouth
    ]
)
LEAST_IOU = 0.1  # of a face and the given box; boxes of five points are that much smaller than the face
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
FACES_IN_MEMORY = 256  # faces with photos in memory at once while the training faces are asked


@dataclass(eq=False, repr=False)
class MediaPipe(Method):
    """MediaPipe's face mesh (Apache-2.0), run by a Python of your own that has mediapipe 0.10.14 or 0.10.21.

    It looks for the faces of the whole photo itself. The given box only says which of them is meant: the one whose
    points overlap it most. A face that MediaPipe does not find is missed.

    Parameters
    ----------
    python : str
        Path of the Python of an environment with mediapipe.
    map : {"linear", "index"}
        How 478 points become those of the training faces: by a linear map that is learned on them, or by the list of
        68 indices that is passed around, which needs no faces but their scheme.
    ridge : float, optional
        Of the linear map. None is the one of 0.0001 to 10 that errs least on training faces that are left out.

    Attributes
    ----------
    mediapipe_ : str
        Its version at the fit.
    scheme_ : str
        Of the training faces.
    mesh_ : ndarray of shape (478, 2)
        The mean mesh of the training faces, in the frame of its tight box. The linear map works on meshes that are
        moved, turned and scaled to lie on it.
    coefficients_ : ndarray of shape (957, 2 L)
        Of the linear map, the constant last.
    ridge_ : float
        Of the linear map.
    """

    changes_nothing = ("python",)  # its version of mediapipe is in the key
    remark = "trained on faces of Google's that are not published"
    rules = {
        "python": optional(kind(str, allowed="a path as a string")),
        "map": one_of(("linear", "index")),
        "ridge": optional(real(above=0)),
    }

    python: str | None = None
    map: str = "linear"
    ridge: float | None = None

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> MediaPipe:
        """Learn the linear map, for which MediaPipe is asked for all training faces; or note their scheme.

        Raises
        ------
        MissingDependencyError
            Where the Python cannot be started or has no mediapipe with models.
        MethodError
            For training points that those of ibug-68 do not map to, where `map` is "index".
        DataError
            Where MediaPipe finds none of the training faces, or no face has all points.
        """
        self.check_params()
        vars(self).pop("_client", None)
        self.mediapipe_, self.scheme_ = installed(str(self.python)), train.scheme
        if self.map == "index":
            self._check_scheme(train)
            return self
        meshes = np.concatenate(
            [self._meshes(images, train.boxes[rows]) for rows, images in decoded(train.images, FACES_IN_MEMORY)]
        )
        known = np.isfinite(meshes).all(axis=(1, 2)) & np.isfinite(train.landmarks).all(axis=(1, 2))
        if not known.any():
            raise DataError(f"{train.label}: no face has all points and is found by {self.label}; it learns from those")
        self.mesh_ = to_box_frame(meshes[known], tight_box(meshes[known])).mean(axis=0)
        aligned = fit_similarity(meshes[known], self.mesh_)
        features = transform(meshes[known], aligned).reshape(-1, 1, 2 * POINTS)
        targets = transform(train.landmarks[known], aligned).reshape(len(features), 1, -1)
        equations = NormalEquations(features.shape[2], targets.shape[2], np.float64)
        equations.add(features[:, 0], targets[:, 0])
        grid = RIDGES if self.ridge is None else [self.ridge]
        if len(features) < 2:  # without its only face the training set is empty
            grid = grid[-1:]
        solution, self.ridge_ = choose_ridge(equations, features, targets, np.ones(features.shape[:2]), grid)
        self.coefficients_ = solution.coefficients
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px; NaN rows for faces that it missed."""
        check_fitted(self, "mediapipe_")
        meshes = self._meshes(images, check_boxes(boxes))
        if self.map == "index":
            return map_landmarks(meshes[:, IBUG_68], "ibug-68", self.scheme_)
        out = np.full((len(meshes), self.coefficients_.shape[1] // 2, 2), np.nan)
        found = np.isfinite(meshes).all(axis=(1, 2))
        aligned = fit_similarity(meshes[found], self.mesh_)
        features = transform(meshes[found], aligned).reshape(-1, 2 * POINTS)
        answers = with_constant(features, np.float64) @ self.coefficients_
        out[found] = transform(answers.reshape(-1, *out.shape[1:]), invert(aligned))
        return out

    def _meshes(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the mesh of the face in each box, (n, 478, 2) px, NaN where none overlaps it."""
        out = np.full((len(boxes), POINTS, 2), np.nan)
        for i, box in enumerate(boxes):
            say_progress("mediapipe: faces", i, len(boxes))
            faces = self._faces(images[i])
            shared = box_iou(tight_box(faces[:, IBUG_68]), box) if len(faces) else np.zeros(1)
            if shared.max() >= LEAST_IOU:
                out[i] = faces[shared.argmax()]
        return out

    def _faces(self, image: np.ndarray) -> np.ndarray:
        try:
            return self._client.meshes(image)[:, :, :2]
        except MethodError:  # its process has ended
            vars(self).pop("_client", None)
            raise

    @cached_property
    def _client(self) -> Client:
        if installed(str(self.python)) != self.mediapipe_:
            raise MethodError(
                f"{self.label} was fitted with mediapipe {self.mediapipe_}, and {self.python} has "
                f"{installed(str(self.python))}; fit it again"
            )
        return Client(str(self.python))

    def __getstate__(self) -> dict[str, Any]:
        # A process cannot be copied or sent to another one; the path is enough to start it again.
        return {name: value for name, value in vars(self).items() if name != "_client"}

    def key_params(self) -> dict[str, Any]:
        """Return the parameters but for `python`, and the version of its mediapipe, None where it has none."""
        try:
            version = None if self.python is None else installed(self.python)
        except FldbenchError:  # which `check_params` reports
            version = None
        return super().key_params() | {"mediapipe": version}

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for what does not fit."""
        found = Learned(self.label, learned)
        found.text("mediapipe_")
        n_points = get_scheme(found.scheme("scheme_")).n_points
        if self.map == "linear":
            found.array("mesh_", "float64", (POINTS, 2))
            found.array("coefficients_", "float64", (2 * POINTS + 1, 2 * n_points))
            found.number("ridge_", 0.0)
        found.end()
        super().restore(learned)

    def check_params(self) -> None:
        """Check the parameters, and that the Python has mediapipe."""
        super().check_params()
        if self.python is None:
            raise MethodError(must_be(self.label, "python", None, "the Python of an environment with mediapipe", HOW))
        installed(self.python)

    def _check_scheme(self, train: FaceSet) -> None:
        try:
            map_landmarks(np.zeros((1, len(IBUG_68), 2)), "ibug-68", train.scheme)
        except UnknownNameError as error:
            raise MethodError(
                f"{self.label} with the map 'index' places the points of ibug-68; {train.label} needs others: {error}; "
                "the map 'linear' learns any"
            ) from error
