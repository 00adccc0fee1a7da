"""`fldbench list`: the registered names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from fldbench.cli.common import Plugins, Schemes, say


class Kind(StrEnum):
    """What `list` lists."""

    methods = "methods"
    datasets = "datasets"
    detectors = "detectors"
    protocols = "protocols"
    schemes = "schemes"


def list_names(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; default everything.")] = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """List the registered methods, datasets, face detectors, protocols and schemes, each in one line; see `show`."""
    from fldbench.docstrings import doc_of, summary
    from fldbench.errors import FldbenchError
    from fldbench.protocols import catalogue
    from fldbench.registry import names, resolve, table
    from fldbench.schemes import get_scheme, list_schemes

    def about(kind: str, name: str, target: Any) -> str:
        text = summary(doc_of(target))
        if not text and isinstance(target, str):
            try:
                resolve(kind, name)
            except FldbenchError as error:
                return f"broken: {error}"
        return text

    def facts(name: str) -> str:
        try:
            dataset = resolve("dataset", name)()
        except FldbenchError as error:  # one broken plug-in does not end the list
            return f"broken: {error}"
        counts = ", ".join(f"{part} {n}" for part, n in dataset.expected.items())
        scheme = getattr(dataset, "scheme", "any scheme")
        splits, tasks = f"splits {', '.join(dataset.splits)}", ", ".join(dataset.attribute_types)
        return "; ".join(text for text in (scheme, splits, counts, tasks and f"attributes {tasks}") if text)

    tables = {
        Kind.methods: lambda: {name: about("method", name, one) for name, one in table("method").items()},
        Kind.datasets: lambda: {name: facts(name) for name in names("dataset")},
        Kind.detectors: lambda: {name: about("detector", name, one) for name, one in table("detector").items()},
        Kind.protocols: lambda: dict(catalogue()[0]),
        Kind.schemes: lambda: {name: f"{get_scheme(name).n_points} points" for name in list_schemes()},
    }
    for one in [kind] if kind else Kind:
        _echo_table(f"{one}:", tables[one]())
        if one is Kind.protocols:
            _echo_table("modifiers (BASE@MODIFIER,MODIFIER,...):", dict(catalogue()[1]))


def _echo_table(heading: str, rows: dict[str, str]) -> None:
    width = max(map(len, rows), default=0) + 2
    say(heading)
    for name, text in rows.items():
        say(f"  {name:<{width}}{text}".rstrip())
