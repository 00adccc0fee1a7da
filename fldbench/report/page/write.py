"""The page as one file: screens, style and scripts, and a policy under which a browser asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fldbench.errors import StoreError
from fldbench.escape import plain
from fldbench.files import write_text
from fldbench.records.known_faces import KnownFaces
from fldbench.report.leaderboard import leaderboard
from fldbench.report.page.board import board_view
from fldbench.report.page.chart import COLOURED
from fldbench.report.page.curves import ced_figure
from fldbench.report.page.harms import HOW as HARMS_HOW
from fldbench.report.page.harms import robustness_side
from fldbench.report.page.landmarks import landmark_values
from fldbench.report.page.measured import Measured, measured, places_of
from fldbench.report.page.packed import NOTHING, STEP, packed_errors
from fldbench.report.page.pairs import pair_values
from fldbench.report.page.provenance import provenance
from fldbench.report.page.sample import MOST_VALUES, sampled
from fldbench.report.page.shapes import MOST_POINTS, Shapes, drawings
from fldbench.report.page.side_reports import SLICES_HOW, cost_side, slices_side
from fldbench.report.page.sides import Side

SCRIPTS = (
    "core.js",
    "tables.js",
    "board.js",
    "packed.js",
    "compare.js",
    "faces.js",
    "landmarks.js",
    "sides.js",
    "start.js",
)
Screen = Callable[[Sequence[Measured], Mapping[str, Path]], Side | None]
FACES_HOW = (
    "Faces and landmarks need the true points, which records do not keep: "
    "`fldbench report DIR --data ROOT` reads them from the dataset."
)


def write_page(
    path: str | Path,
    folders: Sequence[str | Path],
    faces: Mapping[str, KnownFaces] = MappingProxyType({}),
    notes: Sequence[str] = (),
    title: str = "",
    screens: Sequence[Screen] = (),
) -> Path:
    """Write the page of some folders of records: one HTML file, whole or not at all; see `page`.

    Raises
    ------
    StoreError
        For folders without records, and when the file cannot be written.
    """
    return write_text(path, page(folders, faces, notes, title, screens))


def page(
    folders: Sequence[str | Path],
    faces: Mapping[str, KnownFaces] = MappingProxyType({}),
    notes: Sequence[str] = (),
    title: str = "",
    screens: Sequence[Screen] = (),
) -> str:
    """Return the page of some folders of records as HTML that needs nothing but itself.

    Parameters
    ----------
    folders : sequence of str or Path
        Output folders of `run` or `evaluate`.
    faces : mapping of str to KnownFaces, optional
        Hash of a protocol -> the truth of its faces, as `fldbench.run.known_faces` reads it. The screens of faces and
        landmarks need it.
    notes : sequence of str
        Lines that the page shows about what is absent.
    title : str
        Default the names of the folders.
    screens : sequence of callable
        Further screens, such as that of an audit: each gets the tables and key -> folder of each record, and returns a
        `Side`, or None where it has nothing to show.

    Raises
    ------
    StoreError
        For folders without records.
    """
    if not folders:
        raise StoreError("report: there is no folder; give those that `fldbench run` wrote")
    board = leaderboard(list(folders))
    places = places_of(folders)
    tables = measured(board, places)
    most = MOST_VALUES // max(1, sum(bool(table.with_errors) for table in tables))
    pool = Shapes()
    drawn = [_drawn(table, faces, places, pool, MOST_POINTS // len(tables)) for table in tables]
    ids: dict[tuple[str, ...], int] = {}
    data = {
        "step": 100 * STEP,
        "nothing": NOTHING,
        "tables": [_values(table, most, ids) | more for table, more in zip(tables, drawn, strict=True)],
        "ids": [[plain(face) for face in one] for one in ids],
        "shapes": pool.packed(),
        "pictures": list(pool.pictures),
    }
    known = {name: any(name in one for one in drawn) for name in ("drawn", "landmarks")}
    absent = [] if all(known.values()) else [FACES_HOW]
    sources = provenance(tables)
    harms = robustness_side(folders, tables)
    cut = slices_side(folders, tables)
    more = [screen(tables, places) for screen in screens]
    sides = [one for one in (cut, harms, cost_side(folders, tables), *more) if one is not None]
    absent += [how for side, how in ((cut, SLICES_HOW), (harms, HARMS_HOW)) if side is None]
    environment = _environment()
    style, head = _file("page.css"), _file("head.js")
    script = "\n".join(["(() => {", '"use strict";', *map(_file, SCRIPTS), "})();\n"])
    return environment.get_template("page.html").render(
        title=title or " and ".join(Path(folder).name or str(folder) for folder in folders),
        style=Markup(style),
        head=Markup(head),
        script=Markup(script),
        policy=_policy([style], [head, script]),
        boards=[(board_view(board, table), ced_figure(table), table) for table in tables],
        coloured=COLOURED,
        left_out=board.left_out,
        known=known | {"errors": any(table.with_errors for table in tables)},
        sides=sides,
        provenance=sources,
        counts={
            "records": sum(len(row.records) for table in tables for row in table.records),
            "methods": len({row.one.method.label for table in tables for row in table.records}),
            "protocols": len({row.protocol for table in tables for row in table.records}),
        },
        absent=[*absent, *notes],
        data=data,
        version=_version(),
    )


def _drawn(
    table: Measured, faces: Mapping[str, KnownFaces], places: Mapping[str, Path], pool: Shapes, most: int
) -> dict[str, Any]:
    known = faces.get(table.records[0].one.protocol.hash)
    if known is None or not table.with_errors:
        return {}
    found = {"drawn": drawings(table, known, places, pool, most), "landmarks": landmark_values(table, known)}
    return {name: values for name, values in found.items() if values is not None}


def _values(table: Measured, most: int, ids: dict[tuple[str, ...], int]) -> dict[str, Any]:
    """Return what scripts know of a table: its methods, and the packed errors of the faces that the page holds."""
    m = len(table.with_errors)
    faces, n_random = sampled(table.errors, most // max(1, m)) if m else (np.zeros(0, int), 0)
    names = tuple(table.ids[faces].tolist())
    return {
        "slug": table.slug,
        "title": plain(table.place[1]),
        "methods": [plain(name) for name in table.methods],
        "rows": list(table.with_errors),
        "total": len(table.ids),
        "random": n_random,
        "ids": ids.setdefault(names, len(ids)),
        "errors": packed_errors(table.errors[:, faces]),
        "faces": [int(face) for face in faces] if len(faces) < len(table.ids) else None,
        "pairs": pair_values(table),
        "groups": table.groups is not None,
        "threshold": 100 * table.records[0].one.protocol.thresholds[0],
    }


def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("fldbench.report.page", "files"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    return found


def _file(name: str) -> str:
    return Path(__file__).with_name("files").joinpath(name).read_text(encoding="utf-8")


def _policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """Return a content security policy that allows these styles and scripts, pictures in the file, and nothing else."""
    allowed = {"style-src": styles, "script-src": scripts}
    hashes = [f"{what} {' '.join(map(_hash, texts))}" for what, texts in allowed.items()]
    return "; ".join(["default-src 'none'", *hashes, "img-src data:", "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _version() -> str:
    import fldbench

    return fldbench.__version__
