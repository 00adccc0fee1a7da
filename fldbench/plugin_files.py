"""Plug-ins that are one Python file: imported from where they lie, under a name of their own."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fldbench import registry
from fldbench.errors import DataError
from fldbench.files import open_regular

PREFIX = "fldbench_plugin_"  # of the names of their modules


@dataclass
class _Loaded:
    """A plug-in that was imported: module, digest of its file, and what it registered, (kind, name) -> target."""

    module: str
    digest: str
    entries: dict[tuple[str, str], Any] = field(default_factory=dict)


_loaded: dict[str, _Loaded] = {}  # by the real path of the file


def load_plugin(path: str | Path) -> list[tuple[str, str]]:
    """Import a Python file that registers methods, datasets, protocols or schemes; a second time only if it changed.

    Returns the kind and the name of everything that it registered, such as ("method", "box-mean").

    Modules beside it can be imported by their names. Its own module is named after the file, so that its code is part
    of every key and no other module is hidden.

    Raises
    ------
    DataError
        For a file that is not there, cannot be imported (with the line), registers nothing, or takes a name that means
        something else; and where another module hides one that lies beside the file.
    """
    file = os.path.realpath(path)
    try:
        with open_regular(file) as content:
            code = content.read()
    except (OSError, ValueError) as error:  # a path may hold a zero byte
        why = getattr(error, "strerror", None) or error
        raise DataError(f"the plug-in cannot be read ({why}); check the path", path) from error
    digest = hashlib.sha256(code).hexdigest()
    known = _loaded.get(file)
    if known is None or known.digest != digest:
        for kind, name in known.entries if known else ():
            registry.TABLES[kind].pop(name, None)
        _loaded[file] = _imported(file, code, digest, path)
    for (kind, name), target in _loaded[file].entries.items():
        registry.register(kind, name, target)
    return list(_loaded[file].entries)


def loaded_plugins() -> tuple[str, ...]:
    """Return the files of the plug-ins that were imported, for processes that need them too."""
    return tuple(_loaded)


def is_of_plugin(target: Any) -> bool:
    """Return whether a registered object comes from a plug-in file, which no import statement finds."""
    return str(getattr(target, "__module__", "")).startswith(PREFIX)


def _imported(file: str, code: bytes, digest: str, path: str | Path) -> _Loaded:
    name = _module_name(file, digest)
    folder = os.path.dirname(file)
    if folder not in sys.path:
        sys.path.append(folder)  # behind all others, so that nothing beside the file hides an installed package
    before = {kind: dict(table) for kind, table in registry.TABLES.items()}
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise DataError("a plug-in is a Python file, NAME.py", path)
    module = importlib.util.module_from_spec(spec)
    old = sys.modules.get(name)
    sys.modules[name] = module
    try:
        _check_beside(code, file, path)
        spec.loader.exec_module(module)
        entries = {
            (kind, one): target
            for kind, table in registry.TABLES.items()
            for one, target in table.items()
            if before[kind].get(one) is not target
        }
        for kind, one in entries:
            if one in before[kind]:
                raise DataError(f"it registers the {kind} {one!r}, which is there already; choose another name", path)
        if not entries:
            raise DataError("it registers nothing; call fldbench.register_method('some-name', SomeClass) in it", path)
    except BaseException as error:  # the code of a plug-in may raise anything, and may call sys.exit
        for kind, table in before.items():
            registry.TABLES[kind] = table
        if old is None:
            del sys.modules[name]
        else:
            sys.modules[name] = old
        if isinstance(error, (KeyboardInterrupt, DataError)):
            raise
        raise DataError(f"cannot be imported: {registry.in_words(error)}", path, _line(error, file)) from error
    return _Loaded(name, digest, entries)


def _module_name(file: str, digest: str) -> str:
    """Return a name that depends on the file's name alone, so that results survive a move; of two namesakes the second
    one's has a part of its digest."""
    name = PREFIX + re.sub(r"\W", "_", Path(file).stem)
    taken = getattr(sys.modules.get(name), "__file__", file)
    return name if os.path.realpath(taken or "") == file else f"{name}_{digest[:6]}"


def _check_beside(code: bytes, file: str, path: str | Path) -> None:
    """Raise DataError if an imported name is a module beside the file, and Python finds another one."""
    folder = os.path.dirname(file)
    for node in ast.walk(ast.parse(code, file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        else:
            continue
        for top in (name.partition(".")[0] for name in names):
            beside = [os.path.join(folder, f"{top}.py"), os.path.join(folder, top, "__init__.py")]
            found = getattr(sys.modules.get(top), "__file__", None)
            if found is None and any(map(os.path.exists, beside)):
                spec = importlib.util.find_spec(top)
                found = None if spec is None else spec.origin
            if found and any(map(os.path.exists, beside)) and os.path.realpath(found) not in beside:
                raise DataError(
                    f"it imports {top!r}, which is {found}, not the file beside it; rename that file", path, node.lineno
                )


def _line(error: BaseException, file: str) -> int | None:
    """Return the line of the file where an error arose."""
    if isinstance(error, SyntaxError) and error.filename and os.path.realpath(error.filename) == file:
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if os.path.realpath(trace.tb_frame.f_code.co_filename) == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
