"""The file of a fitted model, and what is in it, of which nothing is believed before it is checked.

The file is a safetensors file: the learned arrays, and as its metadata a JSON header with everything else. A damaged or
made-up file gives a DataError when it is loaded; no code of it runs, and no size in it is allocated before it is
compared with what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fldbench.builtin import NAME
from fldbench.compact import restored
from fldbench.errors import DataError, first_fault, must_be, shown, text_of
from fldbench.faces import FaceFacts
from fldbench.files import open_regular, parse_json
from fldbench.schemes import get_scheme

if TYPE_CHECKING:
    from pydantic import BaseModel

WHOLE, COMPACT = 1, 2  # formats: arrays as they were learned, and in 8 or 16 bits (`fldbench.compact`)
LARGEST_NUMBER = 1e30  # of a learned number: sums and products with pixels stay finite


class Learned:
    """What a model file says was learned, taken by name: each value is checked when it is taken.

    Parameters
    ----------
    label : str
        Of the method, for messages.
    values : mapping of str to array or JSON value
    """

    def __init__(self, label: str, values: Mapping[str, Any]):
        self.label, self._values, self._taken = label, values, set[str]()

    def array(
        self, name: str, kind: str, shape: tuple[int | None, ...], low: float | None = None, high: float | None = None
    ) -> np.ndarray:
        """Return an array of finite numbers.

        Parameters
        ----------
        name : str
        kind : str
            Its dtype, such as "float32"; several with blanks between them.
        shape : tuple
            None stands for any length from 1.
        low, high : float, optional
            The least number that is allowed, and the first one above that is not.

        Raises
        ------
        DataError
            For anything else.
        """
        found = self._take(name)
        got = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        fits = isinstance(found, np.ndarray) and found.dtype.name in kind.split() and found.ndim == len(shape)
        fits = fits and all(n > 0 if want is None else n == want for n, want in zip(found.shape, shape, strict=True))
        if not fits:
            sizes = ", ".join("n" if n is None else str(n) for n in shape)
            raise self._wrong(name, got, f"{' or '.join(kind.split())} of shape ({sizes})")
        if found.dtype.kind == "f" and not (np.abs(found) <= LARGEST_NUMBER).all():
            raise self._wrong(name, "not finite or absurdly large somewhere", f"numbers up to {LARGEST_NUMBER:g}")
        if (low is not None and found.size and found.min() < low) or (high is not None and (found >= high).any()):
            raise self._wrong(name, f"{found.min()} to {found.max()}", f"from {low} to below {high}")
        return found

    def number(self, name: str, low: float = -LARGEST_NUMBER, high: float = LARGEST_NUMBER) -> float:
        """Return a finite number within bounds; raise DataError for anything else."""
        found = self._take(name)
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not low <= found <= high:
            raise self._wrong(name, found, f"a number from {low:g} to {high:g}")
        return found

    def index(self, name: str, high: int) -> int:
        """Return a whole number from 0 to below `high`; raise DataError for anything else."""
        found = self._take(name)
        if type(found) is not int or not 0 <= found < high:
            raise self._wrong(name, found, f"a whole number from 0 to below {high}")
        return found

    def pair(self, name: str, high: float) -> list[float]:
        """Return a list of two numbers from -high to high; raise DataError for anything else."""
        found = self._take(name)
        if not isinstance(found, list) or len(found) != 2:
            raise self._wrong(name, found, "a list of two numbers")
        return [Learned(self.label, {name: number}).number(name, -high, high) for number in found]

    def text(self, name: str) -> str:
        """Return a string; raise DataError for anything else."""
        found = self._take(name)
        if not isinstance(found, str):
            raise self._wrong(name, found, "a string")
        return found

    def scheme(self, name: str, n_points: int | None = None) -> str:
        """Return the name of a known scheme with so many points; raise DataError or UnknownNameError otherwise."""
        found = self.text(name)
        if n_points is not None and get_scheme(found).n_points != n_points:
            raise self._wrong(name, found, f"a scheme of {n_points} points")
        return get_scheme(found).name

    def flag(self, name: str) -> bool:
        """Return True or False; raise DataError for anything else."""
        found = self._take(name)
        if not isinstance(found, bool):
            raise self._wrong(name, found, "true or false")
        return found

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return a list of objects; raise DataError for anything else."""
        found = self._take(name)
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise self._wrong(name, found, "a list of objects")
        return found

    def classes(self, name: str, attributes: Sequence[str]) -> dict[str, list[str]]:
        """Return attribute -> its classes, for these attributes in their order; raise DataError for anything else."""
        found = self._take(name)
        if not isinstance(found, dict) or found.keys() != set(attributes):
            allowed = f"the classes of {', '.join(attributes) or 'no attribute'}"
            raise self._wrong(name, list(found) if isinstance(found, dict) else found, allowed)
        for key, some in found.items():
            if not isinstance(some, list) or not all(isinstance(one, str) for one in some) or len(set(some)) < 2:
                raise self._wrong(f"{name}[{key}]", some, "a list of two strings or more")
            if len(set(some)) < len(some):
                raise self._wrong(f"{name}[{key}]", some, "different strings")
        return {key: found[key] for key in attributes}

    def choice(self, name: str, values: Sequence[str]) -> list[str]:
        """Return a list of some of these strings, each once; raise DataError for anything else."""
        found = self._take(name)
        if not isinstance(found, list) or not all(found.count(one) == 1 and one in values for one in found):
            raise self._wrong(name, found, f"a list of some of {', '.join(values) or 'no name'}")
        return found

    def has(self, name: str) -> bool:
        """Return whether there is a value of this name."""
        return name in self._values

    def end(self) -> None:
        """Raise DataError if there is a value that nobody took."""
        unknown = sorted(set(self._values) - self._taken)
        if unknown:
            raise DataError(f"the model of {self.label} has {unknown[0]!r}, which that method does not learn")

    def _take(self, name: str) -> Any:
        self._taken.add(name)
        if name not in self._values:
            raise DataError(f"the model of {self.label} has no {name!r}; fit it again if an earlier version saved it")
        return self._values[name]

    def _wrong(self, name: str, got: object, allowed: str) -> DataError:
        return DataError(must_be(f"the model of {self.label}", name, got, allowed))


def check_names(label: str, cls: type, names: Iterable[str]) -> None:
    """Raise DataError for a name that no `fit` of the class can have learned.

    A learned name ends in one underscore, begins with none, and is no function or property of the class.
    """
    for name in names:
        own = getattr(cls, name, None) if name.isidentifier() else None
        code = callable(own) or hasattr(own, "__get__")
        if code or not name.isidentifier() or name.startswith("_") or not name.endswith("_"):
            raise DataError(f"the model of {label} has {name!r}, which is no learned value: its name must end in '_'")


def read_model(path: str | Path) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the header of a model file, and its arrays as they were learned.

    The header has format, method, params, learned, fitted_on, own_scheme and compact (names of arrays that are stored
    in 8 or 16 bits).

    Raises
    ------
    DataError
        For a file that is absent, no regular file, damaged, or no model of this format.
    """
    from pydantic import ValidationError
    from safetensors import safe_open

    try:
        open_regular(path).close()
        with safe_open(str(path), framework="np") as file:
            text = (file.metadata() or {}).get("fldbench")
            if text is None:
                raise ValueError("its metadata have no entry 'fldbench'")
            header = parse_json(text)
            if isinstance(header, dict) and header.get("format") not in (WHOLE, COMPACT):
                allowed = f"{WHOLE} or {COMPACT}; fit it again, or update fldbench"
                raise DataError(f"model format {shown(header.get('format'))}; must be {allowed}", path)
            checked: Any = header_model().model_validate(header)
            stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is no mapping
            arrays = restored(stored, checked.compact)
    except FileNotFoundError as error:
        raise DataError(f"there is no such model file; {NAME!r} is the one that comes with fldbench", path) from error
    except DataError as error:
        raise error if error.file else DataError(error.message, path) from error
    except ValidationError as error:
        raise DataError(f"not a model that fldbench saved ({first_fault(error)})", path) from error
    except Exception as error:  # safetensors and numpy raise errors of their own
        raise DataError(f"not a model that fldbench saved ({text_of(error) or type(error).__name__})", path) from error
    return checked, arrays


@cache
def header_model() -> type[BaseModel]:
    """Return the pydantic model of the header, built once; pydantic is imported when it is needed."""
    from pydantic import BaseModel, ConfigDict

    class Header(BaseModel):
        model_config = ConfigDict(extra="ignore")

        format: int
        method: str
        params: dict[str, Any]
        learned: dict[str, Any]
        fitted_on: FaceFacts | None = None  # models of earlier versions do not say it
        own_scheme: dict[str, Any] | None = None
        compact: list[str] = []

    Header.model_rebuild(_types_namespace={"Any": Any, "FaceFacts": FaceFacts})
    return Header
