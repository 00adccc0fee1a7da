"""Which code a class runs, as a digest of every module that it reaches, so that no result of other code is reused."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
import uuid
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
}


def code_of(cls: type) -> dict[str, str]:
    """Return module name -> digest of the code of every module that a class reaches.

    Those are the modules of the class and of its bases and, from import to import, every module of fldbench, of the
    class's own distribution, and beside a plug-in that is a file of its own. Imports inside functions count. Comments,
    docstrings, layout, the words of errors, and code that only type checkers see do not. Modules in PINNED count by
    their number.

    A class without source, such as one typed at a prompt, gets a unique digest, because nothing shows that two such
    classes run the same code.

    Parameters
    ----------
    cls : type
        A method's class.

    Returns
    -------
    dict of str to str
        Dotted names, sorted, with 12 hex digits each, or `version N` for a pinned module.
    """
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
            found[name] = f"no source {uuid.uuid4().hex[:DIGITS]}"
    return dict(sorted(found.items()))


def libraries_of(cls: type) -> dict[str, str]:
    """Return distribution -> version of the numerical libraries that the code of a class reaches.

    >>> class Nothing:
    ...     pass
    >>> libraries_of(Nothing)
    {}
    """
    reached = {used.partition(".")[0] for name in code_of(cls) for used in (_read(*_place(name)) or ("", ()))[1]}
    return dict(_installed(name) for name in LIBRARIES if name in reached)


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
    """Whether a module that `name` imports is followed: of fldbench, of the same package, or a file beside it."""
    top = used.partition(".")[0]
    if top == HOME:
        return used != HOME and used.split(".")[1] not in NOT_FOLLOWED  # its own module holds only names
    if top == name.partition(".")[0]:
        return True
    own, other = _place(name)[0], _place(top)[0]
    if "." in name or own is None or other is None:
        return False
    folder = os.path.dirname(own)
    if os.path.basename(other) == "__init__.py" and "site-packages" not in folder and "dist-packages" not in folder:
        other = os.path.dirname(other)  # a package beside it
    return folder == os.path.dirname(other)


def _place(name: str) -> tuple[str, int] | tuple[None, int]:
    """Return the file of a module and the time of its last change; None without a file."""
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if file is None and loaded is None:
        try:
            found = importlib.util.find_spec(name)
        except (ImportError, AttributeError, ValueError):
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
