"""Learned arrays in 16 or 8 bits for each number, so that a model's file is a half or a quarter as large.

They are float32 again when the model is loaded: its answers differ a little from those of the model that was saved, and
its speed does not.

- float16: every float32 array, rounded to the nearest of 11 significant bits.
- int8: every float32 array whose rows have `LEAST` numbers or more. A row (of a convolution, the weights of one output
  channel) is whole numbers from -127 to 127 times a scale of its own, the largest size in the row over 127. So no
  number is off by more than half a scale. Smaller arrays, such as biases and the statistics of norms, stay as they are:
  they are few, and errors of theirs move whole channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fldbench.errors import DataError, MethodError, must_be

WEIGHTS = ("float32", "float16", "int8")
LEAST = 8  # numbers in a row that share a scale, which has 4 bytes itself
STEPS = 127  # on each side of 0
SCALE = ".scale"  # after the name of an array, that of its scales


def compacted(label: str, arrays: Mapping[str, np.ndarray], weights: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the arrays as they are stored, with those of scales among them, and the names of those that changed.

    Parameters
    ----------
    label : str
        Of the method, for messages.
    arrays : mapping of str to ndarray
    weights : {"float32", "float16", "int8"}
        How numbers are stored; float32 changes nothing.

    Raises
    ------
    MethodError
        For another value of `weights`, and for a number that it cannot hold, or that is not finite.

    Examples
    --------
    >>> stored, names = compacted("m", {"a_": np.arange(16, dtype=np.float32).reshape(2, 8)}, "int8")
    >>> stored["a_"].tolist(), names
    ([[0, 18, 36, 54, 73, 91, 109, 127], [68, 76, 85, 93, 102, 110, 119, 127]], ['a_'])
    >>> stored["a_.scale"].round(4).tolist()
    [0.05510000139474869, 0.11810000240802765]
    """
    if weights not in WEIGHTS:
        raise MethodError(must_be(f"saving {label}", "weights", weights, f"one of {', '.join(WEIGHTS)}"))
    stored, names = dict(arrays), []
    for name, array in arrays.items():
        if weights == "float32" or array.dtype != np.float32 or not array.size:
            continue
        if weights == "float16":
            _check_largest(label, name, array, np.float16)
            stored[name] = array.astype(np.float16)
        elif array.ndim >= 2 and array[0].size >= LEAST:
            _check_largest(label, name, array, np.float32)
            stored[name], stored[name + SCALE] = _in_steps(array)
        else:
            continue
        names.append(name)
    return stored, names


def restored(stored: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the arrays as they are used: those that `compacted` changed are float32 again.

    Raises
    ------
    DataError
        For a name without its array or scales, and for scales that do not fit.
    """
    arrays = dict(stored)
    for name in names:
        array = arrays.get(name)
        if array is None or array.dtype not in (np.float16, np.int8) or (array.dtype == np.int8 and array.ndim < 2):
            got = "absent" if array is None else f"{array.dtype} of {array.ndim} dimensions"
            raise DataError(must_be("a model in 8 or 16 bits", repr(name), got, "float16, or int8 with rows"))
        if array.dtype == np.float16:
            arrays[name] = array.astype(np.float32)
            continue
        scale = arrays.pop(name + SCALE, None)
        if scale is None or scale.dtype != np.float32 or scale.shape != array.shape[:1]:
            got = "absent" if scale is None else f"{scale.dtype} of shape {scale.shape}"
            raise DataError(must_be("a model in 8 bits", repr(name + SCALE), got, f"float32 of shape ({len(array)},)"))
        with np.errstate(all="ignore"):  # what becomes infinite is refused where the array is taken
            arrays[name] = array * _as_rows(scale, array.ndim)
    return arrays


def _check_largest(label: str, name: str, array: np.ndarray, kind: type[np.floating]) -> None:
    """Raise MethodError for an array (n, ...) with a number that is not finite, or too large for the kind of number."""
    largest, limit = float(np.abs(array).max()), float(np.finfo(kind).max)
    if not largest <= limit:
        then = "save it as float32" if np.isfinite(largest) else "fit it again"
        raise MethodError(
            must_be(f"saving {label}", f"the largest number of {name!r}", largest, f"up to {limit:g}", then)
        )


def _in_steps(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers (n, ...) int8 and the scale of each row (n,) float32."""
    scale = np.abs(array).reshape(len(array), -1).max(axis=1) / np.float32(STEPS)
    steps = np.rint(array / _as_rows(np.where(scale > 0, scale, np.float32(1)), array.ndim))
    return np.clip(steps, -STEPS, STEPS).astype(np.int8), scale


def _as_rows(scale: np.ndarray, dimensions: int) -> np.ndarray:
    return scale.reshape(-1, *[1] * (dimensions - 1))
