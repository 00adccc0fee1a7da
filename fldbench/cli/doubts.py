"""`fldbench data doubts`: faces whose label methods of different families contradict together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import Data, Plugins, Schemes, complain, roots, say

SHOWN = 10  # faces that are listed even if none is doubtful
DRAWN = 48  # faces on the sheet


def doubts(
    folders: Annotated[list[Path], typer.Argument(help="Output folders of `fldbench run` or `fldbench evaluate`.")],
    data: Data = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="Name of the protocol; by default all of the records.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="PNG of the most doubtful faces: label white, consensus green.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Exclude list of the doubtful faces, for you to look through.")
    ] = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """List test faces whose truth is doubtful, and what the leaderboard is without them. Nothing is removed.

    They are the faces on which methods of different families agree with each other against the label.
    """
    from fldbench.audit.doubtful_truth import board, doubtful_truth, remarks
    from fldbench.curate.excludes import Exclude, write_excludes
    from fldbench.media.draw import write_png
    from fldbench.media.sheet import answer_sheet
    from fldbench.report import formats

    found, notes = doubtful_truth(folders, roots(data), protocol)
    for note in notes:
        complain(note)
    for about in found:
        say("\n".join(about.lines(SHOWN)) + "\n")
        say(formats.text([board(about)], remarks(about)))
    if (sheet or output) and len(found) != 1:
        complain(f"{len(found)} sections have doubts; --sheet and -o are for one: name it with --protocol")
        raise typer.Exit(2)
    if not found:
        raise typer.Exit(1)
    about = found[0]
    if output is not None:
        named = [
            Exclude(
                str(about.faces.ids[one.row]), "doubt", f"score {one.score:.1f}; {one.cause or 'no cause is plain'}"
            )
            for one in about.doubtful
        ]
        say(write_excludes(output, named))
    if sheet is not None:
        rows = [one.row for one in about.found[: max(SHOWN, min(DRAWN, len(about.doubtful)))]]
        say(write_png(sheet, answer_sheet(about.faces[rows], about.consensus[rows])))
