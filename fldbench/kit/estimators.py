"""Fitted estimators of scikit-learn as arrays and JSON, so that a saved model holds no pickle.

An object is written as what its `__reduce_ex__` says: a class, arguments and a state. Reading makes objects of classes
of scikit-learn, scipy and numpy alone, and calls nothing else, so a file of somebody else runs no code of its own.
"""

from __future__ import annotations

import importlib
import inspect
import math
from typing import Any

import numpy as np

from fldbench.errors import DataError, MethodError

HOMES = ("sklearn", "scipy.sparse", "scipy.stats", "numpy.random")  # packages whose classes are made again
ARRAYS = (np.generic, np.dtype, np.ufunc)  # of numpy's other classes, because memmap and its like touch files
CALLED = {  # functions that `__reduce_ex__` names, other than classes
    "copyreg:__newobj__",
    "copyreg:_reconstructor",
    *(f"numpy.{core}.multiarray:{name}" for core in ("_core", "core") for name in ("scalar", "_reconstruct")),
    *(f"numpy.random._pickle:__{name}_ctor" for name in ("randomstate", "bit_generator", "generator")),
    "numpy.random.bit_generator:__pyx_unpickle_SeedSequence",
    "numpy.ma.core:_mareconstruct",
    *(f"sklearn.{home}:newObj" for home in ("neighbors._kd_tree", "neighbors._ball_tree", "metrics._dist_metrics")),
}
PLAIN = {"builtins:object", "builtins:set", "builtins:frozenset", "builtins:slice", "collections:OrderedDict"}


def packed(thing: Any, label: str) -> tuple[Any, list[np.ndarray]]:
    """Return an object as a JSON value and arrays; raise MethodError for one that holds what cannot be saved so."""
    arrays: list[np.ndarray] = []
    try:
        return _written(thing, arrays, {}), arrays
    except (TypeError, RecursionError) as error:
        raise MethodError(f"{label} cannot be saved: {error}; use it in a function, or save it yourself") from error


def unpacked(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return what `packed` was given; raise DataError for a value that names anything but numerical classes."""
    try:
        return _read(value, arrays, [])
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"no estimator that fldbench saved ({type(error).__name__}: {error})") from error


def _written(thing: Any, arrays: list[np.ndarray], known: dict[int, tuple[int, Any]]) -> Any:
    if thing is None or isinstance(thing, (bool, str)) or type(thing) is int:
        return thing
    if type(thing) is float:
        return thing if math.isfinite(thing) else ["float", repr(thing)]
    if id(thing) in known:
        return ["again", known[id(thing)][0]]
    if isinstance(thing, np.ndarray) and type(thing) is np.ndarray and thing.dtype.kind in "biufc":
        arrays.append(thing)
        return ["array", len(arrays) - 1, thing.ndim > 1 and not thing.flags.c_contiguous]
    if isinstance(thing, np.ndarray) and thing.dtype.kind in "OUS":
        return ["objects", list(thing.shape), [_written(one, arrays, known) for one in thing.ravel().tolist()]]
    if isinstance(thing, np.ndarray) and thing.dtype.names:
        fields = [np.ascontiguousarray(thing[name]) for name in thing.dtype.names]
        return ["records", _dtype(thing.dtype), [_written(one, arrays, known) for one in fields]]
    if isinstance(thing, np.dtype):
        return ["dtype", _dtype(thing)]
    if isinstance(thing, bytes):
        return ["bytes", thing.hex()]
    if isinstance(thing, (tuple, list)) and type(thing) in (tuple, list):
        return [type(thing).__name__, [_written(one, arrays, known) for one in thing]]
    if type(thing) is dict:
        return ["dict", [[_written(one, arrays, known) for one in pair] for pair in thing.items()]]
    if isinstance(thing, type) or inspect.isroutine(thing) or isinstance(thing, np.ufunc):
        home = getattr(thing, "__module__", None) or "numpy"
        name = f"{home}:{getattr(thing, '__qualname__', thing.__name__)}"
        _named(name)
        return ["name", name]
    return _object(thing, arrays, known)


def _object(thing: Any, arrays: list[np.ndarray], known: dict[int, tuple[int, Any]]) -> Any:
    """Return an object as what makes it again, and a number under which it can be named once more."""
    reduced = thing.__reduce_ex__(2)
    if isinstance(reduced, str):
        raise TypeError(f"{type(thing).__name__} is known by name alone")
    make, args, state, items, pairs = (*reduced, None, None, None)[:5]
    made = [_written(make, arrays, known), _written(tuple(args), arrays, known)]
    number = len(known)
    known[id(thing)] = number, thing
    rest = [state, None if items is None else list(items), None if pairs is None else dict(pairs)]
    return ["object", number, *made, *(_written(one, arrays, known) for one in rest)]


def _dtype(dtype: np.dtype[Any]) -> Any:
    if dtype.names is None:
        return dtype.str
    return [[name, _dtype(dtype[name])] for name in dtype.names]


def _dtype_of(written: Any) -> np.dtype[Any]:
    if isinstance(written, str):
        return np.dtype(written)
    return np.dtype([(str(name), _dtype_of(kind)) for name, kind in written])


def _named(name: str) -> Any:
    """Return a class, a ufunc, or one of the functions that make objects; raise TypeError for anything else."""
    home, _, path = name.partition(":")
    within = any(home == one or home.startswith(f"{one}.") for one in HOMES)
    if not within and name not in CALLED | PLAIN and home.partition(".")[0] != "numpy":
        raise TypeError(f"{name} is not a class of {', '.join(HOMES)}")
    found: Any = importlib.import_module(home)
    for part in path.split("."):
        found = getattr(found, part)
    known = name in CALLED | PLAIN or found in (np.ndarray, np.ma.MaskedArray) or isinstance(found, np.ufunc)
    number = isinstance(found, type) and issubclass(found, ARRAYS)
    compiled = home.startswith("sklearn.") and path.startswith("__pyx_unpickle")
    if not (known or number or compiled or (within and isinstance(found, type))):
        raise TypeError(f"{name} is nothing that an estimator is made of")
    return found


def _read(value: Any, arrays: list[np.ndarray], made: list[Any]) -> Any:
    if not isinstance(value, list):
        return value
    tag, *rest = value
    if tag == "float":
        return float(rest[0])
    if tag == "again":
        return made[rest[0]]
    if tag == "array":
        return np.array(arrays[rest[0]], order="F" if rest[1] else "C")  # sums follow the layout
    if tag == "objects":
        flat = np.empty(len(rest[1]), object)
        flat[:] = [_read(one, arrays, made) for one in rest[1]]
        return flat.reshape(rest[0])
    if tag == "records":
        fields = [_read(one, arrays, made) for one in rest[1]]
        dtype = _dtype_of(rest[0])
        whole = np.empty(fields[0].shape[: fields[0].ndim], dtype)
        for name, field in zip(dtype.names or (), fields, strict=True):
            whole[name] = field
        return whole
    if tag == "dtype":
        return _dtype_of(rest[0])
    if tag == "bytes":
        return bytes.fromhex(rest[0])
    if tag in ("tuple", "list"):
        items = [_read(one, arrays, made) for one in rest[0]]
        return tuple(items) if tag == "tuple" else items
    if tag == "dict":
        return {_read(key, arrays, made): _read(one, arrays, made) for key, one in rest[0]}
    if tag == "name":
        return _name_read(rest[0])
    if tag == "object":
        return _object_read(rest, arrays, made)
    raise DataError(f"an estimator holds {tag!r}, which is nothing that fldbench writes")


def _name_read(name: str) -> Any:
    try:
        return _named(name)
    except (TypeError, ImportError, AttributeError) as error:
        raise DataError(f"an estimator names what is not made again: {error}") from error


def _object_read(rest: list[Any], arrays: list[np.ndarray], made: list[Any]) -> Any:
    number, make, args, state, items, pairs = rest
    maker, arguments = _read(make, arrays, made), _read(args, arrays, made)
    thing = maker(*arguments)
    if number != len(made):
        raise DataError("the parts of an estimator are not in order")
    made.append(thing)
    state, items, pairs = (_read(one, arrays, made) for one in (state, items, pairs))
    if state is not None:
        if hasattr(thing, "__setstate__"):
            thing.__setstate__(state)
        else:
            vars(thing).update(state[0] if isinstance(state, tuple) else state)
    if items:
        thing.extend(items) if hasattr(thing, "extend") else thing.update(items)
    if pairs:
        thing.update(pairs)
    return thing
