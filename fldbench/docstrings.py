"""Reads docstrings with numpydoc sections: the summary, the text about each parameter, also without an import."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from typing import Any

_UNDERLINE = re.compile(r"-{3,}")


def summary(doc: str | None) -> str:
    """Return the first sentence paragraph of a docstring as one line.

    >>> summary("Fit a line.\\n\\n    More about it.")
    'Fit a line.'
    """
    first = inspect.cleandoc(doc or "").partition("\n\n")[0]
    return " ".join(first.split())


def description(doc: str | None) -> str:
    """Return what stands between the summary and the first section."""
    _, _, rest = inspect.cleandoc(doc or "").partition("\n\n")
    lines = rest.splitlines()
    ends = [i - 1 for i, line in enumerate(lines) if i and _UNDERLINE.fullmatch(line.strip())]
    return "\n".join(lines[: ends[0]] if ends else lines).strip()


def entries(doc: str | None, section: str = "Parameters") -> dict[str, str]:
    """Return name -> text of the entries of a section; names that share an entry share its text.

    >>> entries("Do it.\\n\\nParameters\\n----------\\na, b : int\\n    Sides.\\nc : str\\n    A word.\\n")
    {'a': 'Sides.', 'b': 'Sides.', 'c': 'A word.'}
    """
    lines = inspect.cleandoc(doc or "").splitlines()
    starts = [i for i, line in enumerate(lines[1:], 1) if _UNDERLINE.fullmatch(line) and lines[i - 1] == section]
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for i, line in enumerate(lines[starts[0] + 1 :] if starts else [], starts[0] + 1 if starts else 0):
        if i + 1 < len(lines) and _UNDERLINE.fullmatch(lines[i + 1]):
            break
        if line and not line.startswith(" "):
            names = [name.strip().lstrip("*") for name in line.partition(" : ")[0].split(",")]
            found |= {name: [] for name in names}
        elif line:
            for name in names:
                found[name].append(line.strip())
    return {name: " ".join(text) for name, text in found.items()}


def parameter_texts(cls: type[Any]) -> dict[str, str]:
    """Return parameter -> text, from the docstrings of a class, of its constructor and of its bases.

    A text `As in BASE.` stands for that of the base.
    """
    texts: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        for doc in (vars(one).get("__doc__"), getattr(vars(one).get("__init__"), "__doc__", None)):
            own = {name: text for name, text in entries(doc).items() if text}
            texts |= {name: text for name, text in own.items() if name not in texts or not text.startswith("As in ")}
    return texts


def doc_of(target: Any) -> str:
    """Return the docstring of an object, or of the class that "module:Class" names, which is not imported.

    An empty string if there is none, or if the module cannot be found or parsed.
    """
    if not isinstance(target, str):
        return inspect.getdoc(target) or ""
    module, _, name = target.partition(":")
    try:
        spec = importlib.util.find_spec(module)
        with open(str(spec and spec.origin), "rb") as file:
            tree = ast.parse(file.read())
    except (Exception, SystemExit):  # the package around a plug-in's module is imported, and may raise anything
        return ""
    found = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    return ast.get_docstring(found[0]) or "" if found else ""
