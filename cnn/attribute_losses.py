"""Losses of attributes, each per face: a face whose code is unknown (-1) costs nothing.

The loss of a batch is their mean over the known faces (`losses.masked_mean` with the face's weight where its code is
known, 0 elsewhere): 0, with gradients of 0, where no face is known. The weights of the classes are no part of that
mean's divisor. So the batches of an epoch add up to the loss of the training set, whichever classes they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from fldbench.errors import MethodError, must_be, near_miss
from fldbench.params import one_of

KINDS = ("cross-entropy", "balanced", "focal")
GAMMA = 2  # of the focal loss, as in its paper


def attribute_loss(
    kind: str, logits: torch.Tensor, codes: torch.Tensor, class_weight: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the loss of each face, (b,); 0 where the code is -1.

    Parameters
    ----------
    kind : {"cross-entropy", "balanced", "focal"}
        "balanced": the cross-entropy times the weight of the true class. "focal": times (1 - p)^2, with p the
        probability of the true class (Lin et al. 2017, gamma 2, no alpha).
    logits : Tensor, (b, k)
    codes : Tensor of int64, (b,)
        True classes, or -1.
    class_weight : Tensor, (k,), optional
        Of "balanced", see `class_weights`.

    Examples
    --------
    >>> attribute_loss("focal", torch.zeros(2, 2), torch.tensor([1, -1])).round(decimals=4).tolist()
    [0.17329999804496765, 0.0]
    """
    logits = logits.float()  # half precision would round the logarithms
    entropy = functional.cross_entropy(logits, codes, ignore_index=-1, reduction="none")
    if kind == "balanced":
        if class_weight is None:
            raise ValueError("the loss 'balanced' needs class_weight")
        return entropy * class_weight.to(entropy)[codes.clamp(min=0)]
    if kind == "focal":
        return (-torch.expm1(-entropy)) ** GAMMA * entropy
    return entropy


def class_weights(codes: np.ndarray, k: int, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the weights under which all classes count the same: n / (c n_i), with c the number of classes seen.

    Parameters
    ----------
    codes : ndarray of int, (n,)
        Of the training faces; -1 is unknown.
    k : int
        Number of classes.
    weight : ndarray, (n,), optional
        Of the faces.

    Returns
    -------
    ndarray, (k,)
        0 for a class without faces. Their mean over the known faces is 1.

    Examples
    --------
    >>> class_weights(np.array([0, 1, 1, 1, -1]), 3).round(4).tolist()
    [2.0, 0.6667, 0.0]
    """
    sums = _class_sums(codes, k, weight)
    seen = sums > 0
    return np.divide(sums.sum(), seen.sum() * sums, out=np.zeros(k), where=seen)


def loss_of_frequencies(kind: str, codes: np.ndarray, k: int, weight: np.ndarray | None = None) -> float:
    """Return the mean loss of an answer that is the same for all faces: the frequencies of the classes.

    With "balanced", the frequencies under the weights of the classes, which are equal. It is 0 if there is one class
    only.

    Parameters
    ----------
    kind : str
        See `attribute_loss`.
    codes, k, weight
        See `class_weights`.

    Examples
    --------
    >>> codes = np.array([0, 1, 1, 1, -1])
    >>> [round(loss_of_frequencies(kind, codes, 2), 4) for kind in ("cross-entropy", "balanced", "focal")]
    [0.5623, 0.6931, 0.2084]
    """
    sums = _class_sums(codes, k, weight)
    share = sums[sums > 0] / sums.sum()
    if kind == "balanced":
        return float(np.log(len(share)))
    entropy = -np.log(share)
    return float((share * ((1 - share) ** GAMMA if kind == "focal" else 1) * entropy).sum())


def check_attribute_loss(value: str | Mapping[str, Any], tasks: Sequence[str], label: str) -> dict[str, str]:
    """Return the kind of loss of each attribute among `tasks`, from a parameter: one kind for all, or a dict.

    An attribute that the dict does not name has the cross-entropy.

    Raises
    ------
    MethodError
        For an unknown kind, and an attribute that is no task; the message begins with `label`.

    Examples
    --------
    >>> check_attribute_loss({"pose": "focal"}, ["landmarks", "pose", "smile"], "fld-net")
    {'pose': 'focal', 'smile': 'cross-entropy'}
    """
    attributes = [task for task in tasks if task != "landmarks"]
    rule = one_of(KINDS)
    if isinstance(value, str):
        if not rule.fits(value):
            raise MethodError(must_be(label, "attribute_loss", value, rule.allowed, "or a dict of attribute -> loss"))
        return dict.fromkeys(attributes, value)
    if not isinstance(value, Mapping):
        raise MethodError(must_be(label, "attribute_loss", value, f"{rule.allowed}, or a dict of attribute -> loss"))
    for name, kind in value.items():
        if name not in attributes:
            known = near_miss(str(name), attributes)
            raise MethodError(f"{label}: attribute_loss names {name!r}, which is no attribute among the tasks; {known}")
        if not rule.fits(kind):
            raise MethodError(must_be(label, f"attribute_loss of {name}", kind, rule.allowed))
    return {name: value.get(name, "cross-entropy") for name in attributes}


def _class_sums(codes: np.ndarray, k: int, weight: np.ndarray | None) -> np.ndarray:
    """Return the summed weight of the faces of each class, (k,) float."""
    known = codes >= 0
    return np.bincount(codes[known], None if weight is None else weight[known], minlength=k).astype(float)
