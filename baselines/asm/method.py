"""Active shape model: local searches for the landmarks, held together by a model of the shapes that faces have.

Cootes, Taylor, Cooper & Graham, "Active Shape Models: their training and application", CVIU 1995, with the search of
`asm.descriptor` (after Milborrow & Nicolls 2014) or of `asm.profile` (as in 1995). The search begins with the mean
shape in the box and goes through levels, each at a larger scale. According to the present shape, a level sees the face
upright and at the level's scale. Therefore turned and badly boxed faces look like all others, and a level learns from
the same views that it will search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.asm.descriptor import DescriptorSearch, ImageOf, Window
from fldbench.baselines.asm.profile import HALF, ProfileSearch
from fldbench.baselines.parts.agreement import agreement
from fldbench.baselines.parts.fitting import (
    DEVIATION,
    EVEN,
    LARGEST_CROP,
    PADDING,
    PENALTY,
    check_fitted,
    mean_unit_shape,
)
from fldbench.baselines.parts.normalised import grey_crops, perturbed, training_crops
from fldbench.baselines.parts.threads import each_block, limited_blas
from fldbench.errors import DataError, MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes, crop_matrix, invert, transform, warp
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import SEED, THREADS, check_sample_weight, one_of, real, whole
from fldbench.progress import say_progress
from fldbench.schemes import Scheme, get_scheme
from fldbench.shapes import (
    ShapeModel,
    fill_missing,
    fit_model,
    fit_shapes,
    from_box_frame,
    noise_of,
    shapes_of,
    symmetric,
    to_box_frame,
)

FACES_PER_TASK = 16  # faces that one thread takes through all levels at a time
CLOSE = 1e-6  # to a length of 1, for rounding
APART = 0.05 * np.array([[0, 0], [-1, -1], [1, -1], [-1, 1], [1, 1]])  # starts of a confidence, in sides of the box
ROOM = 0.1  # margin of a level's image around the mean shape, beyond its windows, in sides of the face


@dataclass(eq=False, repr=False)
class ASM(Method):
    """Point-distribution model with a local search on several levels.

    Parameters
    ----------
    search : {"descriptor", "profile"}
        "descriptor": linear filters on patches of gradient histograms, in windows around the landmarks; "profile": grey
        profiles along the normals, as in the original.
    levels : int
        Number of levels.
    first_size, last_size : float
        Longer side of the mean shape at the first and last level, px; geometric between them.
    first_reach, last_reach : float
        How far around a landmark descriptors are searched at the first and last level, in sides of the face; geometric
        between them. Profiles are searched 3 px to each side at every level, several times.
    cell, grid, bins : int
        Of the descriptor: grid x grid cells of `cell` px with `bins` directions each, an even number. The patch must
        have a middle pixel: `grid` is odd, or `cell` is even.
    ridge : float
        Penalty of the descriptors' filters; a patch has length 1.
    kept : float
        Share of the variance that the shape model holds.
    limit : float
        Standard deviations to which each shape parameter is clipped.
    crop_size : int
        Side of the crop, px.
    padding : float
        The crop holds the box grown by this share of its longer side on each end.
    starts : int
        Start shapes of each face in training: the mean shape in the box, and starts - 1 copies of it.
    shift, scale, rotation : float
        A copy is shifted by N(0, shift) box sides, scaled by exp(N(0, scale)) and turned by N(0, rotation) degrees.
    threads : int, optional
        None is one thread for each core; the numbers do not depend on it.
    random_state : int

    Attributes
    ----------
    scheme_ : str
    mean_shape_ : ndarray of shape (L, 2)
        In the box frame.
    mean_, modes_, variances_ : ndarray
        The shape model, see `fldbench.shapes.ShapeModel`.
    filters_, sharpness_ : ndarray
        For each level, with descriptors.
    profiles_, precisions_ : ndarray
        For each level, with profiles.
    """

    changes_nothing = ("threads",)
    weighs_faces = True
    gives_confidence = True
    rules = {
        "search": one_of(("descriptor", "profile")),
        "levels": whole(1),
        "first_size": real(8, LARGEST_CROP),
        "last_size": real(8, LARGEST_CROP),
        "first_reach": real(above=0, high=0.5),
        "last_reach": real(above=0, high=0.5),
        "cell": whole(1, 64),
        "grid": whole(1, 64),
        "bins": EVEN,
        "ridge": PENALTY,
        "kept": real(above=0, high=1),
        "limit": real(above=0),
        "crop_size": whole(1, LARGEST_CROP),
        "padding": PADDING,
        "starts": whole(1),
        "shift": DEVIATION,
        "scale": DEVIATION,
        "rotation": DEVIATION,
        "threads": THREADS,
        "random_state": SEED,
    }

    search: str = "descriptor"
    levels: int = 5
    first_size: float = 32.0
    last_size: float = 150.0
    first_reach: float = 0.28
    last_reach: float = 0.042
    cell: int = 3
    grid: int = 7
    bins: int = 8
    ridge: float = 1.0
    kept: float = 0.99
    limit: float = 3.0
    crop_size: int = 240
    padding: float = 0.3
    starts: int = 2
    shift: float = 0.05
    scale: float = 0.07
    rotation: float = 5.0
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None, sample_weight: np.ndarray | None = None) -> ASM:
        """Learn the shape model and the search of each level.

        Parameters
        ----------
        train : FaceSet
        val : FaceSet, optional
            Not used.
        sample_weight : ndarray of shape (n,), optional
            How much each face counts in the shape model and in the searches.
        """
        self.check_params()
        face_weight = check_sample_weight(sample_weight, train)
        train, face_weight = train[face_weight > 0], face_weight[face_weight > 0]
        scheme = get_scheme(train.scheme)
        present = np.isfinite(train.landmarks).all(axis=-1)
        mean = mean_unit_shape(train)
        truth = fill_missing(train.landmarks, train.boxes, mean, train.ids)
        mean = np.average(to_box_frame(truth, train.boxes), axis=0, weights=face_weight)
        mirror = mirror_of(scheme)
        self.scheme_ = train.scheme
        self.mean_shape_ = mean if mirror is None else symmetric(mean, mirror)

        if np.ptp(self.mean_shape_, axis=0).max() < CLOSE:
            raise DataError(
                f"{train.label}: all points of a face lie in one place; asm learns shapes, so check the landmarks, or "
                "choose another method"
            )

        say_progress("asm: levels", 0, self.levels)
        with (
            limited_blas(1),
            training_crops(train, self.crop_size, self.padding, self.threads) as crops,
        ):
            matrices = crop_matrix(train.boxes, self.crop_size, self.padding)
            truth = transform(truth, matrices)
            model = fit_model(truth, present, self.mean_shape_, self.kept, face_weight, mirror)
            self.mean_, self.modes_, self.variances_ = model

            rng = np.random.default_rng(self.random_state)
            sides = box_size(train.boxes) * matrices[:, :1, 0]
            shapes = transform(from_box_frame(self.mean_shape_, train.boxes), matrices)
            shapes = perturbed(shapes, sides, self.starts, self.shift, self.scale, self.rotation, rng)
            poses, b = self._started(shapes.reshape(-1, *truth.shape[1:]))
            truth = np.repeat(truth, self.starts, axis=0)
            weight = np.repeat(present * face_weight[:, None], self.starts, axis=0)
            self._learn(crops, truth, weight, poses, b, rng)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        return self._searched(images, boxes)

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return how near the answers from five starts lie together, (n,): see `parts.agreement`.

        The starts are that of `predict` and the same moved by 5 % of the box's sides towards each corner, so this takes
        five times as long.
        """
        return agreement(np.stack([self._searched(images, boxes, by) for by in APART], axis=1), boxes)

    def _searched(self, images: Sequence[np.ndarray], boxes: np.ndarray, by: np.ndarray = APART[0]) -> np.ndarray:
        """Return the landmarks (n, L, 2) px that are found from the mean shape, moved `by` (2,) sides of the box."""
        check_fitted(self, "variances_")
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        starts = transform(from_box_frame(self.mean_shape_ + by, check_boxes(boxes)), matrices)
        search, levels = self._search(), self._levels()
        learned = list(zip(*(getattr(self, name) for name in search.names), strict=True))

        def search_block(rows: slice) -> np.ndarray:
            crops = grey_crops(images[rows], matrices[rows], self.crop_size, threads=1)
            poses, b = self._started(starts[rows])
            for (frame, window), values in zip(levels, learned, strict=True):
                poses, b = self._refined(search, frame, window, values, crops.__getitem__, poses, b)
            return shapes_of(self._model, poses, b)

        with limited_blas(1):
            found = each_block(search_block, len(starts), FACES_PER_TASK, self.threads)
        return transform(np.concatenate([starts[:0], *found]), invert(matrices))

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for values that do not fit each other."""
        found = Learned(self.label, learned)
        n = len(found.array("mean_", "float64", (None, 2)))
        k = len(learned["variances_"]) if np.ndim(learned.get("variances_")) == 1 else None
        found.array("mean_shape_", "float64", (n, 2))
        found.array("variances_", "float64", (k,), 0)
        modes = found.array("modes_", "float64", (2 * n, k))
        found.scheme("scheme_", n)
        # The search solves for pose and shape: it needs a mean of size 1 and modes of length 1.
        apart = [abs(np.linalg.norm(learned["mean_"]) - 1), *abs(modes.T @ modes - np.eye(modes.shape[1])).ravel()]
        if max(apart) > CLOSE:
            raise DataError(f"the model of {self.label} has a mean_ or modes_ that are not of length 1; fit it again")
        if self.search == "profile":
            length = 2 * HALF + 1
            found.array("profiles_", "float64", (self.levels, n, length))
            found.array("precisions_", "float64", (self.levels, n, length, length))
        else:
            found.array("filters_", "float32", (self.levels, n, self.grid**2 * self.bins))
            found.array("sharpness_", "float64", (self.levels, n), 0)
        found.end()
        super().restore(learned)

    @property
    def _model(self) -> ShapeModel:
        return ShapeModel(self.mean_, self.modes_, self.variances_)

    def _learn(
        self,
        crops: np.ndarray,
        truth: np.ndarray,
        weight: np.ndarray,
        poses: np.ndarray,
        b: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        """Learn level by level from the views that the present shapes give, and search the training faces.

        crops (n, size, size); truth (m, L, 2) px, weight (m, L), poses (m, 2, 3) and b (m, k) have a row for each start
        of each face, those of one face one after the other.
        """
        search, learned = self._search(), []
        for step, (frame, window) in enumerate(self._levels()):
            into = invert(compose(poses, invert(frame)))
            image_of = viewer(lambda i: crops[i // self.starts], into, window.side)
            current = transform(shapes_of(self._model, poses, b), into)
            values = search.learn(image_of, current, transform(truth, into), weight, window, rng)

            def refine(rows: slice, poses=poses, b=b, frame=frame, window=window, values=values):
                crop = lambda i: crops[(rows.start + i) // self.starts]  # noqa: E731
                return self._refined(search, frame, window, values, crop, poses[rows], b[rows])

            if step + 1 < self.levels:
                parts = each_block(refine, len(poses), FACES_PER_TASK, self.threads)
                poses, b = (np.concatenate(part) for part in zip(*parts, strict=True))
            learned.append(values)
            say_progress("asm: levels", step + 1, self.levels)
        for name, values in zip(search.names, zip(*learned, strict=True), strict=True):
            setattr(self, name, np.stack(values))

    def _refined(
        self,
        search: DescriptorSearch | ProfileSearch,
        frame: np.ndarray,
        window: Window,
        learned: tuple[np.ndarray, ...],
        crop: ImageOf,
        poses: np.ndarray,
        b: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return poses (n, 2, 3), to px of the crops, and b (n, k) of some faces after one level's search."""
        back = compose(poses, invert(frame))
        into = invert(back)
        current = transform(shapes_of(self._model, poses, b), into)
        image_of = viewer(crop, into, window.side)
        poses, b = search.refine(image_of, np.arange(len(into)), current, window, learned)
        return compose(back, poses), b

    def _started(self, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the poses (n, 2, 3) and b (n, k) of shapes (n, L, 2) px."""
        alike = np.broadcast_to(np.eye(2), (*shapes.shape, 2))
        return fit_shapes(self._model, shapes, alike, prior=noise_of(shapes), limit=self.limit)

    def _search(self) -> DescriptorSearch | ProfileSearch:
        scheme = get_scheme(self.scheme_)
        if self.search == "profile":
            return ProfileSearch(self._model, scheme, self.limit, self.threads)
        patch = (self.cell, self.grid, self.bins)
        return DescriptorSearch(self._model, mirror_of(scheme), *patch, self.ridge, self.limit, self.threads)

    def _levels(self) -> list[tuple[np.ndarray, Window]]:
        """Return for each level the map from the shape model to px of its image, (2, 3), and its window."""
        search, extent = self._search(), max(float(np.ptp(self.mean_, axis=0).max()), 1e-6)
        middle = (self.mean_.min(axis=0) + self.mean_.max(axis=0)) / 2
        out = []
        for size, reach in zip(
            np.geomspace(self.first_size, self.last_size, self.levels),
            np.geomspace(self.first_reach, self.last_reach, self.levels),
            strict=True,
        ):
            radius = search.radius(size * reach)
            side = 2 * (round(size * (0.5 + ROOM)) + search.margin + radius) + 1
            shift = (side - 1) / 2 - middle * size / extent
            out.append((np.column_stack([np.eye(2) * size / extent, shift]), Window(side, radius)))
        return out

    def check_params(self) -> None:
        """Check the parameters, and that a patch has a middle pixel."""
        super().check_params()
        if (self.grid - 1) * self.cell % 2:
            then = "the middle of a patch is a pixel"
            raise MethodError(must_be(self.label, "grid", self.grid, f"odd, since cell is {self.cell}", then))


def viewer(crop: ImageOf, into: np.ndarray, side: int) -> ImageOf:
    """Return what a level sees of face i: crop(i) through the map into[i], `side` px."""
    return lambda i: warp(crop(i), into[i], side)


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return the affine map (..., 2, 3) that applies `inner`, then `outer`.

    >>> compose(np.array([[2.0, 0.0, 1.0], [0.0, 2.0, 0.0]]), np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 0.0]])).tolist()
    [[2.0, 0.0, 7.0], [0.0, 2.0, 0.0]]
    """
    linear = outer[..., :2]
    return np.concatenate([linear @ inner[..., :2], linear @ inner[..., 2:] + outer[..., 2:]], axis=-1)


def mirror_of(scheme: Scheme) -> np.ndarray | None:
    """Return the scheme's mirror map; None if it is not known, and for profiles, which then look to the other side.

    >>> mirror_of(get_scheme("mtfl-5")).tolist()
    [1, 0, 2, 4, 3]
    """
    return None if scheme.mirror is None or scheme.shows_one_side else np.array(scheme.mirror)
