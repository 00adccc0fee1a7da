"""Keys: the one definition of everything that can change a number, for records, models and checkpoints."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.digest import code_of, libraries_of
from fldbench.errors import MethodError, must_be
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
        Parameter -> SHA-256 of the content of the file that it names, whether the method declares it or not.
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
    """Return everything that can change a fit of `method` on faces with these fingerprints (see `fingerprints`).

    Raises
    ------
    MethodError
        For a parameter of which nothing can tell whether it is the same: a function, an object, NaN.
    """
    everyone = list(with_members(method))
    code: dict[str, str] = {}
    libraries: dict[str, str] = {}
    for one in everyone:
        code |= code_of(type(one))
        libraries |= libraries_of(type(one))
    return Ingredients(
        method=_facts(method),
        files=dict(sorted(_all_files(everyone).items())),
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
    params = {name: _plain(value, method.label, name) for name, value in method.key_params().items()}
    own = {"name": method.label, "version": method.version, "params": params}
    return own | {"members": [_facts(member) for member in method.members]}


def _plain(value: Any, label: str, name: str) -> Any:
    """Return a parameter as JSON values; raise MethodError for anything else, whose content nothing here knows."""
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist(), label, name)
    if isinstance(value, (list, tuple)):
        return [_plain(one, label, name) for one in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(one, label, name) for key, one in value.items()}
    allowed = "made of text, finite numbers, true, false, lists and dicts with names, so that results can be told apart"
    raise MethodError(must_be(label, name, value, allowed))


def _all_files(methods: list[Method]) -> dict[str, str]:
    """Return parameter -> SHA-256 of every file that a parameter names, declared or not.

    `fit` reports a file that is absent. What a member declares is not named again by the parameters that hold it.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    for declared in (True, False):
        for i, method in enumerate(methods):
            for name, path in _paths(method, declared):
                if (declared or path not in seen) and _is_file(path):
                    found[f"{i}.{name}"] = sha256_of(path)
                    seen.add(path)
    return found


def _paths(method: Method, declared: bool) -> Iterator[tuple[str, str]]:
    """Yield the texts and paths in parameters that can change a number, each with the place where it stands."""
    known = method.get_params() if declared else method.key_params()
    pending = [(name, value) for name, value in known.items() if (name in method.files) == declared]
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{name}.{key}", one) for key, one in value.items()]
        elif isinstance(value, (list, tuple)):
            pending += [(f"{name}[{k}]", one) for k, one in enumerate(value)]
        elif isinstance(value, (str, os.PathLike)):
            yield name, os.fspath(value)


def _is_file(path: str) -> bool:
    try:
        return bool(path) and Path(path).is_file()
    except (OSError, ValueError):  # a text that is no path
        return False
