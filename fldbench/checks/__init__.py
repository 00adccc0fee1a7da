"""Conformance checks that the author of a plug-in runs: one list for every method, one for every dataset,
one for every face detector and one for every protocol.

`fldbench check NAME` on the command line, or here:

>>> results = check_method("mean-shape")
>>> [result.check for result in results if result.status == "failed"]
[]

Every check is a function `check_...(make, train, test)` or `check_...(data)` whose docstring says what must hold. It
raises AssertionError when that is not so, and Skipped, with a reason, when it does not apply. Each can be run alone:

>>> from fldbench.checks.training import check_global_state
>>> check_global_state(Maker("mean-shape"), *quick_faces())
"""

from fldbench.checks.by_name import (
    DATASET_CHECKS,
    DETECTOR_CHECKS,
    METHOD_CHECKS,
    PROTOCOL_CHECKS,
    check_dataset,
    check_detector,
    check_method,
    check_protocol,
    results_of,
)
from fldbench.checks.common import Result, Skipped, run
from fldbench.checks.data import DatasetUnderTest
from fldbench.checks.subject import Maker, quick_faces

__all__ = [
    "DATASET_CHECKS",
    "DETECTOR_CHECKS",
    "METHOD_CHECKS",
    "PROTOCOL_CHECKS",
    "DatasetUnderTest",
    "Maker",
    "Result",
    "Skipped",
    "check_dataset",
    "check_detector",
    "check_method",
    "check_protocol",
    "quick_faces",
    "results_of",
    "run",
]
