"""Which code a class runs, as a digest of every module that it reaches, so that no result of other code is reused."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from fldbench.live_code import captured, is_of_python, is_own, is_rewritten, runs_its_file

DIGITS = 12  # of 64 in the digest of one module
HOME = "fldbench"

# Modules of the core that enter by a number instead of their text, so that a new message or docstring of theirs does
# not turn all earlier results into results of "other code". tests/records/test_pinned.py pins their outputs: if one
# of those changes, raise the number here.
PINNED = {
    "fldbench.cnn.training.pictures": 1,
    "fldbench.digest": 1,
    "fldbench.errors": 1,
    "fldbench.escape": 1,
    "fldbench.files": 1,
    "fldbench.method": 1,
    "fldbench.model_file": 1,
    "fldbench.params": 1,
    "fldbench.progress": 1,
    "fldbench.records.keys": 1,
    "fldbench.registry": 1,
    "fldbench.schemes": 1,
}

# These run methods and write tables. A script that holds a method and runs it reaches them, but no method learns from
# them, and the keys of the built-in methods do not hold them either.
NOT_FOLLOWED = ("run", "report", "audit", "cli")

# Imported name -> distributions that provide it; the first one that is installed counts.
LIBRARIES = {
    "numpy": ("numpy",),
    "scipy": ("scipy",),
    "sklearn": ("scikit-learn",),
    "numba": ("numba",),
    "cv2": ("opencv-contrib-python-headless", "opencv-python-headless", "opencv-contrib-python", "opencv-python"),
    "dlib": ("dlib-bin", "dlib"),
    "torch": ("torch",),
    "torchjd": ("torchjd",),
}


_known: ContextVar[dict[tuple[str, type], dict[str, str]] | None] = ContextVar("fldbench_known_code", default=None)


@contextmanager
def each_class_once() -> Iterator[None]:
    """Inside the block the code of a class is looked up once: a plan of a thousand cells has few classes.

    A class whose code is not in its file has the same unique digest throughout the block.
    """
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def _once(what: str, cls: type, find: Callable[[type], dict[str, str]]) -> dict[str, str]:
    known = _known.get()
    if known is None:
        return find(cls)
    if (what, cls) not in known:
        known[what, cls] = find(cls)
    return dict(known[what, cls])


def code_of(cls: type) -> dict[str, str]:
    """Return module name -> digest of the code of every module that a class reaches.

    Those are the modules of the class and of its bases and, from import to import, every module of fldbench, of the
    class's own distribution, and of the user's own code, which is what lies outside of installed packages. Imports
    inside functions count. Comments, docstrings, layout, the words of errors, and code that only type checkers see do
    not. Modules in PINNED count by their number. So do plain values that a class took from the function around it.

    Code that is not in its file gets a unique digest, because nothing shows that two such classes run the same: typed
    at a prompt or in a notebook, executed from a string, patched, or edited since its module was imported.

    Parameters
    ----------
    cls : type
        A method's class.

    Returns
    -------
    dict of str to str
        Dotted names, sorted, with 12 hex digits each, or `version N` for a pinned module.
    """
    return _once("code", cls, _code)


def _code(cls: type) -> dict[str, str]:
    found: dict[str, str] = {}
    pending = [base.__module__ for base in cls.__mro__ if base is not object]
    while pending:
        name = pending.pop()
        if name in found:
            continue
        module = _read(*_place(name))
        if module is not None:
            found[name] = _pinned(name) or module[0]
            pending += [used for used in module[1] if _same_house(used, name)] if not _pinned(name) else []
        elif name == cls.__module__:
            found[name] = _unique()
    for base in cls.__mro__[:-1]:
        found |= _not_in_its_file(base, found)
    for name in [name for name in found if name.partition(".")[0] != HOME]:
        file, changed = _place(name)
        loaded = vars(sys.modules[name]) if name in sys.modules and not is_rewritten(name) else {}
        if file is not None and is_own(file) and not runs_its_file(loaded, name, file, changed):
            found[name] = _unique()
    return dict(sorted(found.items()))


def _unique() -> str:
    return f"no source {uuid.uuid4().hex[:DIGITS]}"


def _not_in_its_file(cls: type, found: dict[str, str]) -> dict[str, str]:
    """Return module -> digest for a class whose code is not, or not only, what the file of its module says."""
    name = cls.__module__
    file, changed = _place(name)
    if file is None or name not in found or not is_own(file) or is_rewritten(name):
        return {}
    values = captured(cls)
    if values is None or not runs_its_file(cls, name, file, changed):
        return {name: _unique()}
    if not values:
        return {}
    text = f"{found[name]} {cls.__qualname__} {values!r}"
    return {name: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]}


def libraries_of(cls: type) -> dict[str, str]:
    """Return distribution -> version of the libraries that the code of a class reaches.

    Those are the numerical ones of LIBRARIES, and for code outside of fldbench every other installed one too.

    >>> class Nothing:
    ...     pass
    >>> libraries_of(Nothing)
    {}
    """
    return _once("libraries", cls, _libraries)


def _libraries(cls: type) -> dict[str, str]:
    reached: dict[str, bool] = {}  # top-level name -> whether code outside of fldbench imports it
    for name in code_of(cls):
        outside = name.partition(".")[0] != HOME and not is_of_python(name)
        for used in (_read(*_place(name)) or ("", ()))[1]:
            top = used.partition(".")[0]
            reached[top] = reached.get(top, False) or outside
    found = dict(_installed(name) for name in LIBRARIES if name in reached)
    others = sorted(top for top, outside in reached.items() if outside and top not in LIBRARIES and top != HOME)
    for top in others:
        if not is_of_python(top):  # asked first: to know all distributions takes longer than a small plan
            found |= {one: version(one) for one in _distributions().get(top, ())}
    return found


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    """Return top-level name -> the distributions that provide it."""
    return dict(packages_distributions())


def _installed(name: str) -> tuple[str, str]:
    for distribution in LIBRARIES[name]:
        try:
            return distribution, version(distribution)
        except PackageNotFoundError:
            continue
    return LIBRARIES[name][0], "absent"


def _pinned(name: str) -> str:
    """`version N` for a pinned module or a module of a pinned package, else an empty string."""
    parts = name.split(".")
    number = next((PINNED[head] for i in range(2, len(parts) + 1) if (head := ".".join(parts[:i])) in PINNED), None)
    return "" if number is None else f"version {number}"


def _same_house(used: str, name: str) -> bool:
    """Whether a module that `name` imports is followed: of fldbench, of the same package, or the user's own code."""
    top = used.partition(".")[0]
    if top == HOME:
        return used != HOME and used.split(".")[1] not in NOT_FOLLOWED  # its own module holds only names
    if top == name.partition(".")[0]:
        return True
    if name.partition(".")[0] == HOME or is_of_python(name):
        return False
    places = _top_places(top)
    return bool(places) and all(map(is_own, places))


def _top_places(top: str) -> list[str]:
    """Return the file of a top-level module, or the folders of a package without one; empty for one of Python."""
    file = _place(top)[0]
    if file is not None or is_of_python(top):
        return [] if file is None else [file]
    try:
        found = importlib.util.find_spec(top)
    except Exception:  # a stranger's finder may raise anything
        return []
    return [] if found is None else list(found.submodule_search_locations or ())


def _place(name: str) -> tuple[str, int] | tuple[None, int]:
    """Return the file of a module and the time of its last change; None without a file."""
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if file is None and loaded is None:
        try:
            found = importlib.util.find_spec(name)
        except Exception:  # the packages above it are imported, and may raise anything
            found = None
        file = None if found is None or not found.has_location else found.origin
    try:
        return (None, 0) if file is None or not file.endswith(".py") else (file, os.stat(file).st_mtime_ns)
    except OSError:
        return None, 0


@lru_cache(maxsize=4096)
def _read(file: str | None, changed: int) -> tuple[str, tuple[str, ...]] | None:
    """The digest of a file's code and the modules that it may import; None without a file that parses."""
    if file is None:
        return None
    try:
        tree = _runs_alone(ast.parse(Path(file).read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return None
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:DIGITS], tuple(dict.fromkeys(_imported(tree)))


def _runs_alone(tree: ast.Module) -> ast.Module:
    """Return the tree without docstrings, the words of errors, and the code under `if TYPE_CHECKING`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        if body and isinstance(body[0], ast.Expr) and isinstance(getattr(body[0].value, "value", None), str):
            body.pop(0)
        body[:] = [child for child in body if not _for_checkers(child)]
    return tree


def _for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield dotted names of modules, of the names imported from them, and of `fldbench.NAME` in the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == HOME:
            yield _public_module(node.attr)


def _public_module(name: str) -> str:
    """The module behind `fldbench.NAME`."""
    home = sys.modules.get(HOME)
    return f"{HOME}.{getattr(home, '_PUBLIC', {}).get(name, name)}"
