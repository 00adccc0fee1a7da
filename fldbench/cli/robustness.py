"""`fldbench robustness`: curves of methods under harmed images and boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import Plugins, Schemes, say


def robustness(
    folders: Annotated[list[Path], typer.Argument(help="Output folders of `fldbench run`, or published files.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for robustness.csv, .md, .tex and the figures.")
    ] = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Show how the NME of methods rises as images or boxes get worse, and whose ranks change.

    The records must hold protocols with harm beside the same ones without: `300w-helen@blur=*` in a suite stands for
    them all; `fldbench list harms`. Curves by jittered boxes come from `300w-helen@boxes=jittered:*`.
    """
    from fldbench.cli.terminal import print_tables
    from fldbench.report import robustness as curves_of

    found = curves_of(folders)
    print_tables(found)
    if output is not None:
        say(f"written: {', '.join(str(path) for path in found.write(output))}")
