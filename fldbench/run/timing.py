"""The times of predictions and fits, and the number of cores that they keep busy."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from fldbench.attribute_answers import predict_attributes_checked
from fldbench.attribute_metrics import Answered
from fldbench.faces import FaceSet
from fldbench.faces.images import decoded
from fldbench.method import Method, predict_checked

FACES_AT_ONCE = 256  # faces predicted together, fewer of large photos: the batch size of ms_per_face
WARM_UP = 8  # faces predicted before the clock starts
ALONE = 20  # faces predicted one by one, for ms_one_face


class Prediction(NamedTuple):
    """The answers of a method for n faces: landmarks (n, L, 2) px and attributes; and the times that they took."""

    landmarks: np.ndarray
    attributes: dict[str, Answered]
    timings: dict[str, float | None]


def predict_timed(method: Method, faces: FaceSet) -> Prediction:
    """Return the answers, with milliseconds for each face: in large batches and alone, and for attributes in batches.

    The decoding of images is not part of the times, and attributes are none of the times of landmarks.
    """
    answers: list[np.ndarray] = []
    attributes: list[dict[str, Answered]] = []
    clock, other, alone = Clock(), Clock(), []
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
        with other:
            attributes.append(predict_attributes_checked(method, images, boxes))
        del images  # before the next ones are decoded
    timings: dict[str, float] = {
        "ms_per_face": 1000 * clock.seconds / len(faces),
        "ms_one_face": 1000 * float(np.median(alone)),
    }
    found = {
        name: Answered(first.classes, np.concatenate([part[name].probabilities for part in attributes]))
        for name, first in attributes[0].items()
    }
    if found:
        timings["ms_attributes"] = 1000 * other.seconds / len(faces)
    rounded: dict[str, float | None] = {key: round(ms, 3) for key, ms in timings.items()}
    return Prediction(np.concatenate(answers), found, rounded | {"predict_cores": clock.cores})


def together(fits: Sequence[dict[str, Any]], predictions: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """Return the times of a record, from those of its models and of their predictions.

    Parameters
    ----------
    fits : sequence of dict
        Facts of the fit of each model; their seconds are added up.
    predictions : sequence of (int, dict)
        Number of faces and times of each call of `predict_timed`: their mean over all faces, and the median of the
        times of one face.

    >>> fits = [{"fit_seconds": 2.0, "fit_cores": 1.0, "jobs": 1}, {"fit_seconds": 4.0, "fit_cores": 2.5, "jobs": 2}]
    >>> {name: value for name, value in together(fits, []).items() if value is not None}
    {'fit_seconds': 6.0, 'fit_cores': 2.0, 'jobs': 2, 'fits': 2, 'resumed': False}
    >>> [together(fits, [(1, {"ms_per_face": 4.0}), (3, {"ms_per_face": 8.0})])[key] for key in ("ms_per_face",)]
    [7.0]
    """
    seconds = [float(fit["fit_seconds"]) for fit in fits]
    counts = [n for n, _ in predictions]
    ms, other = ([times.get(key) for _, times in predictions] for key in ("ms_per_face", "ms_attributes"))
    spent = [n * (one or 0.0) for n, one in zip(counts, ms, strict=True)]
    alone = [times["ms_one_face"] for _, times in predictions if times.get("ms_one_face") is not None]
    return {
        "fit_seconds": round(sum(seconds), 3),
        "fit_cores": _mean([fit.get("fit_cores") for fit in fits], seconds, 2),
        "fit_load": max((fit["fit_load"] for fit in fits if fit.get("fit_load") is not None), default=None),
        "device": ", ".join(dict.fromkeys(fit["device"] for fit in fits if fit.get("device"))) or None,
        "jobs": max((fit["jobs"] for fit in fits if fit.get("jobs") is not None), default=None),
        "fits": len(fits),
        "resumed": any(fit.get("resumed", False) for fit in fits),
        "ms_per_face": _mean(ms, counts, 3),
        "ms_one_face": round(float(np.median(alone)), 3) if alone else None,
        "predict_cores": _mean([times.get("predict_cores") for _, times in predictions], spent, 2),
        "ms_attributes": _mean(other, counts, 3),
    }


def _mean(values: Sequence[float | None], weights: Sequence[float], digits: int) -> float | None:
    """Return the weighted mean of the values that are known; None if there are none."""
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    total = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / total, digits) if total else None


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
