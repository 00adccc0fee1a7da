"""All checks of a plug-in that is registered under a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fldbench import registry
from fldbench.checks import answers, attributes, confidence, data, declared, detection, rules, training
from fldbench.checks.common import Result, run
from fldbench.checks.data import DatasetUnderTest
from fldbench.checks.detection import DetectorUnderTest
from fldbench.checks.rules import ProtocolUnderTest
from fldbench.checks.subject import Maker, quick_faces
from fldbench.errors import UnknownNameError, near_miss

METHOD_CHECKS: tuple[Callable[..., None], ...] = (
    *(*training.CHECKS, *answers.CHECKS, *attributes.CHECKS, *confidence.CHECKS, *declared.CHECKS),
)
DATASET_CHECKS: tuple[Callable[..., None], ...] = data.CHECKS
DETECTOR_CHECKS: tuple[Callable[..., None], ...] = detection.CHECKS
PROTOCOL_CHECKS: tuple[Callable[..., None], ...] = rules.CHECKS
CHECKED = ("method", "dataset", "detector", "protocol")  # kinds of plug-ins that can be checked


def check_method(name: str, /, **params: Any) -> list[Result]:
    """Run every check on a registered method.

    Parameters
    ----------
    name : str
    **params
        Parameters of the method; choose quick ones, because it is fitted often.

    Returns
    -------
    list of Result

    Raises
    ------
    UnknownNameError
        For the name.
    MethodError
        For a parameter that the method does not have.
    """
    return list(_method_results(name, params))


def check_dataset(name: str, root: str | Path | None = None, /, **options: Any) -> list[Result]:
    """Run every check on a registered dataset.

    Parameters
    ----------
    name : str
    root : str or Path, optional
        The data root; by default the environment variable FLDBENCH_DATA.
    **options
        Options of the dataset.

    Returns
    -------
    list of Result

    Raises
    ------
    UnknownNameError
        For the name.
    DataError
        For an option that the dataset does not have.
    """
    return list(_dataset_results(name, root, options))


def check_detector(name: str, /, **params: Any) -> list[Result]:
    """Run every check on a registered face detector.

    Parameters
    ----------
    name : str
    **params
        Parameters of the detector.

    Returns
    -------
    list of Result

    Raises
    ------
    UnknownNameError
        For the name.
    MethodError
        For a parameter that the detector does not have.
    """
    return list(_detector_results(name, params))


def check_protocol(name: str, root: str | Path | None = None) -> list[Result]:
    """Run every check on a protocol.

    Parameters
    ----------
    name : str
        A base, or a base with modifiers.
    root : str or Path, optional
        The data root of its dataset; by default the environment variable FLDBENCH_DATA.

    Returns
    -------
    list of Result

    Raises
    ------
    UnknownNameError, ProtocolError
        For the name.
    DataError
        For faces that cannot be read.
    """
    return list(_protocol_results(name, root))


def results_of(name: str, root: str | Path | None, given: dict[str, Any]) -> Iterator[Result]:
    """Yield one result after the other for a method, dataset, detector or protocol, whichever has that name.

    Parameters
    ----------
    name : str
    root : str or Path, optional
        The data root, for a dataset or that of a protocol.
    given : dict
        Parameters of the method or detector, or options of the dataset.

    Raises
    ------
    UnknownNameError
        When none of them has that name.
    """
    if name in registry.names("method"):
        return _method_results(name, given)
    if name in registry.names("dataset"):
        return _dataset_results(name, root, given)
    if name in registry.names("detector"):
        return _detector_results(name, given)
    if name in registry.names("protocol") or "@" in name:
        return _protocol_results(name, root)
    known = [one for kind in CHECKED for one in registry.names(kind)]
    text = f"no method, dataset, detector or protocol named {name!r}; {near_miss(name, known)} (see `fldbench list`)"
    raise UnknownNameError(f"{text}; your own ones need --plugin, or the name of their .py file")


def _method_results(name: str, params: dict[str, Any]) -> Iterator[Result]:
    make = Maker(name, **params)
    make()  # raises for an unknown name or parameter, before any check
    train, test = quick_faces()
    return (run(check, make, train, test) for check in METHOD_CHECKS)


def _dataset_results(name: str, root: str | Path | None, options: dict[str, Any]) -> Iterator[Result]:
    subject = DatasetUnderTest(name, root, **options)
    return (run(check, subject) for check in DATASET_CHECKS)


def _detector_results(name: str, params: dict[str, Any]) -> Iterator[Result]:
    subject = DetectorUnderTest(name, **params)
    return (run(check, subject) for check in DETECTOR_CHECKS)


def _protocol_results(name: str, root: str | Path | None) -> Iterator[Result]:
    subject = ProtocolUnderTest(name, root)
    return (run(check, subject) for check in PROTOCOL_CHECKS)
