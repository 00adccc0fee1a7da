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
from fldbench.confidence import predict_confidence_checked
from fldbench.faces import FaceSet
from fldbench.faces.images import decoded
from fldbench.method import Method, predict_checked
from fldbench.run.latency import best_batch, quantile_of, threads, times_alone
from fldbench.run.memory import Peak
from fldbench.run.quiet import quiet, stood_still

FACES_AT_ONCE = 256  # faces predicted together, fewer of large photos: the batch size of ms_per_face


class Prediction(NamedTuple):
    """The answers of a method for n faces: landmarks (n, L, 2) px and attributes; and the times that they took.

    Confidence is (n,), or None for a method that does not say how sure it is.
    """

    landmarks: np.ndarray
    attributes: dict[str, Answered]
    timings: dict[str, Any]
    confidence: np.ndarray | None = None


def predict_timed(method: Method, faces: FaceSet) -> Prediction:
    """Return the answers, with milliseconds for each face: in large batches, alone, and in the best batch.

    The decoding of images has a time of its own and is no part of the others; attributes and confidence are none of the
    times of landmarks. Peak memory is that of all calls for landmarks.
    """
    answers: list[np.ndarray] = []
    attributes: list[dict[str, Answered]] = []
    sure: list[np.ndarray | None] = []
    clock, other, doubting, reading = Clock(), Clock(), Clock(), Clock()
    timings: dict[str, Any] = {}
    points = faces.landmarks.shape[1]
    parts = iter(decoded(faces.images, FACES_AT_ONCE))
    while True:
        with reading:
            part = next(parts, None)
        if part is None:
            break
        rows, images = part
        boxes = faces.boxes[rows]
        with Peak() as peak:
            if not answers:
                with quiet() as alone:
                    timings |= _one_by_one(method, images, boxes, points) | {"latency_alone": alone}
            with clock:
                answers.append(predict_checked(method, images, boxes, points))
        if peak.megabytes is not None:
            timings["predict_peak_mb"] = max(peak.megabytes, timings.get("predict_peak_mb", 0.0))
        with other:
            attributes.append(predict_attributes_checked(method, images, boxes))
        with doubting:
            sure.append(predict_confidence_checked(method, images, boxes))
        del part, images  # before the next ones are decoded
    found = {
        name: Answered(first.classes, np.concatenate([part[name].probabilities for part in attributes]))
        for name, first in attributes[0].items()
    }
    seconds = {"ms_per_face": clock.seconds, "ms_decode": reading.seconds}
    known = [one for one in sure if one is not None]
    seconds |= {"ms_attributes": other.seconds} if found else {}
    seconds |= {"ms_confidence": doubting.seconds} if known else {}
    timings |= {name: round(1000 * spent / len(faces), 3) for name, spent in seconds.items()}
    confidence = np.concatenate(known) if known else None
    return Prediction(np.concatenate(answers), found, timings | {"predict_cores": clock.cores}, confidence)


def _one_by_one(method: Method, images: Sequence[np.ndarray], boxes: np.ndarray, points: int) -> dict[str, Any]:
    """Return the times of faces alone and in the best batch, ms, and the threads that there are."""
    spent = [1000 * seconds for seconds in times_alone(method, images, boxes, points)]
    median, slow = quantile_of(spent, 0.5), quantile_of(spent, 0.95)
    size, best = best_batch(method, images, boxes, points, median.value / 1000)
    return {
        "ms_one_face": round(median.value, 3),
        "ms_one_interval": _rounded(median.interval),
        "ms_one_p95": round(slow.value, 3),
        "ms_one_p95_interval": _rounded(slow.interval),
        "ms_best_batch": round(1000 * best, 3),
        "best_batch": size,
        "threads": threads(),
    }


def _rounded(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (round(interval[0], 3), round(interval[1], 3))


def together(fits: Sequence[dict[str, Any]], predictions: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """Return the times of a record, from those of its models and of their predictions.

    Parameters
    ----------
    fits : sequence of dict
        Facts of the fit of each model; their seconds are added up.
    predictions : sequence of (int, dict)
        Number of faces and times of each call of `predict_timed`: their mean over all faces, the median of the times of
        one face, and the largest memory. Intervals and the best batch are those of a single model; of several models
        there are none.

    >>> fits = [{"fit_seconds": 2.0, "fit_cores": 1.0, "jobs": 1}, {"fit_seconds": 4.0, "fit_cores": 2.5, "jobs": 2}]
    >>> {name: value for name, value in together(fits, []).items() if value is not None}
    {'fit_seconds': 6.0, 'fit_cores': 2.0, 'jobs': 2, 'fits': 2, 'resumed': False}
    >>> [together(fits, [(1, {"ms_per_face": 4.0}), (3, {"ms_per_face": 8.0})])[key] for key in ("ms_per_face",)]
    [7.0]
    """
    seconds = [float(fit["fit_seconds"]) for fit in fits]
    counts = [n for n, _ in predictions]
    ms = [times.get("ms_per_face") for _, times in predictions]
    spent = [n * (one or 0.0) for n, one in zip(counts, ms, strict=True)]
    alone, slow = ([t[key] for _, t in predictions if t.get(key) is not None] for key in ("ms_one_face", "ms_one_p95"))
    only = predictions[0][1] if len(predictions) == 1 else {}
    return {
        "fit_seconds": round(sum(seconds), 3),
        "fit_cores": _mean([fit.get("fit_cores") for fit in fits], seconds, 2),
        "fit_load": _largest(fits, "fit_load"),
        "fit_peak_mb": _largest(fits, "fit_peak_mb"),
        "device": ", ".join(dict.fromkeys(fit["device"] for fit in fits if fit.get("device"))) or None,
        "jobs": _largest(fits, "jobs"),
        "fits": len(fits),
        "resumed": any(fit.get("resumed", False) for fit in fits),
        "ms_per_face": _mean(ms, counts, 3),
        "ms_one_face": round(float(np.median(alone)), 3) if alone else None,
        "ms_one_p95": round(float(np.median(slow)), 3) if slow else None,
        "predict_cores": _mean([times.get("predict_cores") for _, times in predictions], spent, 2),
        **{
            key: _mean([times.get(key) for _, times in predictions], counts, 3)
            for key in ("ms_attributes", "ms_confidence", "ms_decode")
        },
        "predict_peak_mb": _largest([times for _, times in predictions], "predict_peak_mb"),
        "latency_alone": all(alone) if (alone := [t.get("latency_alone", False) for _, t in predictions]) else None,
        "threads": _largest([times for _, times in predictions], "threads"),
        **{key: only.get(key) for key in ("ms_one_interval", "ms_one_p95_interval", "ms_best_batch", "best_batch")},
    }


def _largest(facts: Sequence[dict[str, Any]], key: str) -> Any:
    """Return the largest value that is known; None if there is none."""
    return max((one[key] for one in facts if one.get(key) is not None), default=None)


def _mean(values: Sequence[float | None], weights: Sequence[float], digits: int) -> float | None:
    """Return the weighted mean of the values that are known; None if there are none."""
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    total = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / total, digits) if total else None


class Clock:
    """Adds up the wall time of blocks, and their processor time in this process and in ended children.

    Time in which the process stood still, for others to measure, does not count.
    """

    def __init__(self) -> None:
        self.seconds = self._busy = 0.0

    def __enter__(self) -> None:
        self._began, self._used = time.perf_counter() - stood_still(), _processor_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - stood_still() - self._began
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
