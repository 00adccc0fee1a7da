"""The per-face arrays beside records, read for reports: errors, groups, slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fldbench.errors import DataError, FldbenchError, StoreError, must_be
from fldbench.npz import read_npz
from fldbench.records.record import Record


@dataclass(frozen=True)
class KeptFaces:
    """What a record keeps of its n test faces, in the order of their ids.

    Attributes
    ----------
    ids : ndarray of str, (n,)
    charged : ndarray of float, (n,)
        What each face counts in the NME, as a fraction of the normaliser; NaN for a missed face that is not charged.
    errors : ndarray of float, (n,)
        The same, with NaN for every missed face.
    groups : ndarray of int, (n,), or None
        Persons, clips or photos by number; None in records of earlier versions.
    slices : mapping of str to ndarray, (n,)
        `attribute:NAME` -> classes, empty where they are not known; `subset:NAME` -> flags.
    confidence : ndarray of float, (n,), or None
        Of a method that says how sure it is.
    """

    ids: np.ndarray
    charged: np.ndarray
    errors: np.ndarray
    groups: np.ndarray | None = None
    slices: Mapping[str, np.ndarray] = field(default_factory=dict)
    confidence: np.ndarray | None = None


FLAT = ("ids", "errors", "charged", "counts", "groups", "confidence", "slices")  # the last holds names of arrays
# What an array of this name, or with this word before a colon, must hold: numpy's letters for it, and in words.
KINDS = {
    **dict.fromkeys(("errors", "charged", "counts", "confidence", "predictions", "probabilities"), ("fiu", "numbers")),
    **{"codes": ("iu", "whole numbers"), "subset": ("b", "flags"), "ids": ("U", "text"), "slices": ("U", "text")},
}


def read_arrays(path: str | Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return those of the named arrays that the faces.npz of a record holds.

    Raises
    ------
    DataError
        As `fldbench.npz.read_npz` and `check_arrays` do.
    """
    arrays = read_npz(path, names)
    check_arrays(arrays, path)
    return arrays


def check_arrays(arrays: Mapping[str, np.ndarray], where: object) -> None:
    """Raise DataError unless the arrays that a record keeps can be of the same faces, by their shapes and kinds.

    A digest says that they are as they were written, and not that a run wrote them.

    >>> check_arrays({"ids": np.array(["a", "b"]), "errors": np.array([0.1, 0.2])}, "faces.npz")
    >>> check_arrays({"ids": np.array(["a", "b"]), "errors": np.array([0.1])}, "faces.npz")
    Traceback (most recent call last):
    fldbench.errors.DataError: faces.npz: the shape of errors is (1,); must be (2,)
    """
    n = next((values.shape[0] for name, values in arrays.items() if name != "slices" and values.ndim), 0)
    for name, values in arrays.items():
        rows = values.size if name == "slices" else n
        shape = (rows,) if name in FLAT else (rows, *values.shape[1:])
        if values.shape != shape:
            raise DataError(must_be(where, f"the shape of {name}", values.shape, str(shape)))
        letters, allowed = KINDS.get(name.partition(":")[0], (values.dtype.kind, ""))
        if values.dtype.kind not in letters:
            raise DataError(must_be(where, f"the kind of {name}", str(values.dtype), allowed))


def read_kept(record: Record) -> KeptFaces:
    """Return what a record keeps of its faces.

    Raises
    ------
    StoreError
        Where it keeps nothing, or what it keeps does not belong together.
    """
    about = f"{record.method.label} under {record.protocol.name}"
    if record.kept is None:
        raise StoreError(f"{about}: no per-face errors are kept")
    try:
        arrays = record.kept(("ids", "errors", "charged", "groups", "slices", "confidence"))
        names = tuple(arrays["slices"].astype(str).tolist()) if "slices" in arrays else ()
        slices = record.kept(names)
    except FldbenchError as error:
        raise StoreError(f"{about}: {error}") from error
    if not {"ids", "errors"} <= arrays.keys():
        raise StoreError(f"{about}: no per-face errors are kept")
    arrays.setdefault("charged", arrays["errors"])
    n = len(arrays["ids"])
    for name, values in (*arrays.items(), *slices.items()):
        if name != "slices" and values.shape != (n,):
            raise StoreError(f"{about}: the kept {name} have the shape {values.shape}; must be ({n},)")
    order = np.argsort(arrays["ids"], kind="stable")
    sorted_ = {name: values[order] for name, values in arrays.items() if name != "slices"}
    return KeptFaces(
        ids=sorted_["ids"],
        charged=np.asarray(sorted_["charged"], float),
        errors=np.asarray(sorted_["errors"], float),
        groups=sorted_.get("groups"),
        slices={name: slices[name][order] for name in names if name in slices},
        confidence=sorted_.get("confidence"),
    )


def read_seeds(records: Sequence[Record]) -> list[KeptFaces]:
    """Return what several records of one row keep; raise StoreError too if their faces differ."""
    found = [read_kept(record) for record in records]
    for one in found[1:]:
        if not np.array_equal(one.ids, found[0].ids):
            raise StoreError(f"{records[0].method.label}: the kept faces of its seeds differ")
    return found
