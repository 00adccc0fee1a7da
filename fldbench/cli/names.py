"""`fldbench list`: the registered names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from fldbench.cli.common import Plugins, Protocols, Schemes, define_protocols, say


class Kind(StrEnum):
    """What `list` lists."""

    methods = "methods"
    datasets = "datasets"
    detectors = "detectors"
    protocols = "protocols"
    schemes = "schemes"
    harms = "harms"
    published = "published"


def list_names(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; default everything.")] = None,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """List the methods, datasets, detectors, protocols, schemes, published numbers and harms; see `show`.

    Harms are modifiers of protocols; the list says what their strengths 1 to 5 mean.
    """
    from fldbench.docstrings import doc_of, summary
    from fldbench.errors import FldbenchError
    from fldbench.faces.harm import HARMS
    from fldbench.protocols import catalogue
    from fldbench.registry import names, resolve, table
    from fldbench.schemes import get_scheme, list_schemes

    define_protocols(protocols)

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

    bases, modifiers = catalogue() if kind in (None, Kind.protocols) else ([], [])
    tables = {
        Kind.methods: lambda: {name: about("method", name, one) for name, one in table("method").items()},
        Kind.datasets: lambda: {name: facts(name) for name in names("dataset")},
        Kind.detectors: lambda: {name: about("detector", name, one) for name, one in table("detector").items()},
        Kind.protocols: lambda: dict(bases),
        Kind.schemes: lambda: {name: f"{get_scheme(name).n_points} points" for name in list_schemes()},
        Kind.harms: lambda: {
            name: f"{' '.join(f'{amount:g}' for amount in harm.amounts):<26}{harm.about}"
            for name, harm in HARMS.items()
        },
        Kind.published: _published,
    }
    for one in [kind] if kind else Kind:
        of = " (BASE@KIND=STRENGTH, in suites KIND=* or harm=*; what 1 to 5 mean)"
        _echo_table(f"{one}{of if one is Kind.harms else ''}:", tables[one]())
        if one is Kind.protocols:
            _echo_table("modifiers (BASE@MODIFIER,MODIFIER,...):", dict(modifiers))


def _published() -> dict[str, str]:
    """Return protocol -> how many methods have published numbers that may stand beside those measured under it."""
    from fldbench.protocols import get_protocol
    from fldbench.protocols.published import published, published_under

    written = dict.fromkeys(one.protocol for one in published() if one.protocol)
    rules = {one.name: one for one in map(get_protocol, written)}
    found = {}
    for name, one in rules.items():
        rows = published_under(one)
        keys = dict.fromkeys(key for row in rows for key in row.numbers)
        years = dict.fromkeys((min(row.year for row in rows), max(row.year for row in rows)))
        found[name] = f"{len(rows):>3} of {' to '.join(map(str, years))}: {', '.join(keys)}"
    return found


def _echo_table(heading: str, rows: dict[str, str]) -> None:
    width = max(map(len, rows), default=0) + 2
    say(heading)
    for name, text in rows.items():
        say(f"  {name:<{width}}{text}".rstrip())
