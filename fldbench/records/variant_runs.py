"""The runs of an ablation: each record with what it says of each face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fldbench.records.record import Record


@dataclass(frozen=True)
class FaceValues:
    """What was measured on each of n faces.

    Attributes
    ----------
    ids, groups : ndarray of str, (n,)
        Groups are persons, clips or photos.
    charged : ndarray of float, (n,)
        What each face counts in the NME, see `Score`: fractions, NaN for a missed face that is not charged.
    counts : ndarray of int, (n,)
        The counted points of each face.
    landmarks : mapping of str to ndarray of float, (n,)
        Name of a landmark that counts -> its errors, fractions; NaN where it does not count and where the face was
        missed.
    regions : mapping of str to tuple of str
        Part of the face -> its landmarks.
    codes : mapping of str to ndarray of int, (n,)
        Attribute -> the true classes, -1 where they are not known.
    right : mapping of str to ndarray of bool, (n,)
        Attribute -> whether the true class was answered.
    """

    ids: np.ndarray
    groups: np.ndarray
    charged: np.ndarray
    counts: np.ndarray
    landmarks: Mapping[str, np.ndarray]
    regions: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, np.ndarray]
    right: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """What the variants of a method are compared with.

    Attributes
    ----------
    baseline : str
        The variant that all others are compared with.
    parameter : str
        The parameter whose values the variants are; empty where they differ in their tasks.
    of_attributes : mapping of str to str
        Attribute -> the variant that its metrics are compared with, if that is not the baseline.
    second : mapping of str to str
        Variant -> another variant that its NME is compared with too.
    """

    baseline: str
    parameter: str = ""
    of_attributes: Mapping[str, str] = field(default_factory=dict)
    second: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VariantRun:
    """One run of a variant of a method.

    Attributes
    ----------
    method : str
        Label of the method in the suite, the same for all its variants.
    variant : str
        Such as "landmarks + pose", or the value of the parameter that varies.
    tasks : tuple of str
        Of the variant.
    comparison : Comparison
        The same for all variants of the method.
    record : Record
    faces : FaceValues or None
        None for a run without numbers.
    """

    method: str
    variant: str
    tasks: tuple[str, ...]
    comparison: Comparison
    record: Record
    faces: FaceValues | None = None
