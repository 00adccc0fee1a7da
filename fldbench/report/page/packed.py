"""Numbers of a page as packed text: unsigned integers of 16 bits, little-endian, in base64."""

from __future__ import annotations

import base64

import numpy as np

STEP = 1e-4  # of an error, a fraction of the normaliser: 0.01 %
NOTHING = 65535  # stands for a face without an error, and for a point that was not answered
MOST = NOTHING - 1


def packed_errors(errors: np.ndarray) -> str:
    """Return errors, fractions of any shape, in steps of 0.01 %; the largest that can be told is 655.34 %.

    NaN becomes NOTHING.

    >>> import base64
    >>> np.frombuffer(base64.b64decode(packed_errors(np.array([0.05, np.nan, 99.0]))), "<u2").tolist()
    [500, 65535, 65534]
    """
    return packed(np.asarray(errors, float) / STEP)


def packed(steps: np.ndarray) -> str:
    """Return numbers of steps, rounded and kept within 0 to MOST; NaN becomes NOTHING."""
    steps = np.asarray(steps, float)
    whole = np.where(np.isnan(steps), NOTHING, np.clip(np.rint(steps), 0, MOST))
    return base64.b64encode(whole.astype("<u2").tobytes()).decode()
