"""Keys: the one definition of everything that can change a number, for records, models and checkpoints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.digest import code_of, libraries_of
from fldbench.faces import FaceSet
from fldbench.files import sha256_of
from fldbench.method import Method

KEY_DIGITS = 20  # of 64; two runs collide with probability 1e-24 per pair


def key_of(content: Any) -> str:
    """Return the SHA-256 of the canonical JSON of some content, shortened; the order of keys does not matter.

    >>> key_of({"a": 1, "b": [2]}) == key_of({"b": [2], "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


@dataclass(frozen=True)
class Ingredients:
    """Everything that can change a fitted model.

    Attributes
    ----------
    method : dict
        Registered name, version, parameters that can change a number, and the same of every member.
    files : dict of str to str
        Parameter -> SHA-256 of the content of the file that it names.
    faces : dict of str to str
        Fingerprints of the training faces, of their groups, and of validation faces and weights if there are any.
    code : dict of str to str
        Module -> digest, of the method, its members and every module that they reach.
    libraries : dict of str to str
        Distribution -> version, of the numerical libraries that they reach.
    """

    method: dict[str, Any]
    files: dict[str, str]
    faces: dict[str, str]
    code: dict[str, str]
    libraries: dict[str, str]

    @property
    def key(self) -> str:
        """The key of the model."""
        return key_of(asdict(self))

    @property
    def like(self) -> str:
        """The key of the same work by any code and libraries."""
        return key_of({"method": self.method, "files": self.files, "faces": self.faces})

    def run_key(self, protocol_hash: str, test_fingerprint: str) -> str:
        """Return the key of the model measured under a protocol on some faces."""
        return key_of([self.key, protocol_hash, test_fingerprint])

    def run_like(self, protocol_hash: str, test_fingerprint: str) -> str:
        """Return the key of the same measurement by any code and libraries."""
        return key_of([self.like, protocol_hash, test_fingerprint])


def ingredients(method: Method, faces: dict[str, str]) -> Ingredients:
    """Return everything that can change a fit of `method` on faces with these fingerprints (see `fingerprints`)."""
    everyone = list(with_members(method))
    code: dict[str, str] = {}
    libraries: dict[str, str] = {}
    for one in everyone:
        code |= code_of(type(one))
        libraries |= libraries_of(type(one))
    return Ingredients(
        method=_facts(method),
        files={f"{i}.{name}": digest for i, one in enumerate(everyone) for name, digest in _files(one)},
        faces=faces,
        code=dict(sorted(code.items())),
        libraries=dict(sorted(libraries.items())),
    )


def fingerprints(
    train: FaceSet | None, val: FaceSet | None = None, sample_weight: np.ndarray | None = None
) -> dict[str, str]:
    """Return the fingerprints that identify the faces of a fit; empty strings for an absent training set."""
    found = {"train": "", "groups": ""}
    if train is not None:
        # Groups decide validation parts and folds; the fingerprint of the faces does not cover them.
        found = {"train": train.fingerprint, "groups": train.groups_fingerprint}
    if val is not None:
        found["val"] = val.fingerprint
    if sample_weight is not None:
        found["weight"] = hashlib.sha256(np.ascontiguousarray(sample_weight, float).data).hexdigest()
    return found


def fit_key(method: Method, train: FaceSet, val: FaceSet | None = None, sample_weight: np.ndarray | None = None) -> str:
    """Return the key of one fit, which its model and its checkpoints share."""
    return ingredients(method, fingerprints(train, val, sample_weight)).key


def like_of_version_1(
    name: str,
    params: dict[str, Any],
    seed: int | None,
    train_fingerprint: str,
    protocol_hash: str,
    test_fingerprint: str,
) -> str:
    """Return what tells which work a record of version 1 was: it did not hold what `Ingredients.like` is made of."""
    return f"version 1: {key_of([name, params, seed, train_fingerprint, protocol_hash, test_fingerprint])}"


def with_members(method: Method) -> Iterator[Method]:
    """Yield the method, its members, and theirs."""
    yield method
    for member in method.members:
        yield from with_members(member)


def what_changed(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Return the names that differ between two tables of digests or versions, sorted.

    >>> what_changed({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"})
    ['b', 'c']
    """
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _facts(method: Method) -> dict[str, Any]:
    own = {"name": method.label, "version": method.version, "params": method.key_params()}
    return own | {"members": [_facts(member) for member in method.members]}


def _files(method: Method) -> Iterator[tuple[str, str]]:
    """Return parameter -> SHA-256 of the files that a method names; `fit` reports a file that is absent."""
    for name in method.files:
        value = method.get_params().get(name)
        if isinstance(value, str) and Path(value).is_file():
            yield name, sha256_of(value)
