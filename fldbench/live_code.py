"""Whether a class runs the code that its file holds: not typed at a prompt, patched, or edited since its import."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache, partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

# What `dataclass` and `NamedTuple` write; it follows from the fields, which are in the file.
_GENERATED = (
    *("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__replace__", "__new__", "__lt__"),
    *("__le__", "__gt__", "__ge__", "_replace", "_asdict", "_make", "__getnewargs__"),
)
_INSTALLED = tuple(os.path.realpath(sysconfig.get_path(kind)) + os.sep for kind in ("stdlib", "purelib", "platlib"))


def is_own(file: str) -> bool:
    """Return whether a file is somebody's own code: neither of Python nor of an installed package."""
    path = os.path.realpath(file)
    return not path.startswith(_INSTALLED) and not {"site-packages", "dist-packages"} & set(Path(path).parts)


def is_rewritten(module: str) -> bool:
    """Return whether a module was imported by a tool that changes code on purpose, as pytest does with assertions."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return spec is not None and not isinstance(spec.loader, SourceFileLoader)


def runs_its_file(holder: type | Mapping[str, Any], module: str, file: str, changed: int) -> bool:
    """Return whether every function of a class, or of a loaded module's names, is in the file as it is now.

    Parameters
    ----------
    holder : type or mapping
        A class, or the names of a module.
    module : str
        Name of the module; other modules' functions do not count.
    file, changed
        Its file, and the time of the file's last change.
    """
    known = _codes(file, changed)
    return all(function.__code__ in known.get(function.__code__.co_qualname, ()) for function in _own(holder, module))


def captured(cls: type) -> list[object] | None:
    """Return the values that a class's functions took from the functions around them; None for what is no plain value.

    >>> def make(k):
    ...     class Shift:
    ...         def by(self):
    ...             return k
    ...     return Shift
    >>> captured(make(3)), captured(make([1, "a"])), captured(make(object()))
    ([['k', 3]], [['k', [1, 'a']]], None)
    """
    found: list[object] = []
    for function in _own(cls, cls.__module__):
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            if name == "__class__":
                continue
            value = _contents(cell)
            if not _is_plain(value):
                return None
            found.append([name, value])
    return found


def _own(holder: type | Mapping[str, Any], module: str, depth: int = 0) -> Iterator[FunctionType]:
    """Yield the functions that a class or a module defines, without their decorators."""
    names = vars(holder) if isinstance(holder, type) else holder
    for name, value in list(names.items()):
        if isinstance(value, type):
            if not isinstance(holder, type) and depth == 0 and value.__module__ == module:
                yield from _own(value, module, 1)
            continue
        function = _bare(value)
        if function is None or (name in _GENERATED and not _is_written(function, module)):
            continue
        if isinstance(holder, type) or function.__module__ == module:
            yield function


def _is_written(function: FunctionType, module: str) -> bool:
    """Return whether a function with the name of a generated one comes from the file of its module all the same."""
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return os.path.realpath(function.__code__.co_filename) == os.path.realpath(file)


def _bare(value: Any) -> FunctionType | None:
    """Return the function within decorators; None for what is no function."""
    for _ in range(20):
        if isinstance(value, property):
            value = value.fget
        elif isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        elif isinstance(value, (cached_property, partial)):
            value = value.func
        elif "__wrapped__" in getattr(value, "__dict__", ()):
            value = value.__wrapped__
        elif "py_func" in getattr(value, "__dict__", ()):  # compiled by numba
            value = value.py_func
        else:
            break
    return value if isinstance(value, FunctionType) else None


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(one) for key, one in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


@lru_cache(maxsize=1024)
def _codes(file: str, changed: int) -> dict[str, tuple[CodeType, ...]]:
    """Return qualified name -> code of everything in a file; names may repeat."""
    found: dict[str, tuple[CodeType, ...]] = {}
    try:
        pending = [compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)]
    except (OSError, SyntaxError, ValueError, RecursionError):
        return {}
    while pending:
        code = pending.pop()
        found[code.co_qualname] = (*found.get(code.co_qualname, ()), code)
        pending += [one for one in code.co_consts if isinstance(one, CodeType)]
    return found


def is_of_python(module: str) -> bool:
    """Return whether a module is part of Python.

    >>> is_of_python("json.decoder"), is_of_python("numpy")
    (True, False)
    """
    return module.partition(".")[0] in sys.stdlib_module_names
