"""What is known to fail before anything is fitted: absent faces, other schemes, missing files, unnamed models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fldbench import registry
from fldbench.errors import DataError, MethodError, must_be
from fldbench.faces.frame import check_in_images
from fldbench.method import Method
from fldbench.protocols import Protocol
from fldbench.records.keys import with_members
from fldbench.run.cell import Cell, Failure, Run, tried
from fldbench.run.data import SuiteData


def with_refusals(cells: Iterable[Cell], data: SuiteData) -> list[Cell]:
    """Return the cells with the reasons why they, or some of their runs, cannot be done."""
    of_test: dict[str, Failure | None] = {}
    found = []
    for cell in cells:
        problem = cell.problem or tried(_check_training, cell, data)
        runs = []
        for run in cell.runs:
            if run.protocol.hash not in of_test:
                of_test[run.protocol.hash] = tried(_check_test, run.protocol, data)
            why = run.problem or of_test[run.protocol.hash]
            if why is None and problem is None:
                why = tried(_check_scheme, cell, run, data)
            runs.append(run._replace(problem=why))
        found.append(replace(cell, problem=problem, runs=tuple(runs)))
    return found


def check_method(method: Method) -> None:
    """Raise what a fit would end with: a file that is not there, and a model that cannot be saved.

    Raises
    ------
    DataError
        For a parameter that names no file.
    UnknownNameError
        For a class without a registered name, which a saved model needs.
    """
    for one in with_members(method):
        for name in one.files:
            path = one.get_params().get(name)
            if isinstance(path, str) and not Path(path).is_file():
                raise DataError(must_be(one.label, name, path, "a file that is there"))
        if type(one).save is Method.save:
            registry.method_name(type(one))


def _check_training(cell: Cell, data: SuiteData) -> None:
    check_in_images(data.train(cell.train).check_usable())


def _check_test(protocol: Protocol, data: SuiteData) -> None:
    """Select a protocol's faces and measure their own points, which no bad protocol can do."""
    faces = data.test(protocol).of(protocol)
    check_in_images(faces)
    protocol.score(faces.landmarks, faces)


def _check_scheme(cell: Cell, run: Run, data: SuiteData) -> None:
    scheme = data.train(cell.train).check_usable().scheme
    if scheme != run.protocol.scheme:
        allowed = f"{run.protocol.scheme}, whose points {run.protocol.name} counts"
        raise MethodError(must_be(cell.train.label, "the scheme", scheme, allowed))
