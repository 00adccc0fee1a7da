"""Runs of variants made by hand, for tests of ablations."""

import numpy as np
from made_records import made_record
from toys import toy_protocol

from fldbench.metrics import Metric
from fldbench.records.record import MethodFacts, Metrics, TestFacts
from fldbench.records.variant_runs import Comparison, FaceValues, VariantRun

NAMES = ("left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner")
REGIONS = {"eyes": NAMES[:2], "nose": NAMES[2:3], "mouth": NAMES[3:]}
ALONE = {name: f"landmarks + {name}" for name in ("pose", "smile")}


def made_run(
    variant, seed, errors, right=None, codes=None, method="net", rules=None, parameters=10, second=None, **fields
):
    """A run of a variant, such as "landmarks + pose", whose tasks are the words of its name.

    errors is (n,), the same for all landmarks, or (n, 5), in fractions; right maps attributes to (n,) bool, and codes
    to their true classes; second maps variants to another one that each is compared with too.
    """
    tasks = tuple(variant.split(" + "))
    errors = np.asarray(errors, float)
    errors = errors if errors.ndim == 2 else np.repeat(errors[:, None], 5, axis=1)
    n, charged = len(errors), errors.mean(axis=1)
    protocol = toy_protocol("toy-test", **{"n_expected": n} | (rules or {}))
    right, codes = right or {}, codes or {name: np.zeros(n, int) for name in right or {}}
    shares = [
        Metric(
            "balanced_accuracy", 100 * np.mean([one[codes[name] == c].mean() for c in np.unique(codes[name])]), of=name
        )
        for name, one in right.items()
    ]
    counts = np.full(n, 5)
    record = made_record(
        MethodFacts(method, f"{method}: {variant}", {"tasks": list(tasks)}, parameters=parameters, code={"a": "1"}),
        protocol,
        seed=seed,
        **{
            "key": f"{method} {variant} {seed}",
            "metrics": Metrics((*protocol.measure(charged, counts), *shares)),
            "test": TestFacts(n=n, missed=int(np.isnan(charged).sum()), complete=True),
        }
        | fields,
    )
    ids = np.array([f"face {i:03d}" for i in range(n)])
    landmarks = dict(zip(NAMES, errors.T, strict=True))
    comparison = Comparison("landmarks", of_attributes=ALONE, second=second or {})
    faces = FaceValues(ids, ids, charged, counts, landmarks, REGIONS, codes, right)
    return VariantRun(method, variant, tasks, comparison, record, faces)
