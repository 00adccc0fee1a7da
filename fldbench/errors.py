"""Every error that fldbench raises on purpose.

FldbenchError
├── UnknownNameError      a method, dataset, detector, protocol or scheme that nobody registered (also a LookupError)
├── DataError             annotations, images or boxes that cannot be used; names file, line or face (also a ValueError)
│   ├── DatasetNotFoundError   the data root does not hold the dataset; says what was looked for
│   └── PredictionsError       predictions that do not fit the faces they are for
├── ProtocolError         a protocol that cannot be computed on these faces, such as a normaliser that is not positive
├── MethodError           a method that broke its contract, or was used before it was fitted
│   └── CheckpointError        an interrupted training that cannot be continued from what is kept of it
├── SuiteError            a suite file with a wrong key, type or value; names file and line
├── StoreError            an output folder that cannot be written, or a record that cannot be read
└── MissingDependencyError    an optional library that is not installed; names the extra that brings it

The command prints any of them as one line and exits with 2; everything else is a bug and shows its traceback.
"""

from __future__ import annotations

import difflib
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SHOWN = 80  # letters of a wrong value that a message shows


class FldbenchError(Exception):
    """Base of all errors raised on purpose."""


class UnknownNameError(FldbenchError, LookupError):
    """A name that no registry knows."""


class DataError(FldbenchError, ValueError):
    """Annotations, images or boxes that cannot be used.

    `file` and `line` (from 1), if known, say where; they precede the message.
    """

    def __init__(self, message: str, file: str | Path | None = None, line: int | None = None):
        place = "" if file is None else f"{file}: " if line is None else f"{file}, line {line}: "
        super().__init__(place + message)
        self.message, self.file, self.line = message, None if file is None else str(file), line

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str | None, int | None]]:
        return type(self), (self.message, self.file, self.line)


class DatasetNotFoundError(DataError):
    """The data root does not hold the dataset."""


class PredictionsError(DataError):
    """Predictions that do not fit the faces they are for."""


class ProtocolError(FldbenchError, ValueError):
    """A protocol that cannot be computed on these faces."""


class MethodError(FldbenchError, RuntimeError):
    """A method that broke its contract, or was used before it was fitted."""


class CheckpointError(MethodError):
    """An interrupted training that cannot be continued from what is kept of it."""


class SuiteError(FldbenchError, ValueError):
    """A suite file that cannot be understood."""


class StoreError(FldbenchError, OSError):
    """A folder of records that cannot be written or read."""


class MissingDependencyError(FldbenchError, ImportError):
    """An optional library that is not installed."""


def text_of(error: BaseException) -> str:
    """Return the message of any error in one line; empty if it has none, or if asking for it fails.

    >>> text_of(RuntimeError("no" + chr(10) + "cache")), text_of(SystemExit())
    ('no cache', '')
    """
    try:
        return " ".join(str(error).split())
    except KeyboardInterrupt:
        raise
    except BaseException:  # foreign code, which may raise anything
        return ""


def first_fault(invalid: Any, within: str = "") -> str:
    """Return `PLACE: MESSAGE` of the first fault that a ValidationError of pydantic tells, in one line."""
    first = invalid.errors()[0]
    place = ".".join(str(part) for part in (within, *first["loc"]) if part != "")
    return " ".join((f"{place}: {first['msg']}" if place else str(first["msg"])).split())


def near_miss(name: str, known: Iterable[str]) -> str:
    """What to write instead of `name`: the nearest known name, or all of them.

    >>> near_miss("hog-rigde", ["ert", "hog-ridge"])
    "did you mean 'hog-ridge'?"
    >>> near_miss("zzz", ["ert", "hog-ridge"])
    'known: ert, hog-ridge'
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"


def shown(value: object) -> str:
    """Return the `repr` of a value, shortened as messages quote it.

    >>> shown([1, 2])
    '[1, 2]'
    """
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def must_be(where: object, what: str, got: object, allowed: str, then: str = "") -> str:
    """Return the message of an error in the one grammar that all messages of fldbench have.

    Parameters
    ----------
    where : object
        What the message is about: a file, a method, a face.
    what : str
        The name of the wrong thing, such as a parameter.
    got : object
        Its value, shown by `repr` and shortened.
    allowed : str
        What it must be.
    then : str
        What to do next, if `allowed` does not say it already.

    >>> must_be("lbf", "depth", 9, "a whole number from 1 to 8")
    'lbf: depth is 9; must be a whole number from 1 to 8'
    """
    return f"{where}: {what} is {shown(got)}; must be {allowed}" + (f"; {then}" if then else "")


def raised_at(error: BaseException) -> str:
    """Return `FILE, line N` where an error arose: in the user's own code, if it passed through that.

    >>> try:
    ...     1 / 0
    ... except ZeroDivisionError as error:
    ...     raised_at(error).rpartition(", ")[2]
    'line 2'
    """
    frames = traceback.extract_tb(error.__traceback__)
    libraries = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
    own = [frame for frame in frames if not frame.filename.startswith((*libraries, "<frozen", "<__array"))]
    last = (own or frames)[-1]
    return f"{Path(last.filename).name}, line {last.lineno}"
