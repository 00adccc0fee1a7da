"""One line about each name, as `fldbench list` writes it.

The lines of everything that comes with fldbench are kept in `lines.csv`, so that nothing is imported to list them.
`python -m fldbench.cli.lines` writes that file, and a test holds it equal to what the code says. The lines of plug-ins
are made when they are asked for.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fldbench.errors import FldbenchError
from fldbench.files import read_text, write_text
from fldbench.registry import registered, resolve

KEPT = Path(__file__).with_name("lines.csv")


def lines(part: str) -> dict[str, str]:
    """Return name -> line of one part of the list, a key of `OF_CLASSES` or of `WHOLE`."""
    kept = {name: line for one, name, line in csv.reader(read_text(KEPT).splitlines()) if one == part}
    if part in OF_CLASSES:
        make, kind = OF_CLASSES[part], part.removesuffix("s")
        found = {}
        for name, target in registered(kind).items():
            known = isinstance(target, str) and target in kept
            found[name] = kept[target] if known else make(kind, name, target)
        return found
    if part == "schemes":
        return kept | {name: _points(name) for name in registered("scheme") if name not in kept}
    if part in ("protocols", "published") and registered("protocol"):  # one's own may replace one that was there
        return WHOLE[part]()
    return kept


def made() -> list[tuple[str, str, str]]:
    """Return what the file has to hold by what the code says: part, name or `module:Class`, line."""
    rows: dict[tuple[str, str], str] = {}
    for part, make in OF_CLASSES.items():
        kind = part.removesuffix("s")
        for name, target in registered(kind).items():
            rows[part, target] = make(kind, name, target)
    for part, whole in WHOLE.items():
        rows |= {(part, name): line for name, line in whole().items()}
    return [(*place, line) for place, line in rows.items()]


def _summary(kind: str, name: str, target: Any) -> str:
    """Return how the docstring of a class begins; the class is not imported."""
    from fldbench.docstrings import doc_of, summary

    text = summary(doc_of(target))
    if not text and isinstance(target, str):
        try:
            resolve(kind, name)
        except FldbenchError as error:
            return f"broken: {error}"
    return text


def _faces(kind: str, name: str, target: Any) -> str:
    """Return the scheme, the splits, the numbers of faces and the attributes of a dataset."""
    try:
        dataset = resolve(kind, name)()
    except FldbenchError as error:  # one broken plug-in does not end the list
        return f"broken: {error}"
    counts = ", ".join(f"{part} {n}" for part, n in dataset.expected.items())
    scheme = getattr(dataset, "scheme", "any scheme")
    splits, tasks = f"splits {', '.join(dataset.splits)}", ", ".join(dataset.attribute_types)
    return "; ".join(text for text in (scheme, splits, counts, tasks and f"attributes {tasks}") if text)


def _protocols() -> dict[str, str]:
    from fldbench.protocols import catalogue

    return dict(catalogue()[0])


def _modifiers() -> dict[str, str]:
    from fldbench.protocols import catalogue

    return dict(catalogue()[1])


def _schemes() -> dict[str, str]:
    from fldbench.schemes import list_schemes

    return {name: _points(name) for name in list_schemes()}


def _points(name: str) -> str:
    from fldbench.schemes import get_scheme

    return f"{get_scheme(name).n_points} points"


def _harms() -> dict[str, str]:
    from fldbench.faces.harm import HARMS

    return {
        name: f"{' '.join(f'{amount:g}' for amount in harm.amounts):<26}{harm.about}" for name, harm in HARMS.items()
    }


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


OF_CLASSES: dict[str, Callable[[str, str, Any], str]] = {"methods": _summary, "datasets": _faces, "detectors": _summary}
WHOLE: dict[str, Callable[[], dict[str, str]]] = {
    "protocols": _protocols,
    "modifiers": _modifiers,
    "schemes": _schemes,
    "harms": _harms,
    "published": _published,
}

if __name__ == "__main__":
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(made())
    write_text(KEPT, table.getvalue())
