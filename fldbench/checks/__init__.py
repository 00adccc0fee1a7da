"""Conformance checks that the author of a plug-in runs: one list for every method, one for every dataset.

`fldbench check NAME` on the command line, or here:

>>> results = check_method("mean-shape")
>>> [result.check for result in results if result.status == "failed"]
[]

Every check is a function `check_...(make, train, test)` or `check_...(data)` whose docstring says what is asked for; it
raises AssertionError when that is not so and Skipped, with a reason, when it does not apply. They run alone as well:

>>> from fldbench.checks.training import check_global_state
>>> check_global_state(Maker("mean-shape"), *quick_faces())
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fldbench import registry
from fldbench.checks import answers, data, training
from fldbench.checks.common import Result, Skipped, run
from fldbench.checks.data import DatasetUnderTest
from fldbench.checks.subject import Maker, quick_faces
from fldbench.errors import UnknownNameError, near_miss

__all__ = [
    "DATASET_CHECKS",
    "METHOD_CHECKS",
    "DatasetUnderTest",
    "Maker",
    "Result",
    "Skipped",
    "check_dataset",
    "check_method",
    "quick_faces",
    "results_of",
    "run",
]

METHOD_CHECKS: tuple[Callable[..., None], ...] = (*training.CHECKS, *answers.CHECKS)
DATASET_CHECKS: tuple[Callable[..., None], ...] = data.CHECKS


def check_method(name: str, /, **params: Any) -> list[Result]:
    """Every check on a registered method with these parameters, which should be quick ones: it is fitted often.

    Raises UnknownNameError for the name and MethodError for a parameter that the method does not have.
    """
    return list(_method_results(name, params))


def check_dataset(name: str, root: str | Path | None = None, /, **options: Any) -> list[Result]:
    """Every check on a registered dataset below `root`, which defaults to the environment variable FLDBENCH_DATA.

    Raises UnknownNameError for the name and DataError for an option that the dataset does not have.
    """
    return list(_dataset_results(name, root, options))


def results_of(name: str, root: str | Path | None, given: dict[str, Any]) -> Iterator[Result]:
    """One result after the other for a method or a dataset, whichever has that name; UnknownNameError when none has.

    given  parameters of the method, or options of the dataset
    """
    if name in registry.names("method"):
        return _method_results(name, given)
    if name in registry.names("dataset"):
        return _dataset_results(name, root, given)
    known = registry.names("method") + registry.names("dataset")
    raise UnknownNameError(f"no method or dataset named {name!r}; {near_miss(name, known)} (see `fldbench list`)")


def _method_results(name: str, params: dict[str, Any]) -> Iterator[Result]:
    make = Maker(name, **params)
    make()  # an unknown name or parameter is no finding
    train, test = quick_faces()
    return (run(check, make, train, test) for check in METHOD_CHECKS)


def _dataset_results(name: str, root: str | Path | None, options: dict[str, Any]) -> Iterator[Result]:
    subject = DatasetUnderTest(name, root, **options)
    return (run(check, subject) for check in DATASET_CHECKS)
