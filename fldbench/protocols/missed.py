"""What a face without an answer counts. The rule is a part of the protocol:

failure
    it is left out of the NME, fails in every FR and is zero in the AUC;
skipped
    it is left out of everything, as in code of others that divides by the faces found;
value:X
    its error is X, a fraction of the normaliser, in everything;
mean-shape
    its error, in everything, is that of the mean shape of the protocol's own faces, in the frame of their boxes and put
    into the box of this face: an answer that needs no image.

Under the last two a method gains nothing by giving up, so rows with missed faces can be ranked by their NME; not so if
X is less than a failure, or if the mean shape is that of a few faces, which is nearly each of them: see `costs`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fldbench.errors import ProtocolError, must_be
from fldbench.faces import FaceSet
from fldbench.protocols.names import decimals, number, percent
from fldbench.shapes import from_box_frame, mean_in_box

LEAST_FACES = 10  # of a mean shape that says little about each of them


def policy(text: str, where: str) -> str:
    """Return the canonical name of a rule; raise ProtocolError, which begins with `where`.

    >>> policy("value:1", "p"), policy("mean-shape", "p")
    ('value:1.00', 'mean-shape')
    """
    name, colon, value = str(text).partition(":")
    if name in ("failure", "skipped", "mean-shape") and not colon:
        return name
    if name == "value" and 0 < number(value) < np.inf:
        return f"value:{decimals(float(value))}"
    allowed = "failure, skipped, mean-shape, or value:X with X above 0, a fraction of the normaliser"
    raise ProtocolError(must_be(where, "missed", text, allowed))


def is_charged(rule: str) -> bool:
    """Return whether a missed face has an error in the NME.

    >>> [is_charged(rule) for rule in ("failure", "skipped", "value:1.00", "mean-shape")]
    [False, False, True, True]
    """
    return rule == "mean-shape" or rule.startswith("value:")


def costs(rule: str, largest: float, n: int) -> bool:
    """Return whether a missed face costs at least what a bad answer does, so that giving up wins nothing.

    Parameters
    ----------
    rule : str
        A canonical name.
    largest : float
        The largest threshold of FR; an error below it is no failure.
    n : int
        The number of faces; the mean shape of fewer than ten is too near to each of them.

    >>> [costs(rule, 0.1, 330) for rule in ("failure", "skipped", "value:0.01", "value:0.10", "mean-shape")]
    [True, False, False, True, True]
    >>> costs("mean-shape", 0.1, 3)
    False
    """
    if rule.startswith("value:"):
        return float(rule.removeprefix("value:")) >= largest
    return rule == "failure" or (rule == "mean-shape" and n >= LEAST_FACES)


def in_words(rule: str) -> str:
    """Return what a missed face counts, for captions.

    >>> in_words("value:0.20")
    'a missed face has the error 20 %'
    """
    name, _, value = rule.partition(":")
    return {
        "failure": "a missed face is a failure and not part of the NME",
        "skipped": "a missed face is left out of every number",
        "value": f"a missed face has the error {percent(float(value or 0))} %",
        "mean-shape": "a missed face has the error of these faces' mean shape, put into its box",
    }[name]


def charged(rule: str, errors: np.ndarray, of_mean_shape: Callable[[], np.ndarray]) -> np.ndarray:
    """Return what each face counts.

    Parameters
    ----------
    rule : str
        A canonical name.
    errors : ndarray of float, (n,)
        Fractions; NaN for a missed face.
    of_mean_shape : callable
        Returns the errors (n,) of the mean shape; called only if they are needed.

    Returns
    -------
    ndarray of float, (n,)
        The errors; for a missed face what the rule charges, or NaN if it charges nothing.

    Raises
    ------
    ProtocolError
        When the mean shape has no finite error for a missed face, because its box has no size.

    >>> charged("value:0.50", np.array([0.1, np.nan]), lambda: np.zeros(2)).tolist()
    [0.1, 0.5]
    """
    lost = np.isnan(errors)
    if rule.startswith("value:"):
        return np.where(lost, float(rule.removeprefix("value:")), errors)
    if rule != "mean-shape" or not lost.any():
        return errors
    filled = np.where(lost, of_mean_shape(), errors)
    if not np.isfinite(filled).all():
        raise ProtocolError(
            f"missed=mean-shape: {int((~np.isfinite(filled)).sum())} missed face(s) have a box without a size; "
            "use another rule for missed faces, or mend the boxes"
        )
    return filled


def mean_shapes(faces: FaceSet) -> Callable[[slice], np.ndarray]:
    """Return what puts the mean shape of the faces, in the frame of their boxes, into the boxes of some: (k, L, 2) px.

    A point that no face has is NaN.
    """
    known = np.isfinite(faces.landmarks).all(axis=-1).any(axis=0)
    unit = np.full(faces.landmarks.shape[1:], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit[known] = mean_in_box(faces.landmarks[:, known], faces.boxes)

    def put(rows: slice) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return from_box_frame(unit, faces.boxes[rows])

    return put
