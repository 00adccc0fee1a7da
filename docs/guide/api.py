"""The pages of the API: the stable modules and the public names, read from their docstrings by mkdocstrings."""

import importlib
import inspect

import fldbench
from fldbench.docstrings import summary
from guide.markdown import escaped

STABLE = (
    *("errors", "geometry", "metrics", "stats", "method", "dataset", "registry", "faces", "schemes", "protocols"),
    *("report", "checks"),
)


def pages():
    """Return path -> Markdown: one page for each stable module, and one for the names of `fldbench` itself."""
    modules = {name: importlib.import_module(f"fldbench.{name}") for name in STABLE}
    places = {module.__name__ + "." + name: key for key, module in modules.items() for name in public(module)}
    found = {f"api/{key}.md": _module(module) for key, module in modules.items()}
    return {"api/index.md": _top(places), **found}


def public(module):
    """Return the public names of a module, in its own order: `__all__`, or what it defines without an underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = [name for name, value in vars(module).items() if not name.startswith("_") and _made_in(module, value)]
    return own


def _made_in(module, value):
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module.__name__


def _module(module):
    name = module.__name__
    lines = [
        f"# {name}",
        "",
        f"::: {name}",
        "    options: {members: false, show_root_heading: false, show_root_toc_entry: false}",
        "",
    ]
    for one in public(module):
        target = getattr(module, one)
        if inspect.isclass(target) or inspect.isfunction(target):
            lines += [f"::: {target.__module__}.{target.__qualname__}", ""]
    return "\n".join(lines)


def _top(places):
    """Return the page of the public names: those of a stable module link there, the others are described here."""
    lines = ["# fldbench", "", (fldbench.__doc__ or "").strip(), "", "| name | what it is |", "|---|---|"]
    here = []
    for name in fldbench.__all__:
        target = getattr(fldbench, name)
        if name == "__version__":
            lines.append("| `__version__` | The version of the installed package. |")
            continue
        path = f"{target.__module__}.{target.__qualname__}"
        if not any(
            getattr(importlib.import_module(place.rpartition(".")[0]), name, None) is target
            for place in places
            if place.endswith("." + name)
        ):
            here.append(path)
        lines.append(f"| [`{name}`][{path}] | {escaped(summary(target.__doc__))} |")
    lines += ["", "The stable modules: " + ", ".join(f"[`fldbench.{name}`]({name}.md)" for name in STABLE) + ".", ""]
    return "\n".join([*lines, *(f"::: {path}\n" for path in here)])
