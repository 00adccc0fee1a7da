"""Which code a class runs, as a digest: results and checkpoints of other code are not taken for its own."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path


def code_digest(cls: type) -> str:
    """SHA-256 of the syntax trees of the module that defines a class and of all that it uses from its own package.

    Comments, docstrings and layout do not count; nor do modules of other packages, such as the core, whose versions are
    recorded.
    """
    trees: dict[str, str] = {}
    package = cls.__module__.rpartition(".")[0]
    pending = [cls.__module__]
    while pending:
        name = pending.pop()
        if name in trees:
            continue
        try:
            found = importlib.util.find_spec(name)
            source = Path(found.origin).read_text(encoding="utf-8")
        except (ImportError, AttributeError, TypeError, ValueError, OSError):  # no module of its own, or no file
            continue
        tree = ast.parse(source)
        trees[name] = ast.dump(_without_docstrings(tree))
        if package:
            pending += [used for used in _imported(tree) if used.startswith(f"{package}.")]
    if cls.__module__ not in trees:
        return "no source"
    return hashlib.sha256(json.dumps(trees, sort_keys=True).encode()).hexdigest()[:16]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body.pop(0)
    return tree


def _imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of modules, and of what is taken from them, that may be modules too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
