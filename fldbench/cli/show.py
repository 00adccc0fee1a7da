"""`fldbench show NAME`: everything about one method, dataset, detector, protocol or scheme, or the model builtin."""

from __future__ import annotations

import shutil
import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fldbench.cli.common import Plugins, Protocols, Schemes, define_protocols, say
from fldbench.cli.completion import any_name

if TYPE_CHECKING:
    from fldbench.cli.about import About

WIDTH = 120  # columns at most
NAMES = 26  # columns for names, at most


class Paste(StrEnum):
    """What a statement is pasted into."""

    text = "text"
    latex = "latex"


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a method, dataset, detector, protocol or scheme; or builtin.", autocompletion=any_name
        ),
    ],
    statement: Annotated[
        Paste | None,
        typer.Option("--statement", help="Of a protocol: a paragraph for a paper that says what is measured and how."),
    ] = None,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Show what a name stands for: the parameters and their defaults, splits, rules, points, source, licence."""
    from fldbench import builtin, registry
    from fldbench.cli.about import about_all
    from fldbench.errors import UnknownNameError, near_miss
    from fldbench.schemes import list_schemes

    define_protocols(protocols)
    if statement is not None:
        from fldbench.escape import latex
        from fldbench.protocols import get_protocol
        from fldbench.protocols.statement import statement as written

        text = written(get_protocol(name))
        say(latex(text) if statement is Paste.latex else text)
        return
    pages = about_all(name)
    if not pages:
        known = [one for kind in ("method", "dataset", "detector", "protocol") for one in registry.names(kind)]
        near = near_miss(name, {*known, *list_schemes(), builtin.NAME})
        hint = f"; {near}" if near.startswith("did you mean") else ""  # all names would fill the screen
        then = "see `fldbench list`; your own ones need --plugin, --protocols or --schemes"
        raise UnknownNameError(f"no method, dataset, detector, protocol or scheme named {name!r}{hint} ({then})")
    say("\n\n".join("\n".join(_lines(page)) for page in pages))


def _lines(page: About) -> list[str]:
    lines = [f"{page.kind} {page.name}", *([*_about(page.doc), ""] if page.doc else []), *_facts(page.facts)]
    for heading, facts in page.tables.items():
        lines += ["", heading, *_facts(facts)]
    return [*lines, *(["", "source", *_paragraphs(page.source)] if page.source else [])]


def _facts(facts: dict[str, str]) -> list[str]:
    """Return names with their texts beside them; the text of a long name begins below it."""
    facts = {name: text for name, text in facts.items() if text}
    width = min(max(map(len, facts), default=0), NAMES)
    indent = " " * (width + 4)
    lines: list[str] = []
    for name, text in facts.items():
        wrapped = textwrap.wrap(text, _width(), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        if len(name) > width:
            lines += [f"  {name}", *wrapped]
        else:
            lines += [f"  {name}".ljust(width + 4) + wrapped[0][width + 4 :], *wrapped[1:]]
    return lines


def _about(doc: str | None) -> list[str]:
    from fldbench.docstrings import description, summary

    more = description(doc)
    return [*_paragraph(summary(doc)), *(["", *_paragraphs(more)] if more else [])]


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, _width(), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _paragraphs(text: str | None) -> list[str]:
    lines: list[str] = []
    for block in (text or "").split("\n\n"):
        own = block.splitlines()
        # A list or a table keeps its lines.
        kept = any(line.startswith(("- ", "    ")) for line in own)
        lines += [*([""] if lines else []), *([f"  {line}" for line in own] if kept else _paragraph(block))]
    return lines


def _width() -> int:
    return min(WIDTH, shutil.get_terminal_size().columns)
