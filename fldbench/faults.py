"""Faulty faces: a reader meets them one by one, goes on with the next face, and tells all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TypeVar

from fldbench.errors import DataError, DatasetNotFoundError

SHOWN = 20  # faults that the message of an error lists
KEPT = 10_000  # faults that are kept with their text; more are only counted

Item = TypeVar("Item")


class Faults:
    """The faults that one reading of a dataset met, at most one for each face.

    `with faults:` around the reading of one face keeps the DataError of that face and goes on behind the block. A
    DatasetNotFoundError is about the whole dataset and passes; so does a DataError that is raised outside of a block,
    such as that of a file in another format.

    Attributes
    ----------
    count : int
        Number of faulty faces.
    found : list of DataError
        The first 10,000 of them.

    >>> faults = Faults()
    >>> for line, word in ((1, "3"), (2, "x"), (3, "5")):
    ...     with faults:
    ...         if not word.isdigit():
    ...             raise DataError(f"a number is {word!r}", "a.txt", line)
    >>> faults.count, [str(fault) for fault in faults.found]
    (1, ["a.txt, line 2: a number is 'x'"])
    """

    def __init__(self) -> None:
        self.count = 0
        self.found: list[DataError] = []

    def __enter__(self) -> Faults:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if not isinstance(error, DataError) or isinstance(error, DatasetNotFoundError):
            return False
        self.add(error)
        return True

    def add(self, fault: DataError) -> None:
        """Note the fault of one face."""
        self.count += 1
        if len(self.found) < KEPT:
            fault.__cause__ = fault.__context__ = None  # they hold the frames, and with them all that was read
            self.found.append(fault.with_traceback(None))

    def columns(self, read: Callable[[Item], tuple[Any, ...]], items: Iterable[Item]) -> list[list[Any]]:
        """Return the columns of the rows that `read` makes of the items, without the items at which it fails.

        Raises
        ------
        DataError
            With all faults, if no row is left.

        >>> Faults().columns(lambda word: (word, len(word)), ["ab", "c"])
        [['ab', 'c'], [2, 1]]
        """
        rows = []
        for item in items:
            with self:
                rows.append(read(item))
        self.check_some(len(rows))
        return [list(column) for column in zip(*rows, strict=True)]

    def check_some(self, n_good: int) -> None:
        """Raise the error of all faults if no face is left without a fault."""
        if not n_good and self.count:
            raise self.error(0)

    def in_order(self) -> list[DataError]:
        """Return the faults that were kept, in the order of files and lines."""
        return sorted(self.found, key=lambda one: (one.file or "", one.line or 0))

    def error(self, n_good: int) -> DataError:
        """Return the error that tells all faults, in the order of files and lines; n_good faces have none.

        >>> faults = Faults()
        >>> faults.add(DataError("no image 'b.png'", "list.csv", 3))
        >>> faults.add(DataError("the box has no size", "list.csv", 2))
        >>> print(faults.error(5))
        list.csv, line 2: the box has no size
        list.csv, line 3: no image 'b.png'
        2 of 7 faces are faulty; correct them or leave them out with the option faulty=skip
        """
        first, *more = self.in_order()
        lines = [first.message, *map(str, more[: SHOWN - 1])]
        if self.count > len(lines):
            lines.append(f"... and {self.count - len(lines)} more")
        are, them = ("are", "them") if self.count > 1 else ("is", "it")
        what = f"{self.count} of {self.count + n_good} faces {are} faulty"
        lines.append(f"{what}; correct {them} or leave {them} out with the option faulty=skip")
        return DataError("\n".join(lines), first.file, first.line)
