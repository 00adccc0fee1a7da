"""Active shape model: local searches for the landmarks, held together by a model of the shapes that faces have.

Cootes, Taylor, Cooper & Graham, "Active Shape Models: their training and application", CVIU 1995, with the searches of
`asm_descriptor` (after Milborrow & Nicolls 2014) or of `asm_profile` (as in 1995). From the mean shape in the box, the
face is looked at level by level, each time larger, upright and at the level's scale as the shape so far has it: so
turned and badly boxed faces look like all others, and a level learns from the very views that it will meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fldbench.baselines.asm.descriptor import DescriptorSearch, Window
from fldbench.baselines.asm.profile import ProfileSearch
from fldbench.baselines.mean_shape import (
    check_fitted,
    fill_missing,
    from_box_frame,
    mean_unit_shape,
    to_box_frame,
)
from fldbench.baselines.parts.normalised import grey_crops, perturbed, training_crops
from fldbench.baselines.parts.threads import each_block, limited_blas
from fldbench.errors import MethodError
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes, crop_matrix, invert, transform, warp
from fldbench.method import Method
from fldbench.params import check_kinds, check_sample_weight, count_threads
from fldbench.progress import report
from fldbench.schemes import Scheme, get_scheme
from fldbench.shapes import ShapeModel, fit_model, fit_shapes, noise_of, shapes_of

BLOCK = 16  # faces that one thread takes through all levels at a time
ROOM = 0.1  # sides of the face around the mean shape that a level's image shows, beyond its windows


class ASM(Method):
    """Point-distribution model with a search over levels.

    search       "descriptor": linear filters on patches of gradient histograms, in windows around the landmarks;
                 "profile": grey profiles along the normals, as in the original
    levels       number of levels
    first_size, last_size    longer side of the mean shape at the first and last level, px; geometric between them
    first_reach, last_reach  how far around a landmark descriptors are searched at them, in sides of the face; geometric
                 too. Profiles are searched 3 px to each side at every level, several times
    cell, grid, bins         of the descriptor: grid x grid cells of `cell` px, `bins` directions each; bins is even
    ridge        penalty of the descriptors' filters; a patch has length 1
    kept         share of the variance that the shape model holds
    limit        standard deviations to which each shape parameter is clipped
    crop_size    side of the crop, px, that holds the box grown by `padding` of its longer side on each end
    starts       start shapes a face: the mean shape in the box, and starts - 1 copies of it, shifted by N(0, shift) box
                 sides, scaled by exp(N(0, scale)) and turned by N(0, rotation) degrees
    threads      None: one a core; the numbers do not depend on it
    """

    def __init__(
        self,
        search: str = "descriptor",
        levels: int = 5,
        first_size: float = 32.0,
        last_size: float = 150.0,
        first_reach: float = 0.28,
        last_reach: float = 0.042,
        cell: int = 3,
        grid: int = 7,
        bins: int = 8,
        ridge: float = 1.0,
        kept: float = 0.99,
        limit: float = 3.0,
        crop_size: int = 240,
        padding: float = 0.3,
        starts: int = 2,
        shift: float = 0.05,
        scale: float = 0.07,
        rotation: float = 5.0,
        threads: int | None = None,
        random_state: int = 0,
    ):
        self.search = search
        self.levels = levels
        self.first_size = first_size
        self.last_size = last_size
        self.first_reach = first_reach
        self.last_reach = last_reach
        self.cell = cell
        self.grid = grid
        self.bins = bins
        self.ridge = ridge
        self.kept = kept
        self.limit = limit
        self.crop_size = crop_size
        self.padding = padding
        self.starts = starts
        self.shift = shift
        self.scale = scale
        self.rotation = rotation
        self.threads = threads
        self.random_state = random_state

    def fit(self, train: FaceSet, val: FaceSet | None = None, sample_weight: np.ndarray | None = None) -> ASM:
        """Learns scheme_ and mean_shape_ (L, 2) in the box frame, mean_ (L, 2), modes_ (2 L, k) and variances_ (k,) of
        the shape model, and for each level filters_ and sharpness_, or profiles_ and precisions_.

        sample_weight (n,) weighs the faces in the shape model and in the searches.
        """
        self._check_params()
        face_weight = check_sample_weight(sample_weight, train)
        train, face_weight = train[face_weight > 0], face_weight[face_weight > 0]
        scheme = get_scheme(train.scheme)
        present = np.isfinite(train.landmarks).all(axis=-1)
        mean = mean_unit_shape(train)
        truth = fill_missing(train.landmarks, train.boxes, mean, train.ids)
        mean = np.average(to_box_frame(truth, train.boxes), axis=0, weights=face_weight)
        mirror = mirror_of(scheme)
        self.scheme_ = train.scheme
        self.mean_shape_ = mean if mirror is None else (mean + mean[mirror] * (-1, 1) + (1, 0)) / 2

        report("asm: levels", 0, self.levels)
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
        """n images, boxes (n, 4) px -> (n, L, 2) px."""
        check_fitted(self, "variances_")
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        starts = transform(from_box_frame(self.mean_shape_, check_boxes(boxes)), matrices)
        search, levels = self._search(), self._levels()
        learned = list(zip(*(getattr(self, name) for name in search.names), strict=True))

        def search_block(rows: slice) -> np.ndarray:
            crops = grey_crops(images[rows], matrices[rows], self.crop_size, threads=1)
            poses, b = self._started(starts[rows])
            for (frame, window), values in zip(levels, learned, strict=True):
                poses, b = self._refined(search, frame, window, values, crops.__getitem__, poses, b)
            return shapes_of(self._model, poses, b)

        with limited_blas(1):
            found = each_block(search_block, len(starts), BLOCK, self.threads)
        return transform(np.concatenate([starts[:0], *found]), invert(matrices))

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
        """Level by level: learn from the views that the shapes so far give, then search the training faces.

        crops (n, size, size); of starts for each face, one after the other: truth (m, L, 2) px, weight (m, L), poses
        (m, 2, 3), b (m, k).
        """
        search, learned = self._search(), []
        for step, (frame, window) in enumerate(self._levels()):
            into = invert(compose(poses, invert(frame)))
            look = viewer(lambda i: crops[i // self.starts], into, window.side)
            current = transform(shapes_of(self._model, poses, b), into)
            values = search.learn(look, current, transform(truth, into), weight, window, rng)

            def refine(rows: slice, poses=poses, b=b, frame=frame, window=window, values=values):
                crop = lambda i: crops[(rows.start + i) // self.starts]  # noqa: E731
                return self._refined(search, frame, window, values, crop, poses[rows], b[rows])

            if step + 1 < self.levels:
                parts = each_block(refine, len(poses), BLOCK, self.threads)
                poses, b = (np.concatenate(part) for part in zip(*parts, strict=True))
            learned.append(values)
            report("asm: levels", step + 1, self.levels)
        for name, values in zip(search.names, zip(*learned, strict=True), strict=True):
            setattr(self, name, np.stack(values))

    def _refined(
        self,
        search: DescriptorSearch | ProfileSearch,
        frame: np.ndarray,
        window: Window,
        learned: tuple[np.ndarray, ...],
        crop: Callable[[int], np.ndarray],
        poses: np.ndarray,
        b: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """One level's search for some faces: poses (n, 2, 3) to px of the crops, b (n, k) -> the same, better."""
        back = compose(poses, invert(frame))
        into = invert(back)
        current = transform(shapes_of(self._model, poses, b), into)
        look = viewer(crop, into, window.side)
        poses, b = search.refine(look, np.arange(len(into)), current, window, learned)
        return compose(back, poses), b

    def _started(self, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pose and b of shapes (n, L, 2) px."""
        alike = np.broadcast_to(np.eye(2), (*shapes.shape, 2))
        return fit_shapes(self._model, shapes, alike, prior=noise_of(shapes), limit=self.limit)

    def _search(self) -> DescriptorSearch | ProfileSearch:
        scheme = get_scheme(self.scheme_)
        if self.search == "profile":
            return ProfileSearch(self._model, scheme, self.limit, self.threads)
        patch = (self.cell, self.grid, self.bins)
        return DescriptorSearch(self._model, mirror_of(scheme), *patch, self.ridge, self.limit, self.threads)

    def _levels(self) -> list[tuple[np.ndarray, Window]]:
        """For each level the map from the shape model to px of its image, (2, 3), and its window."""
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

    def _check_params(self) -> None:
        check_kinds(self, "asm")
        rules = {
            "search": (self.search in ("descriptor", "profile"), "'descriptor' or 'profile'"),
            "levels": (self.levels >= 1, "at least 1"),
            "first_size": (self.first_size >= 8, "at least 8"),
            "last_size": (self.last_size >= 8, "at least 8"),
            "first_reach": (0 < self.first_reach <= 0.5, "above 0 and at most 0.5"),
            "last_reach": (0 < self.last_reach <= 0.5, "above 0 and at most 0.5"),
            "cell": (self.cell >= 1, "at least 1"),
            "grid": (self.grid >= 1 and (self.grid - 1) * self.cell % 2 == 0, "odd, or any where cell is even"),
            "bins": (self.bins >= 2 and self.bins % 2 == 0, "even and at least 2"),
            "ridge": (self.ridge > 0, "above 0: a filter may have more numbers than examples"),
            "kept": (0 < self.kept <= 1, "above 0 and at most 1"),
            "limit": (self.limit > 0, "above 0"),
            "starts": (self.starts >= 1, "at least 1"),
        }
        for name, (fine, allowed) in rules.items():
            if not fine:
                raise MethodError(f"asm: {name} is {getattr(self, name)!r}; it has to be {allowed}")
        count_threads(self.threads)


def viewer(crop: Callable[[int], np.ndarray], into: np.ndarray, side: int) -> Callable[[int], np.ndarray]:
    """What a level sees of a face: crop(i) through the map into[i], `side` px."""
    return lambda i: warp(crop(i), into[i], side)


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The affine map that applies `inner`, then `outer`: (..., 2, 3) each.

    >>> compose(np.array([[2.0, 0.0, 1.0], [0.0, 2.0, 0.0]]), np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 0.0]])).tolist()
    [[2.0, 0.0, 7.0], [0.0, 2.0, 0.0]]
    """
    linear = outer[..., :2]
    return np.concatenate([linear @ inner[..., :2], linear @ inner[..., 2:] + outer[..., 2:]], axis=-1)


def mirror_of(scheme: Scheme) -> np.ndarray | None:
    """The scheme's mirror map, or None for a profile: its faces are all turned to one side, and mirrored ones are not.

    >>> mirror_of(get_scheme("mtfl-5")).tolist()
    [1, 0, 2, 4, 3]
    """
    mirror = np.array(scheme.mirror)
    return None if np.array_equal(mirror, np.arange(len(mirror))) else mirror
