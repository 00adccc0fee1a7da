"""`fldbench report`: records as one page for a browser."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import Data, Plugins, Schemes, complain, roots, say


def report(
    folders: Annotated[list[Path], typer.Argument(help="Output folders of `fldbench run` or `fldbench evaluate`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page to write.")] = Path("report.html"),
    data: Data = None,
    images: Annotated[
        bool,
        typer.Option("--images", help="Embed pictures of faces; `show DATASET` says whether you may pass them on."),
    ] = False,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Write one HTML file: the leaderboard, methods face by face, landmarks, an audit, and the sources of all numbers.

    It opens without a network and asks no server for anything. Faces are drawn as points and lines; their true points
    are read from the datasets, by the data root. Where those are absent, the page says so and shows everything else.
    """
    from fldbench.audit.board_tables import audit_side
    from fldbench.files import check_writable
    from fldbench.report.page import write_page
    from fldbench.run.known_faces import known_faces

    check_writable(output)
    known, notes = known_faces(folders, roots(data), images)
    path = write_page(output, folders, known, notes, screens=[partial(audit_side, known=known)])
    for note in notes:
        complain(f"faces are not drawn: {note}")
    say(f"written: {path} ({path.stat().st_size / 1000:.0f} kB)")
