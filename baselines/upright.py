"""A method that is asked again in photos that are turned until the face stands upright."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.parts.fitting import check_fitted, mean_unit_shape
from fldbench.baselines.parts.one import One
from fldbench.baselines.parts.pose import roll_of, sizes
from fldbench.baselines.parts.threads import blocks
from fldbench.baselines.parts.upright import tilted, turned
from fldbench.errors import MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes, invert, transform
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import SEED, TEXT, THREADS, whole

AT_ONCE = 16  # faces whose photos are in memory

# Chosen on training faces, tilted ones and such that look aside: results/limit.
LEAST = 15.0  # degrees of roll, below which a photo is not turned: the roll of a face that looks aside is uncertain
SETTLED = 0.02  # of the size of a shape, between its last two answers
TILTS = (30.0, -30.0, 60.0, -60.0, 90.0, -90.0)  # degrees, from which answers that do not settle begin again
SETTLED_AGAIN = 0.01  # the same as SETTLED for these
NEAR = 30.0  # degrees, between the tilt from which they begin and the roll at which they settle


@dataclass(eq=False, repr=False)
class Upright(One):
    """Any method, asked again in the photo that is turned back by the roll of its answer, with the answer's tight box.

    Most training faces stand upright, and methods fail on faces that are tilted by more. The first answer on a tilted
    face is bad, but tells that it is tilted. Two answers in turn that lie within 2 % of the shape's size have settled,
    and their mean is the answer: most faces are asked about twice. A photo is turned if the roll is 15 degrees or more.
    Where no answer has settled after `passes`, the method begins again with the photo turned by 30, -30, 60, -60, 90
    and -90 degrees, until one settles within 1 %, and within 30 degrees of where it began; if that never comes, the
    first answer stays.

    It also helps in loose boxes, such as a detector's, as `two-pass` does. Attributes and confidence are those of the
    photo that is turned by the answer.

    Parameters
    ----------
    method : str
        The name of a registered method.
    params : dict, optional
        Its parameters that differ from its defaults.
    passes : int
        How often it is asked from one beginning at most, 2 to 4.
    threads : int, optional
        Passed to the method if it has this parameter.
    random_state : int
        Passed to the method if it has this parameter.

    Attributes
    ----------
    mean_shape_ : ndarray of shape (L, 2)
        Of the training faces, in the frame of the box; roll is measured from it.
    """

    rules = {"method": TEXT, "passes": whole(2, 4), "threads": THREADS, "random_state": SEED}

    method: str = "hog-ridge"
    params: dict[str, Any] | None = None
    passes: int = 4
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Upright:
        """Fit the method on the faces as they are."""
        self._check_points(train)
        (member,) = self._make()
        self.assemble([self._fit_member(member, self.method, train, val)], train)
        return self

    def assemble(self, members: Sequence[Method], train: FaceSet) -> None:
        """Take the fitted method, and learn the mean shape."""
        self._check_points(train)
        mean_shape = mean_unit_shape(train)
        super().assemble(members, train)
        self.mean_shape_ = mean_shape

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "mean_shape_")
        boxes = check_boxes(boxes)
        parts = [self._settled(list(images[rows]), boxes[rows]) for rows in blocks(len(boxes), AT_ONCE)]
        return np.concatenate(parts) if parts else np.empty((0, *self.mean_shape_.shape))

    def learned(self) -> dict[str, Any]:
        """Return what the method learned, and the mean shape."""
        return super().learned() | ({"mean_shape_": self.mean_shape_} if "mean_shape_" in vars(self) else {})

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for values that do not fit."""
        own = {name: value for name, value in learned.items() if name == "mean_shape_"}
        found = Learned(self.label, own)
        mean_shape = found.array("mean_shape_", "float64", (None, 2))
        found.end()
        super().restore({name: value for name, value in learned.items() if name not in own})
        self.mean_shape_ = mean_shape

    @property
    def multiply_adds(self) -> int | None:
        """Those of the method, twice: for a face whose second answer settles."""
        once = super().multiply_adds
        return None if once is None else 2 * once

    def _check_points(self, train: FaceSet) -> None:
        if train.landmarks.shape[1] < 2:
            raise MethodError(
                must_be(
                    f"{self.label}: {train.label}", "the number of points", 1, "2 or more, so that they have a roll"
                )
            )

    def _last_views(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> tuple[Sequence[np.ndarray], np.ndarray]:
        answer = self.predict(images, boxes)
        photos, places, _ = turned(images, check_boxes(boxes), answer, self._turns(answer))
        return photos, places

    def _settled(self, images: list[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the answers for some faces."""
        first = self.members_[0].predict(images, boxes)
        answer, settled = self._passes(images, boxes, first, SETTLED)
        answer[~settled] = first[~settled]
        for tilt in TILTS:
            rest = np.flatnonzero(~settled)
            if not len(rest):
                break
            some, theirs = [images[i] for i in rest], boxes[rest]
            begun = self._asked(some, theirs, tilted(theirs, tilt), np.full(len(rest), tilt))
            again, holds = self._passes(some, theirs, begun, SETTLED_AGAIN)
            holds &= np.abs((roll_of(again, self.mean_shape_) - tilt + 180) % 360 - 180) <= NEAR
            answer[rest[holds]], settled[rest[holds]] = again[holds], True
        return answer

    def _passes(
        self, images: list[np.ndarray], boxes: np.ndarray, first: np.ndarray, within: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the answers after the passes that follow the first, and which settled within a share of their size."""
        answer, settled = np.array(first, float), np.zeros(len(boxes), bool)
        for _ in range(self.passes - 1):
            rest = np.flatnonzero(~settled)
            if not len(rest):
                break
            before = answer[rest]
            after = self._asked([images[i] for i in rest], boxes[rest], before, self._turns(before))
            agree = np.linalg.norm(after - before, axis=2).mean(axis=1) <= within * sizes(after)  # never for NaN
            after = np.where(np.isfinite(after).all(axis=(1, 2), keepdims=True), after, before)
            answer[rest] = np.where(agree[:, None, None], (before + after) / 2, after)
            settled[rest] = agree
        return answer, settled

    def _turns(self, shapes: np.ndarray) -> np.ndarray:
        """Return by how many degrees a photo is turned back for each shape, (n,): its roll, if that is large."""
        roll = roll_of(shapes, self.mean_shape_)
        return np.where(np.abs(roll) < LEAST, 0.0, roll)

    def _asked(self, images: list[np.ndarray], boxes: np.ndarray, shapes: np.ndarray, rolls: np.ndarray) -> np.ndarray:
        """Return the method's answers in the photos that are turned back by rolls (n,) degrees about shapes."""
        photos, places, matrices = turned(images, boxes, shapes, rolls)
        return transform(self.members_[0].predict(photos, places), invert(matrices))
