"""The scores of attributes: those that were answered, and that the test faces have with the same classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fldbench.attribute_metrics import Answered, AttributeFacts, count_answers, improper, measure_attribute
from fldbench.errors import PredictionsError, must_be
from fldbench.faces import FaceSet
from fldbench.metrics import Metric


@dataclass(frozen=True)
class AttributeScores:
    """What was measured of attributes.

    Attributes
    ----------
    facts : AttributeFacts
        What was counted, and what was answered but not measured.
    values : tuple of Metric
        See `fldbench.attribute_metrics`.
    evidence : dict of str to ndarray
        The arrays from which all of it follows: `probabilities:NAME`, (n, k) float32, `codes:NAME`, (n,) int64, and the
        names of the k classes, `classes:NAME`.
    """

    facts: AttributeFacts = field(default_factory=AttributeFacts)
    values: tuple[Metric, ...] = ()
    evidence: dict[str, np.ndarray] = field(default_factory=dict)


def score_attributes(answers: Mapping[str, Answered], faces: FaceSet, where: str) -> AttributeScores:
    """Measure the attributes that the faces have with the same classes in the same order.

    Parameters
    ----------
    answers : mapping of str to Answered
        Attribute -> its classes and probabilities for the n faces.
    faces : FaceSet
    where : str
        For messages.

    Raises
    ------
    PredictionsError
        For probabilities of another shape, and for numbers that are no probabilities.
    """
    values: list[Metric] = []
    facts = AttributeFacts()
    evidence: dict[str, np.ndarray] = {}
    for name, (classes, probabilities) in answers.items():
        shape = (len(faces), len(classes))
        if np.shape(probabilities) != shape:
            raise PredictionsError(
                must_be(where, f"probabilities.shape of {name}", np.shape(probabilities), f"{shape}")
            )
        why = _why_not(name, classes, faces)
        if why:
            facts.left_out[name] = why
            continue
        if (wrong := improper(probabilities)).any():
            row = np.flatnonzero(wrong)[0]
            allowed = "at least 0 and sum to 1, or all of them NaN"
            got = np.asarray(probabilities)[row].tolist()
            raise PredictionsError(must_be(where, f"the probabilities of {name} for {faces.ids[row]}", got, allowed))
        codes, kept = faces.attributes[name].astype(np.int64), np.asarray(probabilities, np.float32)
        ordered = faces.attribute_types[name].ordered
        values += measure_attribute(name, codes, kept, ordered)
        facts.measured[name] = count_answers(codes, kept, classes, ordered)
        evidence |= {f"probabilities:{name}": kept, f"codes:{name}": codes, f"classes:{name}": np.array(classes)}
    return AttributeScores(facts, tuple(values), evidence)


def _why_not(name: str, classes: tuple[str, ...], faces: FaceSet) -> str:
    """Return why an attribute cannot be measured; empty if it can."""
    if name not in faces.attributes:
        return "the test faces do not have it"
    if name not in faces.attribute_types:
        return "it is a number without classes in the test faces"
    if not classes:
        return "no face has an answer"
    own = faces.attribute_types[name].classes
    if own != classes:
        return f"its classes are {', '.join(classes)}; those of the test faces are {', '.join(own)}"
    return ""
