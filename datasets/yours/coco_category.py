"""Categories of a COCO file: which annotations are faces, and which point each name of a keypoint is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import DataError
from fldbench.files import listed
from fldbench.schemes import Scheme, fit_to, get_scheme, list_schemes

_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
_OTHER_SIDE = {"left": "right", "right": "left", "": ""}
_SAME = {
    "eyebrow": "brow",
    "lips": "lip",
    "corner": "",
    "center": "",
    "centre": "",
    "tip": "",
    "end": "",
    "pupil": "eye",
}


def chosen_category(content: dict[str, Any], used: Sequence[Any], wanted: int | str | None, path: Path) -> Any:
    """Return the id of the category to read; None where the annotations name none.

    Parameters
    ----------
    content : dict
        The whole file.
    used : sequence
        `category_id` of every annotation with keypoints.
    wanted : int, str or None
        The option: an id or a name.

    Raises
    ------
    DataError
        For a category that is not there, and for several among which nobody chose.
    """
    rows = content.get("categories")
    rows = [row for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict)]
    known = {row["id"]: row for row in rows if isinstance(row.get("id"), int | str)}
    counts = Counter(one for one in used if isinstance(one, (int, str)))
    shown = [f"{known.get(one, {}).get('name', one)!r} ({n} annotations)" for one, n in counts.items()]
    if wanted is not None:
        found = [one for one in counts if one == wanted or known.get(one, {}).get("name") == wanted]
        if len(found) != 1:
            raise DataError(f"category is {wanted!r}; with keypoints there are {listed(shown) or 'none'}", path)
        return found[0]
    if len(counts) > 1:
        raise DataError(f"keypoints of several categories: {listed(shown)}; choose one with category='...'", path)
    return next(iter(counts), None)


def names_of(content: dict[str, Any], category: Any, n_points: int) -> list[str]:
    """Return the names of a category's keypoints; empty unless there is one for each point."""
    rows = content.get("categories")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("id") == category and isinstance(row.get("keypoints"), list):
            names = [str(name) for name in row["keypoints"]]
            return names if len(names) == n_points else []
    return []


def by_names(
    names: Sequence[str], landmarks: np.ndarray, wanted: str | None, path: Path
) -> tuple[str | None, list[int] | None]:
    """Return the scheme whose points the names are, and the order that brings them into it.

    Left may be image-left or the person's own left; the points themselves say which. (wanted, None) for names that no
    scheme knows.

    Parameters
    ----------
    names : sequence of L str
    landmarks : (n, L, 2) array
        In the order of the names.
    wanted : str, optional
        The scheme that was asked for.

    Raises
    ------
    DataError
        For known names at places that contradict them.
    """
    meant = [
        (scheme, order)
        for scheme in map(get_scheme, list_schemes() if wanted is None else [wanted])
        for order in _orders(names, scheme)
    ]
    if not meant:
        return wanted, None
    fits = [fit_to(landmarks[:, order], scheme) for scheme, order in meant]
    good = [one for one, fit in zip(meant, fits, strict=True) if fit.good]
    if len(good) == 1:
        return good[0][0].name, good[0][1]
    if wanted is not None and any(order == list(range(len(names))) for _, order in meant):
        return wanted, None
    shown = " or ".join(str(fit) for fit in fits)
    raise DataError(f"the keypoints are named {listed(names)}, but do not lie so: {shown}; correct the names", path)


def _orders(names: Sequence[str], scheme: Scheme) -> Iterator[list[int]]:
    """Yield the order of the names in a scheme that has the same ones, with left and right in either meaning."""
    if scheme.names is None or len(scheme.names) != len(names):
        return
    if set(scheme.names) == set(names):
        yield [names.index(name) for name in scheme.names]
        return
    own = [_key(name) for name in scheme.names]
    for keys in ([_key(name) for name in names], [(_OTHER_SIDE[s], part) for s, part in map(_key, names)]):
        if len(set(keys)) == len(keys) and set(keys) == set(own):
            yield [keys.index(key) for key in own]


def _key(name: str) -> tuple[str, str]:
    """Return side and part of a name, such as ("left", "mouth") for "mouth_left" and "LeftMouthCorner"."""
    words = re.sub("([a-z])([A-Z])", r"\1 \2", name).lower()
    parts = re.findall("[a-z]+|[0-9]+", words)
    side = next((_SIDES[word] for word in parts if word in _SIDES), "")
    return side, " ".join(sorted(_SAME.get(word, word) for word in parts if word not in _SIDES)).strip()
