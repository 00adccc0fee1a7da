"""`fldbench list`: the registered names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

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
    from fldbench.cli.lines import lines

    define_protocols(protocols)
    for one in [kind] if kind else Kind:
        of = " (BASE@KIND=STRENGTH, in suites KIND=* or harm=*; what 1 to 5 mean)"
        _echo_table(f"{one}{of if one is Kind.harms else ''}:", lines(one))
        if one is Kind.protocols:
            _echo_table("modifiers (BASE@MODIFIER,MODIFIER,...):", lines("modifiers"))


def _echo_table(heading: str, rows: dict[str, str]) -> None:
    width = max(map(len, rows), default=0) + 2
    say(heading)
    for name, text in rows.items():
        say(f"  {name:<{width}}{text}".rstrip())
