"""Faces followed from frame to frame: boxes from the last landmarks, detections now and then, identities kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fldbench.errors import DataError, must_be
from fldbench.geometry import box_iou, box_size, tight_box, usable_boxes
from fldbench.media.smooth import OneEuro

SAME = 0.3  # IoU from which two boxes are the same face
KEPT = 0.5  # IoU of the box that a method got and that of its answer, below which the answer is not trusted
STEADY = 0.9  # IoU of a box and that of its answer from which the box stays
TWICE = 0.7  # IoU from which two tracks follow one face
STAYS = 0.75  # of an attribute's probability when it is asked again: answers to single frames flicker
PATIENCE = 2  # detections without its face after which a track ends

Detect = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]
Attributes = Mapping[str, Mapping[str, float]]  # attribute -> class -> probability
Describe = Callable[[np.ndarray, np.ndarray], Sequence[Attributes]]


@dataclass
class Track:
    """One face of a video.

    Attributes
    ----------
    identity : int
        From 1; the same in all frames, and after a gap of at most `Tracker.memory` seconds.
    box : (4,) array
        px: what the method got in this frame.
    score : float
        Of the last detection.
    landmarks : (L, 2) array
        px: what the method answered.
    shown : (L, 2) array
        px: the same after smoothing.
    attributes : dict of str to dict of str to float
        Attribute -> class -> probability, averaged over the frames in which it was asked, the last ones most.
    """

    identity: int
    box: np.ndarray
    score: float
    landmarks: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    shown: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    attributes: Attributes = field(default_factory=dict)
    smooth: OneEuro | None = None
    described: int | None = None  # frame
    unseen: int = 0
    last: float = 0.0


class Tracker:
    """Follow faces through the frames of a video.

    In each frame a face's box is that of its last landmarks, or stays where both agree (see `next_box`). The detector
    looks at a frame when there is no face, every `every` frames, and as soon as an answer is not trusted: landmarks
    that are not finite, or whose box overlaps the box that the method got by less than an IoU of 0.5. Detections are
    matched to faces by IoU (the assignment with the largest sum). A face that two detections in a row do not find is
    gone; one that comes back within `memory` seconds where it was keeps its identity.

    Parameters
    ----------
    detect : callable
        detect(image) -> boxes (n, 4) px as the method expects them, scores (n,).
    predict : callable
        predict(image, boxes) -> landmarks (n, L, 2) px.
    every : int
        Frames between detections.
    smoothing : callable or None
        Makes a filter for each face, such as `OneEuro`; None for none.
    memory : float
        Seconds.
    describe : callable, optional
        describe(image, boxes) -> the attributes of each face; asked when a face is new, and then every `every` frames.
    """

    def __init__(
        self,
        detect: Detect,
        predict: Predict,
        every: int = 15,
        smoothing: Callable[[], OneEuro] | None = OneEuro,
        memory: float = 1.0,
        describe: Describe | None = None,
    ):
        if every < 1:
            raise DataError(must_be("tracker", "every", every, "a number of frames from 1"))
        self.detect, self.predict, self.every, self.smoothing, self.memory = detect, predict, every, smoothing, memory
        self.describe, self._frame = describe, 0
        self.tracks: list[Track] = []
        self._gone: list[Track] = []
        self._since, self._count = every, 0

    @property
    def identities(self) -> int:
        """How many faces there have been."""
        return self._count

    def step(self, image: np.ndarray, time: float) -> list[Track]:
        """Return the faces of the next frame, uint8 (h, w, 3) RGB at `time` in seconds; the list is a new one."""
        detected = not self.tracks or self._since >= self.every
        for track in self.tracks:
            track.box = next_box(track.box, track.landmarks)
        if detected:
            self._look(image, time)
        trusted = self._answer(image)
        if not all(trusted) and not detected:
            self._look(image, time)
            trusted = self._answer(image)
        self._end([track for track, good in zip(self.tracks, trusted, strict=True) if not good])
        self._end(self._doubles())
        self._since += 1
        for track in self.tracks:
            track.last = time
            size = float(box_size(tight_box(track.landmarks)).max())
            track.shown = track.landmarks if track.smooth is None else track.smooth(track.landmarks, time, size)
        self._gone = [track for track in self._gone if time - track.last <= self.memory]
        self._ask(image)
        self._frame += 1
        return list(self.tracks)

    def _ask(self, image: np.ndarray) -> None:
        """Ask for the attributes of the faces whose turn it is."""
        if self.describe is None:
            return
        due = [one for one in self.tracks if one.described is None or self._frame - one.described >= self.every]
        if due:
            for track, found in zip(due, self.describe(image, np.stack([one.box for one in due])), strict=True):
                track.attributes, track.described = blended(track.attributes, found), self._frame

    def _answer(self, image: np.ndarray) -> list[bool]:
        """Predict all tracks; return which answers can be trusted."""
        if not self.tracks:
            return []
        landmarks = np.asarray(self.predict(image, np.stack([track.box for track in self.tracks])), float)
        trusted = []
        for track, points in zip(self.tracks, landmarks, strict=True):
            good = bool(np.isfinite(points).all()) and bool(usable_boxes(tight_box(points)[None])[0])
            good = good and bool(box_iou(tight_box(points), track.box) >= KEPT) and _inside(tight_box(points), image)
            track.landmarks = points if good else track.landmarks
            trusted.append(good)
        return trusted

    def _look(self, image: np.ndarray, time: float) -> None:
        """Detect; match the detections to the tracks, then to those that are gone, and begin others."""
        boxes, scores = self.detect(image)
        boxes, scores = np.asarray(boxes, float).reshape(-1, 4), np.asarray(scores, float).ravel()
        self._since = 0
        pairs = match([track.box for track in self.tracks], boxes)
        for i, track in enumerate(self.tracks):
            track.unseen = 0 if i in pairs else track.unseen + 1
            if i in pairs:
                track.score = float(scores[pairs[i]])
                if box_iou(track.box, boxes[pairs[i]]) < KEPT:
                    track.box = boxes[pairs[i]]
        self._end([track for track in self.tracks if track.unseen >= PATIENCE])
        new = [row for row in range(len(boxes)) if row not in pairs.values()]
        back = match([track.box for track in self._gone], boxes[new])
        known = {new[column]: self._gone[i] for i, column in back.items() if time - self._gone[i].last <= self.memory}
        for row in new:
            self._begin(boxes[row], float(scores[row]), known.get(row))

    def _begin(self, box: np.ndarray, score: float, known: Track | None) -> None:
        smooth = self.smoothing() if self.smoothing else None
        if known is None:
            self._count += 1
            self.tracks.append(Track(self._count, box, score, smooth=smooth))
        else:
            self._gone = [track for track in self._gone if track is not known]
            self.tracks.append(Track(known.identity, box, score, smooth=smooth, attributes=known.attributes))

    def _end(self, ended: list[Track]) -> None:
        gone = {track.identity for track in ended}
        self.tracks = [track for track in self.tracks if track.identity not in gone]
        self._gone += [track for track in ended if len(track.landmarks)]
        if gone:
            self._since = self.every  # look for them in the next frame

    def _doubles(self) -> list[Track]:
        """Return the younger of each two tracks that follow one face."""
        boxes = [tight_box(track.landmarks) for track in self.tracks]
        order = sorted(range(len(boxes)), key=lambda i: self.tracks[i].identity)
        younger: list[int] = []
        for place, i in enumerate(order):
            if any(box_iou(boxes[i], boxes[j]) > TWICE for j in order[:place] if j not in younger):
                younger.append(i)
        return [self.tracks[i] for i in younger]


def next_box(box: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Return the box, (4,) px, for the next frame: the same while the landmarks fill it well, else that around them.

    A method answers a little differently in each box. If each box were that of the last answer, the landmarks of a
    still face would wander; where both have an IoU of 0.9 or more, the box stays.

    >>> next_box(np.array([0.0, 0.0, 100.0, 100.0]), np.array([[2.0, 1.0], [101.0, 100.0]])).tolist()
    [0.0, 0.0, 100.0, 100.0]
    >>> next_box(np.array([0.0, 0.0, 100.0, 100.0]), np.array([[20.0, 1.0], [120.0, 100.0]])).tolist()
    [20.0, 1.0, 120.0, 100.0]
    """
    around = tight_box(landmarks)
    return box if box_iou(box, around) >= STEADY else around


def blended(old: Attributes, new: Attributes) -> Attributes:
    """Return the attributes of a face after another answer; what the answer does not tell stays as it was.

    >>> blended({"smile": {"no": 1.0, "yes": 0.0}}, {"smile": {"no": 0.0, "yes": 1.0}})
    {'smile': {'no': 0.75, 'yes': 0.25}}
    >>> blended({"smile": {"yes": 0.5}}, {"smile": {"yes": float("nan")}, "beard": {"yes": 0.25}})
    {'smile': {'yes': 0.5}, 'beard': {'yes': 0.25}}
    """
    told = {name: classes for name, classes in new.items() if np.isfinite(list(classes.values())).all()}
    for name, classes in told.items():
        if name in old:
            told[name] = {one: STAYS * old[name][one] + (1 - STAYS) * share for one, share in classes.items()}
    return {**old, **told}


def match(boxes, others) -> dict[int, int]:
    """Return which of the other boxes is which box: row -> row of `others`, for pairs with an IoU of 0.3 or more.

    Of all assignments the one with the largest sum of IoU.

    >>> match([[0, 0, 10, 10], [20, 0, 30, 10]], [[21, 0, 31, 10], [50, 50, 60, 60], [0, 1, 10, 11]])
    {0: 2, 1: 0}
    """
    from scipy.optimize import linear_sum_assignment

    if not len(boxes) or not len(others):
        return {}
    shared = box_iou(np.asarray(boxes, float)[:, None], np.asarray(others, float)[None])
    rows, columns = linear_sum_assignment(-shared)
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if shared[i, j] >= SAME}


def _inside(box: np.ndarray, image: np.ndarray) -> bool:
    """Whether at least half of a box lies in the image."""
    h, w = image.shape[:2]
    low, high = np.maximum(box[:2], -0.5), np.minimum(box[2:], [w - 0.5, h - 0.5])
    return bool(np.clip(high - low, 0, None).prod() >= 0.5 * box_size(box).prod())
