"""Attributes in prediction files: probabilities by the names of attribute and class, beside the landmarks."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fldbench.attribute_metrics import Answered, improper
from fldbench.errors import PredictionsError, must_be
from fldbench.faces import Attribute

MOST_CLASSES = 1000
LONGEST_NAME = 4096  # bytes of the name of a class in an npz file
NOT_READ = Answered((), np.empty((0, 0), np.float32))  # of an attribute that the test faces do not have
KEYS = ("landmarks", "attributes")  # of a face in JSON


class Header(NamedTuple):
    """What an array of an npz file claims to be."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def columns_of(header: Sequence[str], path: Path, line: int) -> dict[str, dict[str, int]]:
    """Return attribute -> class -> column, of the columns of a CSV file that are named ATTRIBUTE:CLASS.

    A single one is no attribute, but another column.

    >>> columns_of(["id", "smile:no", "smile:yes", "took:ms"], Path("a.csv"), 1)
    {'smile': {'no': 1, 'yes': 2}}
    """
    found: dict[str, dict[str, int]] = {}
    for column, name in enumerate(header):
        attribute, colon, one = (part.strip() for part in name.partition(":"))
        if not colon or not attribute or not one:
            continue
        if one in found.setdefault(attribute, {}):
            raise PredictionsError(f"the column {name.strip()!r} is given twice; write it once", path, line)
        found[attribute][one] = column
    return {attribute: classes for attribute, classes in found.items() if len(classes) > 1}


def split_face(pairs: Sequence[tuple[str, Any]], face: str, path: Path) -> tuple[Any, list[tuple[str, Any]]]:
    """Return the landmarks and the attributes of a face in JSON, given as the pairs of an object with landmarks."""
    keys = [key for key, _ in pairs]
    content = dict(pairs)
    attributes = content.get("attributes") or []
    if len(set(keys)) < len(keys) or not set(keys) <= set(KEYS) or not _are_pairs(attributes):
        allowed = '{"landmarks": [[x, y], ...], "attributes": {ATTRIBUTE: {CLASS: probability}}}'
        raise PredictionsError(must_be(f"face {face!r}", "its entry", f"an object of {', '.join(keys)}", allowed), path)
    return content["landmarks"], list(attributes)


def from_json(
    faces: Sequence[str], found: Sequence[Sequence[tuple[str, Any]]], wanted: Collection[str], path: Path
) -> dict[str, Answered]:
    """Return the attributes of all faces in JSON: for each face the pairs of attribute and classes.

    A face without an attribute, or with null, is one without an answer; all others must name the same classes.
    """
    classes: dict[str, tuple[str, ...]] = {}
    rows: dict[str, dict[int, list[float]]] = {}
    for row, (face, attributes) in enumerate(zip(faces, found, strict=True)):
        if len({name for name, _ in attributes}) < len(attributes):
            raise PredictionsError(f"face {face!r}: an attribute is given twice; write it once", path)
        for name, answer in attributes:
            rows.setdefault(name, {})
            if name not in wanted or answer is None:
                continue
            if not _are_pairs(answer) or not all(_is_probability(value) for _, value in answer):
                raise PredictionsError(f"face {face!r}: {name} must be {{CLASS: probability}} or null", path)
            known = classes.setdefault(name, tuple(one for one, _ in answer))
            if len(answer) != len(known) or {one for one, _ in answer} != set(known):
                got = ", ".join(one for one, _ in answer)
                raise PredictionsError(must_be(f"face {face!r}", f"the classes of {name}", got, ", ".join(known)), path)
            numbers = {one: np.nan if value is None else float(value) for one, value in answer}
            rows[name][row] = [numbers[one] for one in known]
    answers = {}
    for name, some in rows.items():
        if name not in classes:
            answers[name] = NOT_READ
            continue
        every = np.full((len(faces), len(classes[name])), np.nan)
        for row, numbers_of_face in some.items():
            every[row] = numbers_of_face
        answers[name] = checked(name, classes[name], every, faces, path)
    return answers


def from_npz(
    archive: zipfile.ZipFile,
    header: Callable[[zipfile.ZipFile, str], Header],
    n: int,
    wanted: Collection[str],
    path: Path,
) -> tuple[list[str], list[str]]:
    """Return the attributes that an npz file answers, those to read first, after a look at what it claims to hold."""
    names = {one.removesuffix(".npy") for one in archive.namelist()}
    found = sorted(name.partition(":")[2] for name in names if name.startswith("probabilities:"))
    read = [name for name in found if name in wanted]
    for name in read:
        if f"classes:{name}" not in names:
            raise PredictionsError(f"no array classes:{name} names the classes of probabilities:{name}; add it", path)
        answer, classes = header(archive, f"probabilities:{name}"), header(archive, f"classes:{name}")
        if len(classes.shape) != 1 or classes.dtype.kind not in "US" or classes.dtype.itemsize > LONGEST_NAME:
            got = f"{classes.dtype} of shape {classes.shape}"
            raise PredictionsError(must_be(f"classes:{name}", "the array", got, "k names"), path)
        k = classes.shape[0]
        if answer.shape != (n, k) or k > MOST_CLASSES or answer.dtype.kind not in "fiu":
            got, allowed = f"{answer.dtype} of shape {answer.shape}", f"numbers of shape {(n, k)}"
            raise PredictionsError(must_be(f"probabilities:{name}", "the array", got, allowed), path)
    return read, [name for name in found if name not in read]


def checked(name: str, classes: Sequence[str], rows: np.ndarray, faces: Sequence[str], path: Path) -> Answered:
    """Return the answers for an attribute; a row with a number that is not finite is a face without an answer.

    Raises
    ------
    PredictionsError
        For classes that are given twice, and for numbers that are no probabilities.
    """
    if len(set(classes)) < len(classes):
        raise PredictionsError(must_be("the file", f"the classes of {name}", list(classes), "each given once"), path)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is no answer
        found = rows.astype(np.float32)
    found[~np.isfinite(found).all(axis=1)] = np.nan
    wrong = np.flatnonzero(improper(found))
    if len(wrong):
        got = dict(zip(classes, found[wrong[0]].tolist(), strict=True))
        allowed = "at least 0 and sum to 1, or all of them empty for no answer"
        where = f"face {faces[wrong[0]]!r}"
        raise PredictionsError(must_be(where, f"the probabilities of {name}", got, allowed), path)
    return Answered(tuple(classes), found)


def of_faces(answers: Mapping[str, Answered], rows: np.ndarray, types: Mapping[str, Attribute]) -> dict[str, Answered]:
    """Return the answers for the faces of a protocol, whose rows in the file are given, -1 for a face without one.

    Files name each class, so classes in another order than that of the faces are put into their order.
    """
    there = rows >= 0
    found = {}
    for name, (classes, probabilities) in answers.items():
        own = types[name].classes if name in types else classes
        order = own if set(own) == set(classes) else classes
        kept = np.full((len(there), len(order)), np.nan, np.float32)
        if order:
            columns = [classes.index(one) for one in order]
            kept[there] = probabilities[rows[there]][:, columns]
        found[name] = Answered(tuple(order), kept)
    return found


def _are_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, tuple) for one in value)


def _is_probability(value: Any) -> bool:
    return value is None or type(value) is float or (type(value) is int and 0 <= value <= 1)
