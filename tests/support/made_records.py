"""Records made by hand, for tests of what is kept and of tables."""

from dataclasses import replace

import numpy as np

import fldbench
from fldbench.metrics import Metric
from fldbench.protocols import hash_of_ids
from fldbench.records.record import MethodFacts, Metrics, Record, TestFacts, Timings, TrainFacts

NUMBERS = {"nme": 4.0, "fr08": 10.0, "fr10": 0.0, "auc08": 65.0}
TRAIN = TrainFacts(label="t", faces=5, n_expected=9, parts={"afw": (5, 9)}, fingerprint="f1")


def metrics_of(numbers, protocol) -> Metrics:
    """The numbers by their keys as the protocol's metrics; None is NaN."""
    first = protocol.thresholds[0]
    known = [Metric("nme", 0.0), *(Metric("fr", 0.0, t) for t in protocol.thresholds)]
    known.append(Metric("auc", 0.0, first, "exact"))
    chosen = [one for one in known if one.key in numbers]
    return Metrics(
        tuple(replace(one, value=float("nan" if numbers[one.key] is None else numbers[one.key])) for one in chosen)
    )


def made_record(method="m", protocol="300w-helen", n=330, seed=0, metrics=NUMBERS, **fields) -> Record:
    """A sound record of a method under a protocol, given by name or as an object."""
    rules = fldbench.get_protocol(protocol)
    if not isinstance(method, MethodFacts):
        method = MethodFacts(name=method, label=method, parameters=10, model_bytes=99, code={"a": "1"})
    common = {
        "key": f"{method.label}-{rules.name}-{seed}-{n}",
        "status": "ok",
        "method": method,
        "train": TRAIN,
        "protocol": rules,
        "seed": seed,
        "test": TestFacts(n=n, complete=n == rules.n_expected),
        "metrics": metrics if isinstance(metrics, Metrics) else metrics_of(metrics, rules),
        "timings": Timings(fit_seconds=2.0, ms_per_face=0.5),
        "ended": "2026-01-01T00:00:00+00:00",
    }
    return Record(**common | fields)


def measured_record(errors, ids, protocol="300w-helen", complete=True, **fields):
    """A record whose numbers follow from its errors, (n,) fractions, and the arrays that are kept beside it."""
    hashed = hash_of_ids(ids.tolist())
    rules = fldbench.get_protocol(protocol)
    rules = replace(rules, ids_sha256=hashed, n_expected=len(ids)) if complete else rules
    test = TestFacts(n=len(ids), complete=complete, ids_sha256=hashed, missed=int(np.isnan(errors).sum()))
    arrays = {"ids": ids, "errors": errors, "charged": errors, "counts": np.full(len(ids), 68)}
    common = {"protocol": rules, "metrics": Metrics(rules.measure(errors)), "test": test}
    kept = lambda names: {name: arrays[name] for name in names if name in arrays}  # noqa: E731
    return made_record(**common | {"kept": kept} | fields), arrays


def failed(method="m", protocol="300w-helen", reason="no", **fields) -> Record:
    """A record of a run that failed."""
    return made_record(
        method, protocol, metrics={}, **{"status": "failed", "test": TestFacts(), "reason": reason} | fields
    )
