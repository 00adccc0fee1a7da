"""`fldbench new`: a plug-in to begin with."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import say


class PluginKind(StrEnum):
    """What `new` writes."""

    method = "method"
    dataset = "dataset"
    protocol = "protocol"
    detector = "detector"


def new(
    kind: Annotated[PluginKind, typer.Argument(help="What to begin.")],
    name: Annotated[str, typer.Argument(help="Its name: small letters and digits, with hyphens between.")],
    one_file: Annotated[
        bool, typer.Option("--file", help="One file for --plugin (a protocol: YAML for --protocols), not a package.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to; default fldbench-NAME, or NAME.py, in this folder.")
    ] = None,
) -> None:
    """Write a method, dataset, protocol or detector of your own that works as it is, to be changed into yours.

    A package is a class, its test, a suite and the entry point by which fldbench knows it once it is installed.
    """
    from fldbench.kit.new import new_plugin, next_commands

    path = new_plugin(kind.value, name, output, one_file)
    say(f"written: {path}")
    for line in next_commands(kind.value, name, path):
        say(f"  {line}")
