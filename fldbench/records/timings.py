"""Timings: what a run cost in time and memory, a part of its record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Times of a run; None if not measured.

    Attributes
    ----------
    fit_seconds : float or None
        Wall time of the fit, or of all fits.
    fits : int
        Number of models: one, or one for each fold.
    resumed : bool
        An interrupted training was continued; `fit_seconds` counts its last part alone.
    fit_cores, predict_cores : float or None
        Mean number of busy cores: processor time of the process and its children, divided by the wall time.
    ms_per_face, ms_one_face : float or None
        Of landmarks in large batches, and the median of faces predicted one by one.
    ms_attributes : float or None
        Of attributes, each face in large batches; a call of its own, and no part of the times of landmarks.
    ms_confidence : float or None
        Of the confidence in each face, likewise; None also in records of earlier versions.
    device : str or None
        Device of the fit.
    jobs : int or None
        Models that were fitted at the same time.
    load, fit_load : float or None
        The machine's load average over one minute, when the measurement and the fit ended.
    ms_one_interval, ms_one_p95, ms_one_p95_interval
        Of faces predicted one by one: the 95 % interval of the median, the 95th percentile, and its interval.
    ms_best_batch, best_batch : float, int or None
        The least time of a face in a batch, and the size of that batch.
    ms_decode : float or None
        Of the decoding of a face's photo, which is no part of the other times.
    threads : int or None
        That the libraries of the process may use at once.
    fit_peak_mb, predict_peak_mb : float or None
        By how many MB (10^6 bytes) the process grew at most; see `fldbench.run.memory`.
    latency_alone : bool or None
        Whether no other model of the run worked while faces were predicted one by one and in batches of several sizes.
    """

    fit_seconds: float | None = None
    fits: int = 1
    resumed: bool = False
    fit_cores: float | None = None
    ms_per_face: float | None = None
    ms_one_face: float | None = None
    predict_cores: float | None = None
    device: str | None = None
    jobs: int | None = None
    load: float | None = None
    fit_load: float | None = None
    ms_attributes: float | None = None
    ms_confidence: float | None = None
    ms_one_interval: tuple[float, float] | None = None
    ms_one_p95: float | None = None
    ms_one_p95_interval: tuple[float, float] | None = None
    ms_best_batch: float | None = None
    best_batch: int | None = None
    ms_decode: float | None = None
    threads: int | None = None
    fit_peak_mb: float | None = None
    predict_peak_mb: float | None = None
    latency_alone: bool | None = None
