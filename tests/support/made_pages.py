"""Folders of records with the errors of every face, and the truth of these faces, for tests of the page."""

import hashlib

import numpy as np
from made_records import made_record

import fldbench
from fldbench.protocols import hash_of_ids
from fldbench.records.known_faces import KnownFaces
from fldbench.records.record import Metrics, TestFacts
from fldbench.records.store import Store

POINTS = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])
EDGES = ((0, 1), (3, 4))


def face_ids(n):
    """The ids of n faces."""
    return np.array([f"face/{i:06}" for i in range(n)])


def truth_of(n):
    """True points of n faces, (n, 5, 2) px."""
    return POINTS * np.linspace(0.8, 1.2, n)[:, None, None]


def write_runs(folder, errors, protocol="300w-helen", more=None, **fields):
    """Write a record for each method, name -> errors (n,), fractions; predictions lie right of the truth by them.

    Returns their keys.
    """
    store, rules = Store(folder), fldbench.get_protocol(protocol)
    keys = []
    for name, values in errors.items():
        values = np.asarray(values, float)
        ids, n = face_ids(len(values)), len(values)
        missed, whole = int(np.isnan(values).sum()), n == rules.n_expected
        test = TestFacts(n=n, missed=missed, complete=whole, ids_sha256=hash_of_ids(ids.tolist()))
        key = hashlib.sha256(f"{name} {protocol} {fields}".encode("utf-8", "surrogatepass")).hexdigest()[:20]
        metrics = Metrics(rules.measure(values))
        record = made_record(name, protocol, n=n, key=key, metrics=metrics, test=test, **fields)
        predictions = truth_of(n) + np.stack([100 * values, 0 * values], axis=-1)[:, None]
        arrays = {"ids": ids, "errors": values, "charged": values, "counts": np.full(n, 5), "predictions": predictions}
        store.write(record, arrays | (more or {}))
        keys.append(key)
    return keys


def known(n, protocol="300w-helen", keys=(), picture=None):
    """The truth of these faces, by the hash of their protocol."""
    faces = KnownFaces(
        ids=face_ids(n),
        landmarks=truth_of(n),
        edges=EDGES,
        names=("left eye", "right eye", "nose", "left mouth", "right mouth"),
        mean_face=POINTS / 100,
        point_errors={key: np.linspace(0.01, 0.05, 5) * (i + 1) for i, key in enumerate(keys)},
        picture=picture,
    )
    return {fldbench.get_protocol(protocol).hash: faces}
