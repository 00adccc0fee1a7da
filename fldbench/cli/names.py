"""`fldbench list`: what there is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """What `list` lists."""

    methods = "methods"
    datasets = "datasets"
    protocols = "protocols"
    schemes = "schemes"


def list_names(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; without it, everything.")] = None,
) -> None:
    """List the registered methods, datasets, protocols and landmark schemes."""
    from fldbench.protocols import get_protocol, list_protocols
    from fldbench.registry import names, resolve, table
    from fldbench.schemes import get_scheme, list_schemes

    def facts(name: str) -> str:
        dataset = resolve("dataset", name)()
        counts = ", ".join(f"{part} {n}" for part, n in dataset.expected.items())
        scheme = getattr(dataset, "scheme", "any scheme")
        return "; ".join(text for text in (scheme, f"splits {', '.join(dataset.splits)}", counts) if text)

    tables = {
        Kind.methods: lambda: {name: str(target) for name, target in table("method").items()},
        Kind.datasets: lambda: {name: facts(name) for name in names("dataset")},
        Kind.protocols: lambda: {name: get_protocol(name).describe() for name in list_protocols()},
        Kind.schemes: lambda: {name: f"{get_scheme(name).n_points} points" for name in list_schemes()},
    }
    for one in [kind] if kind else Kind:
        typer.echo(f"{one}:")
        for name, text in tables[one]().items():
            typer.echo(f"  {name:<34}{text}".rstrip())
