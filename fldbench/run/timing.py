"""The times of predictions and fits, and the number of cores that they keep busy."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import numpy as np

from fldbench.faces import FaceSet
from fldbench.faces.images import decoded
from fldbench.method import Method, predict_checked

FACES_AT_ONCE = 256  # faces predicted together, fewer of large photos: the batch size of ms_per_face
WARM_UP = 8  # faces predicted before the clock starts
ALONE = 20  # faces predicted one by one, for ms_one_face


def predict_timed(method: Method, faces: FaceSet) -> tuple[np.ndarray, dict[str, float | None]]:
    """Return predictions (n, L, 2) px and milliseconds for each face in large batches and alone.

    The decoding of images is not part of the times.
    """
    answers: list[np.ndarray] = []
    clock, alone = Clock(), []
    points = faces.landmarks.shape[1]
    for rows, images in decoded(faces.images, FACES_AT_ONCE):
        boxes = faces.boxes[rows]
        if not answers:
            predict_checked(method, images[:WARM_UP], boxes[:WARM_UP], points)
            for i in range(min(ALONE, len(images))):
                began = time.perf_counter()
                predict_checked(method, images[i : i + 1], boxes[i : i + 1], points)
                alone.append(time.perf_counter() - began)
        with clock:
            answers.append(predict_checked(method, images, boxes, points))
    timings = {"ms_per_face": 1000 * clock.seconds / len(faces), "ms_one_face": 1000 * float(np.median(alone))}
    return np.concatenate(answers), {key: round(ms, 3) for key, ms in timings.items()} | {"predict_cores": clock.cores}


class Clock:
    """Adds up the wall time of blocks, and their processor time in this process and in ended children."""

    def __init__(self) -> None:
        self.seconds = self._busy = 0.0

    def __enter__(self) -> None:
        self._began, self._used = time.perf_counter(), _processor_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began
        self._busy += _processor_time() - self._used

    @property
    def cores(self) -> float | None:
        """Mean number of busy cores; None for times too short for the system's clock."""
        return round(self._busy / self.seconds, 2) if self.seconds > 0.05 else None


def _processor_time() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def load_average() -> float | None:
    """Return the machine's load average over one minute; None if the system does not say."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
